/** The pronunciation dictionary: its entries in a table, heard, added, brought in and taken out as CSV. */

import { firstVoice } from "../catalog.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { createView } from "../view.js";
import { alert } from "../widgets/states.js";
import { createTable, focusAfterRow } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";

const PATH = "/text/dictionary";
const MOST = 500;

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app) {
  const ask = async () => {
    const [studio, page] = await Promise.all([app.catalog.load(), app.api.get(`${PATH}?limit=${MOST}`)]);
    return { studio, page };
  };
  return loadPage(root, app, ask, (data) => show(root, app, data)).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {{ studio: import("../catalog.js").Catalog, page: any }} data */
function show(root, app, { studio, page }) {
  const { api, texts } = app;
  const known = { entries: page.entries, total: page.total, error: "" };
  /** @type {string[]} */
  const heard = [];
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const tried = async (/** @type {() => Promise<unknown>} */ step) => {
    try {
      await step();
      const { entries, total } = await api.get(`${PATH}?limit=${MOST}`);
      change({ entries, total, error: "" });
      return true;
    } catch (error) {
      change({ error: /** @type {Error} */ (error).message });
      return false;
    }
  };
  const add = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.target;
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
    const body = { ...given, ...(given.is_pattern ? { is_pattern: true } : {}) };
    if (await tried(() => api.post(PATH, body))) form.reset();
  };
  const bringIn = (/** @type {any} */ event) => {
    const form = new FormData();
    form.append("file", event.target.files[0]);
    event.target.value = "";
    return tried(async () => {
      const { read } = await api.post(`${PATH}/import`, form);
      toast(texts.t("page.dictionary.imported", { count: texts.number(read) }));
    });
  };
  const hear = async (/** @type {any} */ entry) => {
    try {
      const src = await spoken(studio, texts.language(), entry);
      heard.push(src);
      await app.sound.play({ key: `entry-${entry.id}`, title: entry.written, src });
    } catch (error) {
      change({ error: /** @type {Error} */ (error).message });
    }
  };
  const remove = async (/** @type {any} */ entry, /** @type {any} */ event) => {
    const refocus = focusAfterRow(event.currentTarget);
    if (!(await tried(() => api.remove(`${PATH}/${entry.id}`)))) return;
    refocus();
    const { id, updated_at: at, ...again } = entry;
    const undo = { text: texts.t("page.toast.undo"), click: () => void tried(() => api.post(PATH, again)) };
    toast(texts.t("page.dictionary.deleted", { written: entry.written }), { action: undo });
  };
  const table = createTable(texts, tableOf(texts, hear, remove), () => view.redraw());
  const view = createView(
    root,
    () => html`<h1>${texts.t("page.nav.dictionary")}</h1>
      <p>${texts.t("page.dictionary.about")}</p>
      ${known.error ? alert(known.error) : nothing} ${addForm(texts, studio, add)}
      <p class="dictionary-csv">
        <a class="btn btn-sm btn-quiet" href=${`${PATH}/export`} download>${icon("download")}${texts.t("page.dictionary.export")}</a>
        <label class="btn btn-sm btn-quiet">${icon("upload")}${texts.t("page.dictionary.import")}<input type="file" accept=".csv,text/csv" class="visually-hidden" @change=${bringIn} /></label>
      </p>
      ${known.total > known.entries.length ? html`<p class="fine">${texts.t("page.dictionary.more", { shown: texts.number(known.entries.length), total: texts.number(known.total) })}</p>` : nothing}
      ${table.draw(known.entries)}`,
  );
  return () => {
    heard.forEach((src) => URL.revokeObjectURL(src));
    view.close();
  };
}

/** @param {import("../texts.js").Texts} texts @param {(entry: any) => void} hear @param {(entry: any, event: Event) => void} remove */
function tableOf(texts, hear, remove) {
  const head = (/** @type {string} */ name) => texts.t(`page.dictionary.${name}`);
  const scope = (/** @type {any} */ { language, voice }) => [language, voice].filter(Boolean).join(", ");
  const said = (/** @type {any} */ { spoken: words, phonemes }) => [words, phonemes ? `/${phonemes}/` : ""].filter(Boolean).join(" ");
  return {
    label: texts.t("page.nav.dictionary"),
    key: (/** @type {any} */ { id }) => String(id),
    matches: (/** @type {any} */ entry, /** @type {readonly string[]} */ words) =>
      words.every((word) => `${entry.written} ${said(entry)} ${scope(entry)}`.toLowerCase().includes(word)),
    pageSize: 50,
    columns: [
      { name: "written", title: head("written"), cell: (/** @type {any} */ e) => (e.is_pattern ? html`<code>${e.written}</code>` : e.written), sortBy: (/** @type {any} */ e) => e.written },
      { name: "spoken", title: head("spoken"), cell: said, sortBy: said },
      { name: "scope", title: head("scope"), cell: scope, sortBy: scope },
    ],
    actions: (/** @type {any} */ entry) => html`${entry.is_pattern
        ? nothing
        : html`<button type="button" class="btn btn-sm btn-quiet" aria-label="${head("hear")}: ${entry.written}" @click=${() => hear(entry)}>${icon("play")}</button>`}
      <button type="button" class="btn btn-sm btn-quiet" aria-label="${head("delete")}: ${entry.written}" data-action="delete" @click=${(/** @type {Event} */ event) => remove(entry, event)}>${icon("trash")}</button>`,
    empty: html`<p class="fine">${head("none")}</p>`,
  };
}

/** @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Catalog} studio @param {(event: any) => void} add */
function addForm(texts, studio, add) {
  const field = (/** @type {string} */ name, /** @type {boolean} */ isNeeded = false) => html`<div class="col-sm">
    <label for="entry-${name}" class="form-label">${texts.t(`page.dictionary.${name}`)}</label>
    <input id="entry-${name}" name=${name} class="form-control" maxlength="200" ?required=${isNeeded} />
  </div>`;
  return html`<form class="card card-body field-row" @submit=${add}>
    ${field("written", true)} ${field("spoken")} ${field("phonemes")}
    <div class="col-sm">
      <label for="entry-language" class="form-label">${texts.t("page.dictionary.language")}</label>
      <select id="entry-language" name="language" class="form-select">
        <option value="">${texts.t("page.dictionary.every")}</option>
        ${studio.languages.map((tag) => html`<option value=${tag}>${texts.languageName(tag)}</option>`)}
      </select>
    </div>
    <div class="col-sm">
      <label class="form-check"><input type="checkbox" class="form-check-input" name="is_pattern" value="true" /> ${texts.t("page.dictionary.is_pattern")}</label>
      <button type="submit" class="btn btn-primary">${texts.t("page.dictionary.add")}</button>
    </div>
  </form>`;
}

/** The word of an entry, spoken with it. @param {import("../catalog.js").Catalog} studio @param {string} reader @param {any} entry @returns {Promise<string>} an object URL */
async function spoken(studio, reader, entry) {
  const voice = studio.voices.find(({ id }) => id === entry.voice) ?? firstVoice(studio.voices, entry.language || reader);
  const body = { input: entry.written, model: voice.engine, voice: voice.id, response_format: "wav" };
  const response = await fetch("/v1/audio/speech", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": reader },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  return URL.createObjectURL(await response.blob());
}
