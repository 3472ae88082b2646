/** The clips: pages, filters, sound, texts that are mended in place; all of it by keyboard as well. */

import { url } from "../api.js";
import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { options } from "../widgets/field.js";
import { hearButton } from "../widgets/player-bar.js";
import { createTable, pager } from "../widgets/table.js";
import { createWaveform } from "../widgets/waveform.js";

const BASE = "/training/dataset";
const SIZE = 25;
const WAIT_MS = 200; // for the next letter
const EMPTY = { text: "", min_duration: "", max_duration: "", finding: "", speaker: "", decision: "" };
const DECISIONS = ["keep", "review", "drop"];
const FINDINGS = ["clipped", "duplicate", "edge_words", "low_mos", "narrow_band", "no_words", "noisy", "other_speaker", "silence", "too_fast", "too_quiet", "truncated", "unclear", "wrong_language", "wrong_text"];

/**
 * @param {import("../app.js").App} app
 * @param {() => string} dataset
 * @param {{ changed: () => void, failed: (error: Error) => void, redraw: () => void }} told
 */
export function createSamples(app, dataset, { changed, failed, redraw }) {
  const { api, texts } = app;
  const shown = { page: 1, total: 0, canUndo: false, rows: /** @type {any[]} */ ([]), open: /** @type {any} */ (null) };
  /** @type {Map<string, string>} texts that are typed and not yet saved, by row: what comes in leaves them alone */
  const unsaved = new Map();
  let filters = { ...EMPTY };
  let asked = 0;
  let timer = 0;
  /** @type {ReturnType<typeof createWaveform> | null} */
  let wave = null;
  const unhear = app.sound.subscribe(redraw);
  const of = (/** @type {string} */ path) => url(`${BASE}${path}`, { dataset: dataset() });

  const table = createTable(
    texts,
    {
      label: texts.t("page.dataset.samples"),
      key: ({ id }) => id,
      name: ({ id }) => texts.t("page.dataset.select", { name: id }),
      bulk: (keys) => DECISIONS.map((decision) => html`<button type="button" class="btn btn-sm btn-quiet" data-bulk=${decision} @click=${() => decide(keys, decision)}>${texts.t(`page.dataset.decision.${decision}`)}</button>`),
      data: (row) => ({ decision: row.decision }),
      empty: html`<p class="fine">${texts.t("page.dataset.none")}</p>`,
      columns: [
        { name: "id", title: texts.t("page.dataset.column.id"), cell: (row) => html`<span class="fine">${row.id}</span>` },
        { name: "text", title: texts.t("page.dataset.column.text"), width: "wide", cell: textCell },
        { name: "length", title: texts.t("page.dataset.column.length"), width: "narrow", cell: (row) => texts.t("page.fact.seconds", { seconds: texts.number(row.duration_s, 1) }) },
        { name: "decision", title: texts.t("page.dataset.column.decision"), cell: decisionCell },
      ],
      actions: (row) => html`<div class="action-row">
        ${hearButton(app, { key: `sample ${row.id}`, title: row.id, src: row.audio_url, label: texts.t("page.dataset.hear", { name: row.id }) })}
        <button type="button" class="btn btn-sm btn-quiet" data-action="open" aria-expanded=${shown.open?.id === row.id} aria-label=${texts.t("page.dataset.open", { name: row.id })} @click=${() => open(row)}>${icon("live")}</button>
      </div>`,
      below: (row) => (shown.open?.id === row.id ? editor(row) : row.findings.length > 0 ? findings(row) : nothing),
    },
    redraw,
  );

  function textCell(/** @type {any} */ row) {
    return html`<textarea class="form-control" rows="2" data-text=${row.id} aria-label=${texts.t("page.dataset.text_of", { name: row.id })} .value=${live(unsaved.get(row.id) ?? row.text)} @input=${(/** @type {any} */ event) => void unsaved.set(row.id, event.target.value)} @blur=${(/** @type {any} */ event) => save(row, event.target.value)}></textarea>`;
  }

  function decisionCell(/** @type {any} */ row) {
    return html`<select class="form-select form-select-sm" data-decision=${row.id} aria-label=${texts.t("page.dataset.decision_of", { name: row.id })} @change=${(/** @type {any} */ event) => decide([row.id], event.target.value)}>${options(DECISIONS.map((name) => [name, texts.t(`page.dataset.decision.${name}`)]), row.decision)}</select>`;
  }

  function findings(/** @type {any} */ row) {
    return html`<span class="fine">${row.findings.map((/** @type {any} */ each) => texts.t(`page.dataset.finding.${each.code}`)).join(" · ")}</span>`;
  }

  /** The waveform, and the words: a click on one parts the clip before it. @param {any} row */
  function editor(row) {
    const at = shown.rows.findIndex(({ id }) => id === row.id);
    const next = shown.rows[at + 1];
    const canJoin = next && next.source === row.source && next.speaker === row.speaker;
    return html`<div class="dataset-editor">
      ${wave?.draw()} ${row.findings.length > 0 ? findings(row) : nothing}
      <p class="fine">${texts.t("page.dataset.split_hint")}</p>
      <div class="dataset-words">
        ${(shown.open.words ?? []).map((/** @type {any} */ word, /** @type {number} */ index) =>
          index === 0
            ? html`<span>${word[0]}</span>`
            : html`<button type="button" class="btn btn-sm btn-quiet" data-split=${index} aria-label=${texts.t("page.dataset.split", { word: word[0] })} @click=${() => act(() => api.post(`${BASE}/samples/${encodeURIComponent(row.id)}/split`, { dataset: dataset(), word: index }))}>${word[0]}</button>`,
        )}
      </div>
      <button type="button" class="btn btn-sm btn-quiet" data-merge ?disabled=${!canJoin} @click=${() => act(() => api.post(`${BASE}/samples/merge`, { dataset: dataset(), ids: [row.id, next.id] }))}>${texts.t("page.dataset.merge")}</button>
    </div>`;
  }

  function shut() {
    wave?.close();
    wave = null;
    shown.open = null;
  }

  async function open(/** @type {any} */ row) {
    const isSame = shown.open?.id === row.id;
    shut();
    if (isSame) return redraw();
    try {
      shown.open = await api.get(of(`/samples/${encodeURIComponent(row.id)}`));
      wave = createWaveform(app, { src: row.audio_url, title: row.id }, redraw);
      redraw();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  async function load() {
    asked += 1;
    const mine = asked;
    try {
      const found = await api.get(url(`${BASE}/samples`, { dataset: dataset(), page: shown.page, size: SIZE, ...filters }));
      if (mine !== asked) return;
      Object.assign(shown, { rows: found.samples, total: found.total, canUndo: found.can_undo });
      if (shown.open && !shown.rows.some(({ id }) => id === shown.open.id)) shut();
      redraw();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  /** A change, and what is there after it. @param {() => Promise<any>} change */
  async function act(change) {
    try {
      await change();
      shut();
      await load();
      changed();
    } catch (error) {
      failed(/** @type {Error} */ (error));
      await load();
    }
  }

  const save = (/** @type {any} */ row, /** @type {string} */ text) => {
    if (text.trim() === row.text) return void unsaved.delete(row.id);
    void act(async () => {
      await api.patch(`${BASE}/samples/${encodeURIComponent(row.id)}`, { dataset: dataset(), text });
      unsaved.delete(row.id);
    });
  };
  const decide = (/** @type {readonly string[]} */ ids, /** @type {string} */ decision) => act(() => api.post(`${BASE}/samples/decide`, { dataset: dataset(), ids: [...ids], decision }));
  const undo = () => act(() => api.post(`${BASE}/undo`, { dataset: dataset() }));

  /** P hears, N goes on, K keeps, D drops the row that has the focus; not while one writes. @param {KeyboardEvent} event */
  function typed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (["TEXTAREA", "SELECT"].includes(target.tagName) || (target instanceof HTMLInputElement && target.type !== "checkbox")) return;
    if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      return void undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...(/** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("tr[data-row]"))];
    const row = target.closest("tr[data-row]") ?? rows[0];
    const id = row?.getAttribute("data-row");
    if (!id) return;
    const hear = (/** @type {Element | undefined} */ of) => /** @type {HTMLElement | null | undefined} */ (of?.querySelector(".actions button"));
    const key = event.key.toLowerCase();
    if (key === "p") hear(row)?.click();
    else if (key === "n") hear(rows[rows.indexOf(row) + 1])?.focus();
    else if (key === "k") void decide([id], "keep");
    else if (key === "d") void decide([id], "drop");
    else return;
    event.preventDefault();
  }

  function filter(/** @type {string} */ name, /** @type {string} */ value) {
    filters = { ...filters, [name]: value };
    shown.page = 1;
    clearTimeout(timer);
    timer = window.setTimeout(load, WAIT_MS);
  }

  function tools() {
    const label = (/** @type {string} */ name, /** @type {unknown} */ control) => html`<label class="inline-field"><span>${texts.t(`page.dataset.filter.${name}`)}</span>${control}</label>`;
    const input = (/** @type {"text" | "min_duration" | "max_duration" | "speaker"} */ name, /** @type {string} */ kind) =>
      label(name, html`<input type=${kind} min="0" step="0.5" class="form-control form-control-sm" data-filter=${name} .value=${live(filters[name])} @input=${(/** @type {any} */ event) => filter(name, event.target.value)} />`);
    const choice = (/** @type {"finding" | "decision"} */ name, /** @type {readonly string[]} */ values) =>
      label(name, html`<select class="form-select form-select-sm" data-filter=${name} @change=${(/** @type {any} */ event) => filter(name, event.target.value)}>${options([["", texts.t("page.dataset.any")], ...values.map((value) => /** @type {const} */ ([value, texts.t(`page.dataset.${name}.${value}`)]))], filters[name])}</select>`);
    return html`<div class="table-tools">
      ${input("text", "search")} ${input("min_duration", "number")} ${input("max_duration", "number")} ${choice("finding", FINDINGS)} ${choice("decision", DECISIONS)} ${input("speaker", "search")}
      <button type="button" class="btn btn-sm btn-quiet" data-undo ?disabled=${!shown.canUndo} @click=${undo}>${texts.t("page.dataset.undo")}</button>
    </div>`;
  }

  return {
    load,
    reset() {
      filters = { ...EMPTY };
      shown.page = 1;
      shut();
      table.clearSelection();
    },
    close() {
      clearTimeout(timer);
      unhear();
      shut();
    },
    draw: () => html`<div data-samples @keydown=${typed}>
      <h2>${texts.t("page.dataset.samples")} <span class="fine" data-total=${shown.total}>${texts.number(shown.total)}</span></h2>
      <p class="fine">${texts.t("page.dataset.keys")}</p>
      ${tools()} ${table.draw(shown.rows)}
      ${shown.total > SIZE
        ? pager(texts, {
            offset: (shown.page - 1) * SIZE,
            shown: shown.rows.length,
            total: shown.total,
            size: SIZE,
            onPage: (offset) => {
              shown.page = offset / SIZE + 1;
              void load();
            },
          })
        : nothing}
    </div>`,
  };
}
