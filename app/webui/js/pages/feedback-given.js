/** What everybody said, for an admin: the mean, how often each score was given, and the latest comments. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { url } from "../api.js";
import { alert, loading, retryButton } from "../widgets/states.js";
import { confirm } from "../widgets/confirm.js";
import { focusAfterRow, pager } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";

const SIZE = 10; // comments shown at a time

/** @typedef {import("../api-types.js").FeedbackList} FeedbackList */
/** @typedef {import("../api-types.js").FeedbackView} Feedback */

/** @param {import("../app.js").App} app @param {() => void} redraw */
export function createGiven(app, redraw) {
  const { api, texts } = app;
  const shown = { found: /** @type {FeedbackList | null} */ (null), problem: "", offset: 0 };
  let asked = 0;

  /** Answers may overtake each other: only the last one asked for is shown. @param {number} [offset] */
  async function load(offset = 0) {
    asked += 1;
    const mine = asked;
    try {
      const found = await api.get(url("/feedback", { limit: SIZE, offset }));
      if (mine !== asked) return;
      if (found.feedback.length === 0 && offset > 0) return load(Math.max(0, offset - SIZE));
      Object.assign(shown, { found, offset, problem: "" });
    } catch (error) {
      if (mine !== asked) return;
      shown.problem = /** @type {Error} */ (error).message;
    }
    redraw();
  }

  /** @param {Feedback} one @param {Event} event */
  async function remove(one, event) {
    const focus = focusAfterRow(/** @type {Element} */ (event.currentTarget), "li");
    const question = texts.t("page.feedback.delete_question", { time: texts.time(one.given_at), score: one.score });
    if (!(await confirm(texts, { question, cost: texts.t("page.feedback.delete_cost"), action: texts.t("page.feedback.delete") }))) return;
    try {
      await api.remove(`/feedback/${encodeURIComponent(one.id)}`);
      await load(shown.offset);
      toast(texts.t("page.feedback.deleted"));
      queueMicrotask(focus);
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { kind: "bad" });
    }
  }

  return {
    load,
    close: () => void (asked += 1),
    draw: () => html`<section class="card feedback-given" data-given aria-labelledby="feedback-given">
      <h2 id="feedback-given">${texts.t("page.feedback.given")}</h2>
      ${shown.problem ? alert(shown.problem, retryButton(texts, () => load(shown.offset))) : nothing}
      ${shown.found ? [tally(texts, shown.found), comments(texts, shown.found, shown.offset, { load, remove })] : shown.problem ? nothing : loading(texts)}
    </section>`,
  };
}

/** @param {import("../texts.js").Texts} texts @param {FeedbackList} found */
function tally(texts, { count, mean, scores }) {
  if (mean === null) return html`<p class="fine" data-mean="">${texts.t("page.feedback.mean_unknown")}</p>`;
  const most = Math.max(...scores.map((one) => one.count));
  return html`<div class="feedback-tally">
    <dl>
      <div><dt>${texts.t("page.feedback.mean")}</dt><dd data-mean=${mean}>${texts.number(mean, 2)}</dd></div>
      <div><dt>${texts.t("page.feedback.count")}</dt><dd data-given-count=${count}>${texts.number(count)}</dd></div>
    </dl>
    <table class="feedback-bars">
      <thead class="visually-hidden"><tr><th scope="col">${texts.t("page.feedback.score_column")}</th><th scope="col">${texts.t("page.feedback.count")}</th></tr></thead>
      <tbody>
        ${[...scores].reverse().map(
          (one) => html`<tr data-score=${one.score}>
            <th scope="row">${one.score}</th>
            <td><span><progress class="progress-line" max=${most} value=${one.count} aria-hidden="true"></progress><b>${texts.number(one.count)}</b></span></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/**
 * @param {import("../texts.js").Texts} texts @param {FeedbackList} found @param {number} offset
 * @param {{ load: (offset: number) => unknown, remove: (one: Feedback, event: Event) => unknown }} acts
 */
function comments(texts, { feedback, total }, offset, { load, remove }) {
  return html`<h3>${texts.t("page.feedback.comments")}</h3>
    ${feedback.length === 0
      ? html`<p class="fine">${texts.t("page.feedback.no_comments")}</p>`
      : html`<ul class="feedback-said">${repeat(feedback, ({ id }) => id, (one) => comment(texts, one, remove))}</ul>`}
    ${total > SIZE ? pager(texts, { offset, shown: feedback.length, total, size: SIZE, onPage: load }) : nothing}`;
}

/** @param {import("../texts.js").Texts} texts @param {Feedback} one @param {(one: Feedback, event: Event) => unknown} remove */
function comment(texts, one, remove) {
  const about = one.page && texts.has(`page.nav.${one.page}`) ? texts.t(`page.nav.${one.page}`) : one.page;
  const facts = [one.user_name, about, texts.time(one.given_at)].filter(Boolean).join(" · ");
  return html`<li data-feedback=${one.id}>
    <span class="feedback-score"><span class="visually-hidden">${texts.t("page.feedback.score_of", { score: one.score })}</span><span aria-hidden="true">${one.score}</span></span>
    <div><p>${one.comment}</p><p class="fine">${facts}</p></div>
    <button type="button" class="btn btn-sm btn-quiet" data-action="delete" aria-label="${texts.t("page.feedback.delete")}: ${facts}" @click=${(/** @type {Event} */ event) => remove(one, event)}>${icon("trash")}</button>
  </li>`;
}
