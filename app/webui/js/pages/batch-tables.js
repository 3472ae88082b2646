/** The tables of the Batch page: rows as they were read, and rows with their jobs. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";

/** @param {import("../texts.js").Texts} texts @param {() => any} preview what was checked last */
export function previewTable(texts, preview) {
  const head = (/** @type {string} */ name) => texts.t(`page.batch.${name}`);
  const errorsOf = (/** @type {number} */ row) => (preview()?.errors ?? []).filter((/** @type {any} */ error) => error.row === row);
  const said = (/** @type {any} */ { field, message }) => (field ? `${field}: ${message}` : message);
  return {
    label: head("checked"),
    key: (/** @type {any} */ { row }) => String(row),
    data: (/** @type {any} */ { is_good }) => ({ good: String(is_good) }),
    pageSize: 50,
    columns: [
      { name: "row", title: head("row"), width: "narrow", cell: (/** @type {any} */ e) => e.row, sortBy: (/** @type {any} */ e) => e.row },
      { name: "text", title: head("text"), width: "wide", cell: (/** @type {any} */ e) => e.text },
      { name: "language", title: head("row_language"), cell: (/** @type {any} */ e) => e.language ?? "" },
      { name: "voice", title: head("voice"), cell: (/** @type {any} */ e) => e.voice ?? "" },
    ],
    below: (/** @type {any} */ { row }) => {
      const errors = errorsOf(row);
      return errors.length > 0 ? html`<span class="field-error">${icon("warning")} ${errors.map(said).join(" ")}</span>` : nothing;
    },
  };
}

/** @param {import("../app.js").App} app */
export function batchTable({ texts }) {
  const head = (/** @type {string} */ name) => texts.t(`page.batch.${name}`);
  const status = (/** @type {any} */ { status: word }) =>
    html`<span class="badge" data-status=${word ?? "gone"}>${word ? texts.t(`page.status.${word}`) : head("gone")}</span>`;
  return {
    label: head("rows"),
    key: (/** @type {any} */ { row }) => String(row),
    pageSize: 50,
    columns: [
      { name: "row", title: head("row"), width: "narrow", cell: (/** @type {any} */ e) => e.row, sortBy: (/** @type {any} */ e) => e.row },
      { name: "text", title: head("text"), width: "wide", cell: (/** @type {any} */ e) => e.text ?? e.name },
      { name: "voice", title: head("voice"), cell: (/** @type {any} */ e) => e.voice ?? "" },
      { name: "status", title: head("status"), cell: status, sortBy: (/** @type {any} */ e) => e.status ?? "" },
    ],
    below: (/** @type {any} */ { error_message: message }) => (message ? html`<span class="field-error">${message}</span>` : nothing),
  };
}
