/** Short words on what was done: they stand above the page for a while, and are said to screen readers. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";

const SHOWN_MS = 6000;

/** @typedef {{ id: number, text: string, kind: "good" | "bad", action?: { text: string, click: () => void } }} Toast */

/** @type {Toast[]} */
let shown = [];
let last = 0;
/** @type {Set<() => void>} */
const listeners = new Set();
const tell = () => listeners.forEach((listener) => listener());

/** @param {number} id */
function drop(id) {
  shown = shown.filter((toast) => toast.id !== id);
  tell();
}

/**
 * Says it. What went wrong stays until it is closed.
 * @param {string} text
 * @param {{ kind?: "good" | "bad", action?: { text: string, click: () => void } }} [options]
 */
export function toast(text, { kind = "good", action } = {}) {
  last += 1;
  const id = last;
  shown = [...shown, { id, text, kind, action }];
  tell();
  if (kind === "good") setTimeout(() => drop(id), SHOWN_MS);
}

/** For the frame, which shows them. */
export const toasts = {
  /** @param {() => void} listener */
  subscribe(listener) {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  },
  /** @param {import("../texts.js").Texts} texts */
  draw: (texts) => html`<div class="toast-container position-fixed end-0 p-3" role="status" aria-live="polite">
    ${repeat(
      shown,
      ({ id }) => id,
      (one) => html`<div class="toast show" data-toast=${one.kind}>
        <div class="toast-body">
          ${icon(one.kind === "good" ? "check" : "warning")}<span class="flex-grow-1">${one.text}</span>
          ${one.action
            ? html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => {
                drop(one.id);
                one.action?.click();
              }}>${one.action.text}</button>`
            : nothing}
          <button type="button" class="btn-close" aria-label=${texts.t("page.toast.close")} @click=${() => drop(one.id)}></button>
        </div>
      </div>`,
    )}
  </div>`,
};
