/** The Batch page: many texts from a table, checked by row, spoken one by one and taken as one ZIP. */

import { nearestLanguage } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { options } from "../widgets/field.js";
import { formats, takeFormat } from "../widgets/job.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { createTable } from "../widgets/table.js";
import { decoded, rowsOf } from "./batch-rows.js";
import { batchTable, previewTable } from "./batch-tables.js";
import { FORMATS } from "./job-view.js";

const PATH = "/jobs/batch";
const POLL_MS = 1000;

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { query }) {
  const ask = () => Promise.all([app.catalog.load(), app.api.get(`${PATH}?limit=20`)]);
  return loadPage(root, app, ask, ([studio, { batches }]) => show(root, app, studio, batches, query.id ?? "")).close;
}

/**
 * @param {HTMLElement} root @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio
 * @param {any[]} batches @param {string} first the batch that is shown
 */
function show(root, app, studio, batches, first) {
  const { api, texts } = app;
  const known = {
    typed: "",
    language: nearestLanguage(studio.languages, texts.language()),
    voice: "",
    preview: /** @type {any} */ (null),
    batch: /** @type {any} */ (null),
    batches: /** @type {any[]} */ (batches),
    format: formats()[0],
    skip: false,
    isBusy: false,
    error: "",
  };
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const tried = async (/** @type {() => Promise<Partial<typeof known>>} */ step) => {
    change({ isBusy: true, error: "" });
    try {
      change({ ...(await step()), isBusy: false });
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      change({ error: message, isBusy: false });
      app.announce(message);
    }
  };
  const defaults = () => ({ language: known.language, ...(known.voice ? { voice: known.voice } : {}) });
  const sendTable = (/** @type {BlobPart} */ table, /** @type {Record<string, string>} */ more) => {
    const form = new FormData();
    form.append("file", new Blob([table], { type: "text/csv" }), "batch.csv");
    Object.entries({ ...defaults(), ...more }).forEach(([name, value]) => form.append(name, value));
    return api.post(PATH, form);
  };
  const send = (/** @type {Record<string, string>} */ more) => {
    const { table, texts: lines } = rowsOf(known.typed);
    if (table !== undefined) return sendTable(table, more);
    const flags = Object.fromEntries(Object.keys(more).map((name) => [name, true]));
    return api.post(PATH, { texts: lines, ...defaults(), ...flags });
  };
  const list = async () => (await api.get(`${PATH}?limit=20`)).batches;
  const open = (/** @type {string} */ id) => tried(async () => ({ batch: await api.get(`${PATH}/${id}`) }));
  const acts = {
    check: () => tried(async () => ({ preview: await send({ dry_run: "true" }) })),
    start: () =>
      tried(async () => {
        const batch = await send(known.skip ? { skip_bad: "true" } : {});
        return { batch, preview: null, typed: "", skip: false, batches: await list() };
      }),
    open,
    retry: () =>
      tried(async () => {
        await api.post(`${PATH}/${known.batch.id}/retry`);
        return { batch: await api.get(`${PATH}/${known.batch.id}`) };
      }),
    cancel: () => tried(async () => ({ batch: await api.post(`${PATH}/${known.batch.id}/cancel`) })),
    remove: async () => {
      const question = texts.t("page.batch.delete_question", { title: known.batch.title || known.batch.id });
      if (!(await confirm(texts, { question, cost: texts.t("page.batch.delete_cost"), action: texts.t("page.batch.delete") }))) return;
      await tried(async () => {
        const left = Object.keys((await api.remove(`${PATH}/${known.batch.id}`)).not_deleted);
        if (left.length === 0) return { batch: null, batches: await list() };
        const batch = await api.get(`${PATH}/${known.batch.id}`);
        return { batch, batches: await list(), error: texts.t("page.batch.stays", { jobs: left.join(", ") }) };
      });
    },
    file: async (/** @type {any} */ event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (!file) return;
      const bytes = await file.arrayBuffer();
      const typed = decoded(bytes);
      if (typed !== null) change({ typed, preview: null, error: "" });
      else await tried(async () => ({ preview: await sendTable(bytes, { dry_run: "true" }) })); // refused: the service names the byte
    },
  };
  /** How the opened batch goes: no act of the reader's, so it takes nothing from sight while it asks. */
  const look = async () => {
    const { id } = known.batch;
    try {
      const batch = await api.get(`${PATH}/${id}`);
      if (known.batch?.id === id && !known.isBusy) change({ batch, batches: known.batches.map((one) => (one.id === id ? batch : one)) });
    } catch (error) {
      const { status, message } = /** @type {import("../api.js").ApiError} */ (error);
      if (status === 404 && known.batch?.id === id) change({ batch: null, error: message }); // else the next look may tell
    }
  };
  const redraw = () => view.redraw();
  const tables = { preview: createTable(texts, previewTable(texts, () => known.preview), redraw), batch: createTable(texts, batchTable(app), redraw) };
  const view = createView(root, () => drawn(app, studio, known, change, acts, tables));
  const poll = setInterval(() => {
    if (known.batch && !known.batch.is_ended && !known.isBusy) void look();
  }, POLL_MS);
  if (first) void open(first);
  return all(() => clearInterval(poll), view.close);
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {any} known @param {(values: any) => void} change @param {any} acts @param {any} tables */
function drawn(app, studio, known, change, acts, tables) {
  const { texts } = app;
  return html`<h1>${texts.t("page.nav.batch")}</h1>
    <p>${texts.t("page.batch.about")}</p>
    ${known.error ? alert(known.error) : nothing} ${form(app, studio, known, change, acts)}
    ${known.preview ? checked(texts, known, change, acts, tables.preview) : nothing}
    ${known.batch ? opened(texts, known, change, acts, tables.batch) : nothing}
    ${known.batches.length > 0 ? earlier(texts, known, acts) : nothing}`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {any} known @param {(values: any) => void} change @param {any} acts */
function form({ texts }, studio, known, change, acts) {
  const languages = /** @type {[string, string][]} */ (studio.languages.map((tag) => [tag, texts.languageName(tag)]));
  const voices = /** @type {[string, string][]} */ (studio.voices.map(({ id, title }) => [id, title]));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void acts.check();
  };
  return html`<form class="card card-body" @submit=${submit}>
    <label for="batch-rows" class="form-label">${texts.t("page.batch.rows")}</label>
    <textarea id="batch-rows" class="form-control" rows="8" required spellcheck="false" aria-describedby="batch-hint" placeholder="text,language,voice" .value=${live(known.typed)} @input=${(/** @type {any} */ event) => change({ typed: event.target.value, preview: null })}></textarea>
    <p id="batch-hint" class="fine">${texts.t("page.batch.hint")}</p>
    <div class="row g-2">
      <div class="col-sm">
        <label for="batch-language" class="form-label">${texts.t("page.batch.language")}</label>
        <select id="batch-language" class="form-select" @change=${(/** @type {any} */ event) => change({ language: event.target.value, preview: null })}>${options(languages, known.language)}</select>
      </div>
      <div class="col-sm">
        <label for="batch-voice" class="form-label">${texts.t("page.batch.voice")}</label>
        <select id="batch-voice" class="form-select" @change=${(/** @type {any} */ event) => change({ voice: event.target.value, preview: null })}>${options([["", texts.t("page.batch.any_voice")], ...voices], known.voice)}</select>
      </div>
    </div>
    <div class="action-row start">
      <button type="submit" class="btn btn-primary" ?disabled=${known.isBusy}>${texts.t("page.batch.check")}</button>
      <label class="btn btn-quiet">${icon("upload")}${texts.t("page.batch.choose")}<input id="batch-file" type="file" accept=".csv,text/csv,.txt" class="visually-hidden" @change=${acts.file} /></label>
    </div>
  </form>`;
}

/** @param {import("../texts.js").Texts} texts @param {any} known @param {(values: any) => void} change @param {any} acts @param {any} table */
function checked(texts, known, change, acts, table) {
  const { preview, skip, isBusy } = known;
  const bad = preview.rows - preview.good;
  const told = { good: texts.number(preview.good), rows: texts.number(preview.rows), characters: texts.number(preview.characters) };
  const time = preview.estimate_s === null ? nothing : html` ${texts.t("page.batch.estimate", { seconds: texts.number(Math.ceil(preview.estimate_s)) })}`;
  return html`<section aria-labelledby="batch-checked">
    <h2 id="batch-checked">${texts.t("page.batch.checked")}</h2>
    <p role="status">${texts.t("page.batch.good", told)}${time}</p>
    ${table.draw(preview.items)}
    <div class="action-row start">
      ${bad > 0 && preview.good > 0
        ? html`<label class="form-check"><input id="batch-skip" type="checkbox" class="form-check-input" .checked=${live(skip)} @change=${(/** @type {any} */ event) => change({ skip: event.target.checked })} /> ${texts.t("page.batch.skip", { count: texts.number(bad) })}</label>`
        : nothing}
      <button type="button" class="btn btn-primary" id="batch-start" ?disabled=${isBusy || preview.good === 0 || (bad > 0 && !skip)} @click=${acts.start}>${texts.t("page.batch.start")}</button>
    </div>
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {any} known @param {(values: any) => void} change @param {any} acts @param {any} table */
function opened(texts, { batch, format, isBusy }, change, acts, table) {
  const { counts } = batch;
  const again = counts.failed + counts.cancelled;
  const pairs = /** @type {[string, string][]} */ (FORMATS.map((name) => [name, name.toUpperCase()]));
  const choose = (/** @type {any} */ event) => {
    takeFormat(event.target.value);
    change({ format: event.target.value });
  };
  return html`<section aria-labelledby="batch-open" data-batch=${batch.id} data-ended=${String(batch.is_ended)} data-job-ids=${(batch.items ?? []).map((/** @type {any} */ item) => item.job_id).join(" ")}>
    <h2 id="batch-open">${batch.title || batch.id}</h2>
    <p role="status">${texts.t("page.batch.done", { done: texts.number(counts.completed), total: texts.number(batch.total) })}</p>
    ${batch.is_ended ? nothing : progress(texts, { percent: batch.progress })}
    <div class="action-row start">
      ${counts.completed > 0
        ? html`<select class="form-select w-auto" aria-label=${texts.t("page.batch.format")} @change=${choose}>${options(pairs, format)}</select>
            <a class="btn btn-primary" id="batch-zip" href="${PATH}/${batch.id}/download?format=${format}" download="${batch.id}.zip">${icon("download")}${texts.t("page.batch.zip")}</a>`
        : nothing}
      ${again > 0 ? html`<button type="button" class="btn btn-quiet" id="batch-retry" ?disabled=${isBusy} @click=${acts.retry}>${texts.t("page.batch.retry", { count: texts.number(again) })}</button>` : nothing}
      ${batch.is_ended ? nothing : html`<button type="button" class="btn btn-quiet" id="batch-cancel" ?disabled=${isBusy} @click=${acts.cancel}>${texts.t("page.batch.cancel")}</button>`}
      <button type="button" class="btn btn-quiet" id="batch-delete" ?disabled=${isBusy} @click=${acts.remove}>${icon("trash")}${texts.t("page.batch.delete")}</button>
    </div>
    ${table.draw(batch.items ?? [])}
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {any} known @param {any} acts */
function earlier(texts, { batches }, acts) {
  const line = (/** @type {any} */ batch) => html`<li>
    <button type="button" class="btn btn-sm btn-quiet" @click=${() => acts.open(batch.id)}>${batch.title || batch.id}</button>
    <span class="fine">${texts.t("page.batch.done", { done: texts.number(batch.counts.completed), total: texts.number(batch.total) })}</span>
  </li>`;
  return html`<section aria-labelledby="batch-earlier">
    <h2 id="batch-earlier">${texts.t("page.batch.earlier")}</h2>
    <ul class="list-unstyled">${batches.map(line)}</ul>
  </section>`;
}
