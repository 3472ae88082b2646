/** What trainings kept: measured, to be heard, downloaded, spoken with, made a voice, deleted. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { all } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors, errorLine, field, options } from "../widgets/field.js";
import { hearButton } from "../widgets/player-bar.js";
import { loading } from "../widgets/states.js";
import { createTable, focusAfterRow } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";
import { createJudging } from "./checkpoint-judging.js";
import { inRank, measured, nameOf, size } from "./figures.js";

const BASE = "/training/checkpoints";
const STATEMENT = "clone.consent_statement";

/**
 * @param {import("../app.js").App} app
 * @param {{ judged: () => void, learning: () => string, failed: (error: Error) => void, redraw: () => void }} told as `createJudging`
 */
export function createCheckpoints(app, { judged, learning, failed, redraw }) {
  const { api, store, texts } = app;
  const errors = createErrors(app, redraw);
  const shown = { rows: /** @type {any[] | null} */ (null), open: "", isSending: false, loading: "" };
  const unhear = app.sound.subscribe(redraw);
  const judging = createJudging(app, { judged: () => (judged(), void ask().catch(failed)), learning, failed, redraw });
  let isClosed = false;
  const run = () => store.state().training.run;
  const path = (/** @type {any} */ row) => `${BASE}/${row.name.split("/").map(encodeURIComponent).join("/")}`;
  const head = (/** @type {string} */ name) => texts.t(`page.training.column.${name}`);
  const words = (/** @type {any} */ row) => (row.evidence?.word_error_rate ?? null) === null ? "–" : `${texts.number(100 * row.evidence.word_error_rate)} %`;

  const table = createTable(
    texts,
    {
      label: texts.t("page.training.checkpoints"),
      key: ({ name }) => name,
      data: (row) => ({ checkpoint: row.name, best: String(row.is_best) }),
      pageSize: 20,
      empty: html`<p class="fine">${texts.t("page.training.no_checkpoints")}</p>`,
      columns: [
        { name: "epoch", title: head("epoch"), width: "wide", cell: epochCell, sortBy: ({ run, step }) => `${run} ${String(step).padStart(9, "0")}` },
        { name: "score", title: head("score"), width: "narrow", cell: ({ evidence }) => measured(texts, evidence?.score), sortBy: ({ evidence }) => -(evidence?.score ?? -9) },
        { name: "words", title: head("words"), width: "narrow", cell: words, sortBy: ({ evidence }) => evidence?.word_error_rate ?? 9 },
        { name: "likeness", title: head("likeness"), width: "narrow", cell: ({ evidence }) => pair(measured(texts, evidence?.similarity), measured(texts, evidence?.similarity_unseen)), sortBy: ({ evidence }) => -(evidence?.similarity ?? -9) },
        { name: "pace", title: head("pace"), width: "narrow", cell: ({ evidence }) => measured(texts, evidence?.duration_ratio), sortBy: ({ evidence }) => Math.abs(1 - (evidence?.duration_ratio ?? 9)) },
        { name: "opinion", title: head("opinion"), width: "narrow", cell: ({ evidence }) => measured(texts, evidence?.opinion, 1), sortBy: ({ evidence }) => -(evidence?.opinion ?? 0) },
        { name: "loss", title: head("loss"), width: "narrow", cell: ({ losses, train_loss: learned }) => pair(measured(texts, losses.loss, 4), measured(texts, learned, 4)), sortBy: ({ losses }) => losses.loss },
        { name: "date", title: head("date"), cell: ({ created_at: at, size_bytes: bytes }) => html`<span class="fine">${texts.time(at)}<br />${size(texts, bytes)}</span>`, sortBy: ({ created_at: at }) => at },
      ],
      actions: (row) => html`<div class="action-row">
        ${button(row, "load", "inference", load)}
        <a class="btn btn-sm btn-quiet" data-action="download" href="${path(row)}/download" download aria-label=${texts.t("page.training.download", { name: nameOf(texts, row) })} title=${texts.t("page.training.download", { name: nameOf(texts, row) })}>${icon("download")}</a>
        ${button(row, "voice", "person", (one) => open(one.name))} ${isKept(row) ? nothing : button(row, "delete", "trash", remove)}
      </div>`,
      below: (row) => (shown.open === row.name ? voiceForm(row) : row.samples.length > 0 ? samples(row) : nothing),
    },
    redraw,
  );

  /** What decides, and below it what goes with it. @param {string} first @param {string} second */
  const pair = (first, second) => html`${first}<br /><span class="fine">${second}</span>`;

  /** The service deletes the best of several only after the others. @param {any} row */
  const isKept = (row) => row.is_best && (shown.rows ?? []).some((other) => other.run === row.run && other.name !== row.name);

  function epochCell(/** @type {any} */ row) {
    const place = row.epoch === null ? texts.t("page.training.only_step", { step: row.step }) : texts.t("page.training.only_epoch", { epoch: row.epoch });
    return html`${place} ${row.is_best ? html`<span class="badge" data-status="completed">${texts.t("page.training.best")}</span>` : nothing}<br /><span class="fine">${row.run} · ${texts.t(`page.training.method.${row.method}`)}</span>`;
  }

  /** @param {any} row @param {"load" | "voice" | "delete"} name @param {string} drawing @param {(row: any, event: any) => unknown} click */
  function button(row, name, drawing, click) {
    const label = texts.t(`page.training.${name}`, { name: nameOf(texts, row) });
    return html`<button type="button" class="btn btn-sm btn-quiet" data-action=${name} aria-label=${label} title=${label} ?disabled=${shown.loading === row.name} @click=${(/** @type {any} */ event) => click(row, event)}>${icon(drawing)}</button>`;
  }

  function samples(/** @type {any} */ row) {
    return html`<div class="checkpoint-samples"><span class="fine">${texts.t("page.training.samples")}</span>
      ${row.samples.map((/** @type {string} */ name, /** @type {number} */ index) => {
        const title = texts.t("page.training.sample", { number: index + 1, name: nameOf(texts, row) });
        return hearButton(app, { key: `${row.name} ${name}`, title, src: `${path(row)}/samples/${encodeURIComponent(name)}`, label: title, text: String(index + 1) });
      })}
    </div>`;
  }

  function open(/** @type {string} */ name) {
    shown.open = shown.open === name ? "" : name;
    errors.clear();
    if (shown.open) queueMicrotask(() => queueMicrotask(() => document.getElementById("name")?.focus()));
  }

  function voiceForm(/** @type {any} */ row) {
    const consent = html`<div class="form-check">
      <input id="consent" name="consent" type="checkbox" class="form-check-input" aria-describedby="consent-error" @change=${() => errors.corrected("consent")} />
      <label class="form-check-label" for="consent">${texts.t(STATEMENT)}</label>${errorLine("consent", errors)}
    </div>`;
    const name = field({
      name: "name",
      label: texts.t("page.training.voice_name"),
      errors,
      control: (a) => html`<input id=${a.id} name="name" class="form-control" maxlength="80" required autocomplete="off" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${() => errors.corrected("name")} />`,
    });
    return html`<form class="checkpoint-voice" data-voice-form @submit=${(/** @type {any} */ event) => keep(row, event)}>
      ${name} ${consent} ${errors.drawWhole()}
      <div class="action-row">
        <button class="btn btn-primary" data-keep-voice ?disabled=${shown.isSending}>${texts.t("page.training.make_voice")}</button>
        <button type="button" class="btn btn-quiet" @click=${() => open(row.name)}>${texts.t("page.training.close")}</button>
      </div>
    </form>`;
  }

  async function keep(/** @type {any} */ row, /** @type {any} */ event) {
    event.preventDefault();
    const form = event.currentTarget;
    const said = new FormData(form);
    const message = texts.t("page.clone.consent_needed");
    if (!said.has("consent")) return errors.show(/** @type {any} */ ({ message, errors: [{ field: "consent", message }] }), form);
    shown.isSending = true;
    redraw();
    try {
      const voice = await api.post(`${path(row)}/voice`, { name: said.get("name"), consent: true, consent_statement: texts.t(STATEMENT) });
      app.catalog.forget();
      toast(texts.t("page.training.voice_made", { name: voice.name }), { action: { text: texts.t("page.training.speak"), click: () => app.go("speak") } });
      shown.open = "";
    } catch (error) {
      errors.show(/** @type {Error} */ (error), form);
    }
    shown.isSending = false;
    redraw();
  }

  async function load(/** @type {any} */ row) {
    shown.loading = row.name;
    redraw();
    try {
      const loaded = await api.post("/training/inference/load", { checkpoint: row.name });
      store.dispatch({ type: "inference", values: { checkpoint: row.name, loaded } });
      app.go(["training", "inference"]);
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    shown.loading = "";
    redraw();
  }

  async function remove(/** @type {any} */ row, /** @type {any} */ event) {
    const name = nameOf(texts, row);
    const refocus = focusAfterRow(event.currentTarget);
    if (!(await confirm(texts, { question: texts.t("page.training.ask_delete", { name }), cost: texts.t("page.training.ask_delete_cost"), action: texts.t("page.training.delete_it") }))) return;
    try {
      await api.remove(path(row));
      await ask();
      refocus();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  async function ask() {
    const rows = await api.get(BASE);
    if (isClosed) return;
    shown.rows = inRank(rows);
    redraw();
  }

  return {
    load: ask,
    close: all(unhear, judging.close, () => void (isClosed = true)),
    draw() {
      const known = shown.rows ?? [];
      const runs = [...new Set(known.map((row) => row.run))];
      const chosen = runs.includes(run()) ? run() : "";
      const rows = known.filter((row) => !chosen || row.run === chosen);
      return html`<section data-checkpoints>
        <div class="page-head">
          <h2>${texts.t("page.training.checkpoints")}</h2>
          ${runs.length > 1
            ? html`<label class="inline-field"><span>${texts.t("page.training.which_run")}</span><select class="form-select form-select-sm" data-which-run @change=${(/** @type {any} */ event) => (store.dispatch({ type: "training", values: { run: event.target.value } }), redraw())}>${options([["", texts.t("page.training.all_runs")], ...runs.map((name) => /** @type {const} */ ([name, name]))], chosen)}</select></label>`
            : nothing}
        </div>
        ${rows.length > 0 ? html`<p class="fine">${texts.t("page.training.evidence_hint")}</p>` : nothing}
        ${judging.draw(rows)} ${shown.rows === null ? loading(texts) : table.draw(rows)}
      </section>`;
    },
  };
}
