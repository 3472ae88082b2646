/** Speech that is heard again before it is given out: whether to ask for it, and what was heard. */

import { html, nothing } from "../lit.js";

/**
 * @param {import("../texts.js").Texts} texts @param {import("../drafts.js").Draft} draft
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 */
export function checkField(texts, draft, set) {
  const change = (/** @type {any} */ event) => set({ checkWords: event.target.checked });
  return html`<div class="form-check">
    <input class="form-check-input" type="checkbox" id="check_words" .checked=${draft.checkWords === true} @change=${change} />
    <label class="form-check-label" for="check_words">${texts.t("page.check.ask")}</label>
  </div>`;
}

/**
 * The report of a job whose words were checked: a line for all, and each sentence that something was done for.
 * @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job
 */
export function checkedPart(texts, job) {
  if (!job.check) return nothing;
  const { sentences } = job.check;
  const good = sentences.filter((one) => one.is_good).length;
  const told = sentences.filter((one) => !one.is_good || one.cut_s > 0 || one.tries > 1);
  return html`<details class="checked" ?open=${good < sentences.length}>
    <summary>${texts.t("page.check.good", { good: texts.number(good), count: texts.number(sentences.length) })}</summary>
    <ul>
      ${told.map((one) => sentence(texts, one))}
    </ul>
  </details>`;
}

/** @param {import("../texts.js").Texts} texts @param {import("../api-types.js").CheckedSentence} one */
function sentence(texts, one) {
  const list = (/** @type {readonly string[]} */ words) => words.join(" ");
  const done = [
    one.cut_s > 0 ? texts.t("page.check.cut", { seconds: texts.number(one.cut_s, 2), words: list(one.cut) || "–" }) : "",
    one.tries > 1 ? texts.t("page.check.tries", { kept: texts.number(one.kept), tries: texts.number(one.tries), seeds: one.seeds.join(", ") }) : "",
    one.missing.length > 0 ? texts.t("page.check.missing", { words: list(one.missing) }) : "",
    one.added.length > 0 ? texts.t("page.check.added", { words: list(one.added) }) : "",
    one.babble.length > 0 ? texts.t("page.check.babble", { words: list(one.babble) }) : "",
    one.not_again ? texts.t(`page.check.${one.not_again}`) : "",
  ];
  return html`<li data-good=${String(one.is_good)}>
    <span>${one.text}</span>
    <small class="fine d-block">${texts.t("page.check.heard", { text: one.heard || "–" })}</small>
    <small class="fine d-block">${done.filter(Boolean).join(" ")}</small>
  </li>`;
}
