/** What stands where there is nothing to show yet: loading, a failure, an empty list. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";

/** @param {import("../texts.js").Texts} texts */
export function loading(texts) {
  return html`<div class="loading" role="status"><span class="spinner-border spinner-border-sm" aria-hidden="true"></span> ${texts.t("page.loading")}</div>`;
}

/** A failure a person can act on. @param {string} text @param {unknown} [action] a button or link */
export function alert(text, action = nothing) {
  return html`<div class="alert alert-danger d-flex align-items-center gap-3" role="alert">
    ${icon("warning")}<span class="flex-grow-1">${text}</span>${action}
  </div>`;
}

/** @param {import("../texts.js").Texts} texts @param {() => void} again */
export function retryButton(texts, again) {
  return html`<button type="button" class="btn btn-sm btn-quiet" @click=${again}>${texts.t("page.retry")}</button>`;
}

/**
 * An empty list says why it is empty and leads somewhere.
 * @param {{ drawing: string, text: string, action?: { text: string, click: () => void } }} options
 */
export function emptyState({ drawing, text, action }) {
  return html`<div class="card empty">
    ${icon(drawing)}
    <p>${text}</p>
    ${action
      ? html`<button type="button" class="btn btn-primary" data-empty-action @click=${action.click}>${action.text}</button>`
      : nothing}
  </div>`;
}
