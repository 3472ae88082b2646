/** Where a dataset's recordings come from: links in a queue, files, and how each fared. */

import { url } from "../api.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors, field } from "../widgets/field.js";
import { createTable, focusAfterRow } from "../widgets/table.js";
import { createUpload, dropZone } from "../widgets/upload.js";

const BASE = "/training/dataset";

/**
 * `load()` asks the service, `draw()` shows it. `begun` gets a job that takes files in.
 * @param {import("../app.js").App} app
 * @param {() => string} dataset
 * @param {{ begun: (job: any) => void, failed: (error: Error) => void, redraw: () => void }} told
 */
export function createSources(app, dataset, { begun, failed, redraw }) {
  const { api, texts } = app;
  const errors = createErrors(app, redraw);
  const upload = createUpload(app, redraw);
  /** @type {any[]} */
  let sources = [];
  const table = createTable(
    texts,
    {
      label: texts.t("page.dataset.queue"),
      key: ({ id }) => id,
      pageSize: 10,
      empty: html`<p class="fine">${texts.t("page.dataset.queue_empty")}</p>`,
      columns: [
        { name: "id", title: texts.t("page.dataset.column.id"), cell: ({ id }) => id },
        { name: "origin", title: texts.t("page.dataset.column.origin"), cell: ({ origin }) => origin },
        { name: "state", title: texts.t("page.dataset.column.state"), cell: ({ status }) => texts.t(`page.dataset.source.${status}`) },
        { name: "length", title: texts.t("page.dataset.column.length"), cell: (row) => (row.status === "ready" ? texts.clock(row.duration_s) : "–") },
      ],
      below: (row) => (row.error_message ? html`<span class="field-error">${row.error_message}</span>` : nothing),
      actions: (row) => html`<button type="button" class="btn btn-sm btn-quiet" data-action="remove" aria-label=${texts.t("page.dataset.remove", { name: row.id })} @click=${(/** @type {Event} */ event) => remove(row, event)}>${icon("trash")}</button>`,
    },
    redraw,
  );

  async function load() {
    try {
      sources = await api.get(url(`${BASE}/queue`, { dataset: dataset() }));
      redraw();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  /** What was fetched asks first; what only waits is soon written again. */
  async function remove(/** @type {any} */ { id, status }, /** @type {any} */ event) {
    const refocus = focusAfterRow(event.currentTarget);
    const question = texts.t("page.dataset.remove_question", { name: id });
    const ask = { question, cost: texts.t("page.dataset.remove_cost"), action: texts.t("page.dataset.remove_yes") };
    if (status === "ready" && !(await confirm(texts, ask))) return;
    try {
      await api.remove(url(`${BASE}/queue/${encodeURIComponent(id)}`, { dataset: dataset() }));
      await load();
      refocus();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  async function add(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    try {
      await api.post(`${BASE}/queue`, { ...Object.fromEntries(new FormData(form)), dataset: dataset() });
      errors.clear();
      form.reset();
      await load();
    } catch (error) {
      errors.show(/** @type {Error} */ (error), form);
    }
  }

  async function take(/** @type {File[]} */ files) {
    if (files.length === 0) return;
    const form = new FormData();
    files.forEach((file) => form.append("file", file));
    form.append("dataset", dataset());
    try {
      begun(await upload.send(`${BASE}/upload`, form));
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") failed(/** @type {Error} */ (error));
    }
  }

  const input = (/** @type {string} */ name, /** @type {string} */ kind, /** @type {boolean} */ isNeeded) =>
    field({
      name,
      label: texts.t(`page.dataset.form.${name}`),
      errors,
      control: (a) => html`<input id=${a.id} name=${name} type=${kind} class="form-control" ?required=${isNeeded} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${() => errors.corrected(name)} />`,
    });

  return {
    load,
    draw: () => html`<div class="card" data-sources>
      <h2>${texts.t("page.dataset.recordings")}</h2>
      <form class="dataset-form" @submit=${add}>
        ${input("youtube_url", "url", true)} ${input("name", "text", false)} ${input("description", "text", false)}
        ${errors.drawWhole()}
        <button class="btn btn-primary" data-add>${texts.t("page.dataset.add")}</button>
      </form>
      ${upload.isGoing() ? upload.draw() : dropZone(texts, { id: "dataset-files", title: texts.t("page.dataset.drop"), hint: texts.t("page.dataset.drop_hint"), accept: "audio/*,video/*,.zip,.csv", isMultiple: true, take })}
      <div data-queue>${table.draw(sources)}</div>
    </div>`,
  };
}
