/** Step 1: the recordings, from the microphone or from files. */

import { nearestLanguage, sortLanguages } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing, repeat } from "../lit.js";
import { readingFor } from "../reading.js";
import { all, createView, on } from "../view.js";
import { createErrors, errorLine, field, options } from "../widgets/field.js";
import { createMicrophone } from "../widgets/microphone.js";
import { createUpload, dropZone } from "../widgets/upload.js";

const LEAST_S = 10; // as the service wants at least
const GOOD_S = 50;

/** @typedef {import("../drafts.js").Take} Take */
/** @typedef {(values: Partial<import("../drafts.js").CloneDraft>) => void} Set */

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountRecord(place, app, wizard) {
  const { store, texts } = app;
  const redraw = () => view.redraw();
  const errors = createErrors(app, redraw);
  const set = (/** @type {Partial<import("../drafts.js").CloneDraft>} */ values) => {
    store.dispatch({ type: "clone", values });
    Object.keys(values).forEach((name) => errors.corrected(name === "takes" ? "file" : name));
  };
  const { language } = store.state().clone;
  if (!language || !wizard.languages.includes(language)) {
    set({ language: nearestLanguage(sortLanguages(wizard.languages), texts.language()) });
  }
  const add = (/** @type {string} */ name, /** @type {Blob} */ blob, /** @type {number | null} */ durationS) =>
    set({ takes: [...store.state().clone.takes, { id: crypto.randomUUID(), name, blob, durationS }] });
  const mic = createMicrophone(app, (blob, durationS) => {
    const number = store.state().clone.takes.length + 1;
    add(`${texts.t("page.clone.take_name", { number })}.wav`, blob, durationS);
  });
  const takes = createTakes(app, set);
  const upload = createUpload(app, redraw);
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (upload.isGoing()) return;
    errors.clear();
    try {
      await mic.finish();
      const job = await upload.send("/voices/intake", formOf(store.state().clone));
      wizard.go({ job: job.id });
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") errors.show(/** @type {any} */ (error), form);
    }
  };
  const files = () => fileZone(texts, add);
  const view = createView(
    place,
    () => html`<form class="clone-record" novalidate @submit=${submit}>
      <section class="card">${languageField(app, wizard, set, errors)} ${readingText(app)} ${mic.node}</section>
      <section class="card">${files()} ${takes.draw()} ${errorLine("file", errors)} ${knownText(app, set, errors)}</section>
      <div class="wizard-foot">
        <div>${errors.drawWhole()} ${upload.draw()}</div>
        <button type="submit" class="btn btn-primary btn-lg" ?disabled=${upload.isGoing()}>${texts.t("page.clone.take_in")}</button>
      </div>
    </form>`,
  );
  return all(
    mic.close,
    takes.close,
    upload.cancel,
    store.watch(({ clone }) => clone, redraw),
    on(window, "beforeunload", (event) => {
      if (store.state().clone.takes.length > 0 || mic.isRecording()) event.preventDefault();
    }),
    view.close,
  );
}

/** What the service is sent. @param {import("../drafts.js").CloneDraft} draft @returns {FormData} */
export function formOf({ takes, language, text }) {
  const form = new FormData();
  takes.forEach(({ blob, name }) => form.append("file", blob, name));
  form.append("language", language ?? "");
  if (text.trim()) form.append("text", text);
  return form;
}

/** Seconds of all takes; null when one of them is not known. @param {readonly import("../drafts.js").Take[]} takes */
export function totalS(takes) {
  let sum = 0;
  for (const { durationS } of takes) {
    if (durationS === null) return null;
    sum += durationS;
  }
  return sum;
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {Set} set @param {import("../widgets/field.js").Errors} errors */
function languageField({ store, texts }, wizard, set, errors) {
  const pairs = /** @type {[string, string][]} */ (sortLanguages(wizard.languages).map((tag) => [tag, texts.languageName(tag)]));
  const choose = (/** @type {any} */ event) => set({ language: event.target.value });
  return field({
    name: "language",
    label: texts.t("page.clone.language"),
    errors,
    control: ({ id, invalid, describedBy }) =>
      html`<select id=${id} class="form-select" aria-invalid=${invalid} aria-describedby=${describedBy} @change=${choose}>${options(pairs, store.state().clone.language)}</select>`,
  });
}

/** @param {import("../app.js").App} app */
function readingText({ store, texts }) {
  const { language } = store.state().clone;
  const sentences = readingFor(language);
  if (sentences.length === 0) return nothing;
  return html`<div class="reading">
    <h2>${texts.t("page.clone.read")}</h2>
    <p class="fine">${texts.t("page.clone.read_how")}</p>
    <p class="reading-text" lang=${language} tabindex="0">${sentences.join(" ")}</p>
  </div>`;
}

/** @param {import("../app.js").App} app @param {Set} set @param {import("../widgets/field.js").Errors} errors */
function knownText({ store, texts }, set, errors) {
  return field({
    name: "text",
    label: texts.t("page.clone.text"),
    hint: texts.t("page.clone.text_hint"),
    errors,
    control: ({ id, invalid, describedBy }) => html`<textarea
      id=${id}
      class="form-control"
      rows="3"
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      .value=${live(store.state().clone.text)}
      @input=${(/** @type {any} */ event) => set({ text: event.target.value })}
    ></textarea>`,
  });
}

/** @param {import("../texts.js").Texts} texts @param {(name: string, blob: Blob, durationS: number | null) => void} add */
function fileZone(texts, add) {
  return dropZone(texts, {
    id: "file",
    title: texts.t("page.clone.files"),
    hint: texts.t("page.clone.files_hint"),
    accept: "audio/*,video/*",
    isMultiple: true,
    take: (files) => files.forEach((file) => add(file.name, file, null)),
  });
}

/** What was recorded and chosen, to be heard again or dropped. @param {import("../app.js").App} app @param {Set} set */
function createTakes({ store, texts }, set) {
  /** @type {Map<string, string>} address by take */
  const addresses = new Map();
  const addressOf = (/** @type {Take} */ take) => {
    const known = addresses.get(take.id) ?? URL.createObjectURL(take.blob);
    addresses.set(take.id, known);
    return known;
  };
  const learn = (/** @type {string} */ id, /** @type {number} */ durationS) => {
    if (!Number.isFinite(durationS)) return;
    const { takes } = store.state().clone;
    const isNews = (/** @type {Take} */ take) => take.id === id && take.durationS === null;
    if (takes.some(isNews)) set({ takes: takes.map((/** @type {Take} */ take) => (isNews(take) ? { ...take, durationS } : take)) });
  };
  const drop = (/** @type {any} */ event, /** @type {string} */ id) => {
    const row = event.currentTarget.closest("li");
    const next = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector("[data-drop]");
    set({ takes: store.state().clone.takes.filter((/** @type {Take} */ take) => take.id !== id) });
    (next ?? document.querySelector("[data-record], #file"))?.focus();
  };
  const row = (/** @type {Take} */ take) => html`<li data-take=${take.id}>
    <span class="take-name">${take.name}</span>
    <audio
      controls
      preload="metadata"
      src=${addressOf(take)}
      aria-label=${texts.t("page.clone.hear", { name: take.name })}
      @loadedmetadata=${(/** @type {any} */ event) => learn(take.id, event.target.duration)}
    ></audio>
    ${dropButton(texts.t("page.clone.drop_take", { name: take.name }), take.id, (event) => drop(event, take.id))}
  </li>`;
  return {
    draw() {
      const { takes } = store.state().clone;
      return html`<div class="takes">
        <h2>${texts.t("page.clone.takes")}</h2>
        <ul class="take-list">${repeat(takes, (/** @type {Take} */ take) => take.id, row)}</ul>
        <p class="fine" role="status">${totalText(texts, takes)}</p>
      </div>`;
    },
    close: () => addresses.forEach((address) => URL.revokeObjectURL(address)),
  };
}

/** @param {string} label @param {string} id @param {(event: any) => void} click */
function dropButton(label, id, click) {
  return html`<button type="button" class="btn btn-sm btn-quiet" aria-label=${label} title=${label} data-drop=${id} @click=${click}>${icon("trash")}</button>`;
}

/** @param {import("../texts.js").Texts} texts @param {readonly Take[]} takes */
function totalText(texts, takes) {
  if (takes.length === 0) return texts.t("page.clone.no_take");
  const seconds = totalS(takes);
  if (seconds === null) return texts.t("page.clone.length_unknown");
  const key = seconds < LEAST_S ? "too_little" : seconds < GOOD_S ? "enough" : "good";
  return texts.t(`page.clone.total.${key}`, { time: texts.clock(seconds) });
}
