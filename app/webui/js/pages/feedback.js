/** The Feedback page: how well one gets on, from 1 to 10, in words if one likes; for admins what everybody said. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { PAGES } from "../pages.js";
import { all, createView, focusOn } from "../view.js";
import { createErrors, errorLine, field, options } from "../widgets/field.js";
import { createGiven } from "./feedback-given.js";

const SCORES = Array.from({ length: 10 }, (_, index) => index + 1);
const MOST_COMMENT = 2000;

/** @typedef {import("../api-types.js").Me} Me */

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app) {
  return loadPage(root, app, () => app.api.get("/auth/me"), (me) => show(root, app, me)).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {Me} me */
function show(root, app, me) {
  const { texts } = app;
  const given = me.is_admin ? createGiven(app, () => view.redraw()) : null;
  const form = createForm(root, app, () => view.redraw(), () => given?.load());
  const mayGive = me.scopes.includes("speak");
  const view = createView(
    root,
    () => html`<div class="page-head"><h1>${texts.t("page.nav.feedback")}</h1></div>
      <div class="feedback">${mayGive ? form.draw() : signIn(texts)} ${given ? given.draw() : nothing}</div>`,
  );
  void given?.load();
  return all(view.close, given?.close ?? (() => {}));
}

/** @param {import("../texts.js").Texts} texts */
function signIn(texts) {
  return html`<p class="card" data-sign-in>${texts.t("page.feedback.sign_in")} <a href="#/account">${texts.t("page.feedback.sign_in_link")}</a></p>`;
}

/**
 * The form, and the thanks in its place when it was sent.
 * @param {HTMLElement} root @param {import("../app.js").App} app @param {() => void} redraw @param {() => unknown} sent
 */
function createForm(root, app, redraw, sent) {
  const { api, texts } = app;
  const errors = createErrors(app, redraw);
  const kept = { score: 0, comment: "", page: "", isSending: false, isGiven: false };
  const set = (/** @type {Partial<typeof kept>} */ values) => {
    Object.assign(kept, values);
    redraw();
  };

  async function send(/** @type {Event} */ event) {
    event.preventDefault();
    if (kept.isSending) return;
    const form = /** @type {HTMLElement} */ (event.currentTarget);
    errors.clear();
    if (!kept.score) {
      const missing = [{ field: "score", message: texts.t("page.feedback.score_missing") }];
      errors.show(Object.assign(new Error(), { errors: missing }), form);
      focusOn(form, "[name=score]");
      return;
    }
    set({ isSending: true });
    try {
      const { score, page } = kept;
      const comment = kept.comment.trim();
      await api.post("/feedback", { score, ...(comment ? { comment } : {}), ...(page ? { page } : {}) });
      set({ isSending: false, isGiven: true });
      queueMicrotask(() => focusOn(root, "[data-thanks] h2"));
      void sent();
    } catch (error) {
      set({ isSending: false });
      errors.show(/** @type {Error} */ (error), form);
    }
  }

  const again = () => {
    set({ score: 0, comment: "", page: "", isGiven: false });
    queueMicrotask(() => focusOn(root, "[name=score]"));
  };
  const choose = (/** @type {number} */ score) => {
    set({ score });
    errors.corrected("score");
  };
  return {
    draw: () => (kept.isGiven ? thanks(texts, kept.score, again) : drawForm(texts, errors, kept, { send, choose, set })),
  };
}

/** @param {import("../texts.js").Texts} texts @param {number} score @param {() => void} again */
function thanks(texts, score, again) {
  return html`<section class="card feedback-thanks" data-thanks>
    ${icon("check")}
    <h2>${texts.t("page.feedback.thanks")}</h2>
    <p>${texts.t("page.feedback.thanks_more", { score })}</p>
    <button type="button" class="btn btn-quiet" data-again @click=${again}>${texts.t("page.feedback.again")}</button>
  </section>`;
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../widgets/field.js").Errors} errors
 * @param {{ score: number, comment: string, page: string, isSending: boolean }} kept
 * @param {{ send: (event: Event) => unknown, choose: (score: number) => void, set: (values: any) => void }} acts
 */
function drawForm(texts, errors, kept, { send, choose, set }) {
  const pages = /** @type {[string, string][]} */ (PAGES.map(({ name }) => [name, texts.t(`page.nav.${name}`)]));
  const count = html`<span class="fine" data-count>${texts.number(kept.comment.length)} / ${texts.number(MOST_COMMENT)}</span>`;
  const write = (/** @type {any} */ event) => {
    set({ comment: event.target.value });
    errors.corrected("comment");
  };
  return html`<form class="card feedback-form" data-form="feedback" novalidate @submit=${send}>
    ${scores(texts, errors, kept.score, choose)}
    ${field({
      name: "comment",
      label: texts.t("page.feedback.comment"),
      hint: texts.t("page.feedback.comment_hint"),
      aside: count,
      errors,
      control: (a) => html`<textarea class="form-control" name="comment" rows="4" maxlength=${MOST_COMMENT} id=${a.id} .value=${kept.comment} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${write}></textarea>`,
    })}
    ${field({
      name: "page",
      label: texts.t("page.feedback.about"),
      errors,
      control: (a) => html`<select class="form-select" name="page" id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ page: event.target.value })}>${options([["", texts.t("page.feedback.about_whole")], ...pages], kept.page)}</select>`,
    })}
    ${errors.drawWhole()}
    <button class="btn btn-primary" ?disabled=${kept.isSending}>${texts.t("page.feedback.send")}</button>
  </form>`;
}

/** Ten radio buttons in a row. @param {import("../texts.js").Texts} texts @param {import("../widgets/field.js").Errors} errors @param {number} chosen @param {(score: number) => void} choose */
function scores(texts, errors, chosen, choose) {
  return html`<fieldset class="field" aria-describedby="score-ends score-error">
    <legend>${texts.t("page.feedback.score")}</legend>
    <div class="feedback-scores">
      ${SCORES.map(
        (score) => html`<div>
          <input type="radio" class="btn-check" name="score" id="score-${score}" value=${score} .checked=${score === chosen} @change=${() => choose(score)} />
          <label class="preset-card" for="score-${score}">${score}</label>
        </div>`,
      )}
    </div>
    <p class="fine feedback-ends" id="score-ends"><span>${texts.t("page.feedback.worst")}</span> <span>${texts.t("page.feedback.best")}</span></p>
    ${errorLine("score", errors)}
  </fieldset>`;
}
