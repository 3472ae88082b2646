/** What is wrong with a form, said where it is wrong. */

import { el, replace } from "../dom.js";
import { sentenceCase } from "../texts.js";
import { alert } from "./job-view.js";

/** @param {string} field */
export function errorLine(field) {
  return el("div", { id: `${field}-error`, class: "field-error", data: { errorFor: field } });
}

/** @param {HTMLElement} form */
export function clearErrors(form) {
  form.querySelectorAll("[data-error-for]").forEach((line) => replace(line));
  form.querySelectorAll("[aria-invalid]").forEach((control) => control.removeAttribute("aria-invalid"));
  replace(/** @type {Element} */ (form.querySelector("[data-problem]")));
}

/**
 * Each message at its field; what belongs to no field of this page stands below the form.
 * @param {HTMLElement} form @param {import("../app.js").App} app @param {import("../api.js").ApiError} error
 */
export function showErrors(form, app, error) {
  const homeless = [];
  for (const { field, message } of error.errors ?? []) {
    const line = form.querySelector(`[data-error-for="${CSS.escape(field)}"]`);
    if (!line) homeless.push(message);
    else {
      replace(line, sentenceCase(message));
      form.querySelector(`#${CSS.escape(field)}`)?.setAttribute("aria-invalid", "true");
    }
  }
  const isPlaced = (error.errors ?? []).length > 0 && homeless.length === 0;
  if (!isPlaced) replace(/** @type {Element} */ (form.querySelector("[data-problem]")), alert(error.message));
  /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid]"))?.focus();
  app.announce(error.message);
}
