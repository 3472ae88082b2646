/** The Inference tab: a checkpoint speaks, imitates a recording, and is compared blind with what it was before. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { createLacking } from "../pages/lacking.js";
import { all, createView } from "../view.js";
import { createErrors, field, options } from "../widgets/field.js";
import { fileName } from "../widgets/job.js";
import { hearButton } from "../widgets/player-bar.js";
import { shareLink } from "../widgets/share-link.js";
import { alert, emptyState, loading } from "../widgets/states.js";
import { dropZone } from "../widgets/upload.js";
import { createCompare } from "./compare.js";
import { baseOf, inRank, measured, nameOf } from "./figures.js";

const MOST_CHARS = 2000; // as the service takes
const TITLE_CHARS = 60;
/** What is about to be spoken; `loaded` is the service's answer to loading the checkpoint. */
export const INFERENCE = {
  name: "inference",
  initial: { checkpoint: "", text: "", loaded: /** @type {any} */ (null) },
  keep: /** @type {const} */ (["checkpoint", "text"]),
};
/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app) {
  const { api, store, texts } = app;
  const shown = { rows: /** @type {any[] | null} */ (null), reference: /** @type {File | null} */ (null), sounds: /** @type {any[]} */ ([]), isBusy: false, isLoading: false, problem: "" };
  let isClosed = false;
  /** @type {ReturnType<typeof createView> | null} */
  let view = null;
  const redraw = () => view?.redraw();
  const errors = createErrors(app, redraw);
  const draft = () => store.state().inference;
  const set = (/** @type {Record<string, unknown>} */ values) => {
    store.dispatch({ type: "inference", values });
    Object.keys(values).forEach(errors.corrected);
    redraw();
  };
  const lacking = createLacking(app, redraw);
  const failed = async (/** @type {Error} */ error) => {
    const isOffered = await lacking.show(error);
    if (isClosed) return;
    shown.problem = isOffered ? "" : error.message;
    app.announce(error.message);
    redraw();
  };
  const chosen = () => shown.rows?.find(({ name }) => name === draft().checkpoint) ?? null;
  const compare = createCompare(app, { checkpoints: () => shown.rows ?? [], candidate: () => draft().checkpoint, failed, redraw });
  const unhear = app.sound.subscribe(redraw);
  const isLoaded = () => draft().loaded !== null && draft().loaded.checkpoint === draft().checkpoint;

  async function load() {
    /** @type {any[]} */
    const rows = await api.get("/training/checkpoints");
    if (isClosed) return;
    shown.rows = inRank(rows);
    if (!chosen() && shown.rows.length > 0) set({ checkpoint: shown.rows[0].name });
    redraw();
    await compare.load();
  }

  async function take() {
    Object.assign(shown, { isLoading: true, problem: "" });
    redraw();
    try {
      set({ loaded: await api.post("/training/inference/load", { checkpoint: draft().checkpoint }) });
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    shown.isLoading = false;
    redraw();
  }

  async function generate(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    Object.assign(shown, { isBusy: true, problem: "" });
    redraw();
    const body = new FormData();
    body.append("text", draft().text);
    body.append("checkpoint", draft().checkpoint);
    if (shown.reference) body.append("speaker_wav", shown.reference);
    try {
      const response = await api.send("/training/inference/synthesize", { method: "POST", body });
      const sound = await response.blob();
      const link = response.headers.get("Content-Location");
      const made = { key: `inference ${shown.sounds.length + 1}`, text: draft().text, checkpoint: draft().checkpoint, src: link ?? URL.createObjectURL(sound), sound, link };
      shown.sounds = [made, ...shown.sounds];
      errors.clear();
      void app.sound.play({ key: made.key, title: made.text, src: made.src });
    } catch (error) {
      errors.show(/** @type {Error} */ (error), form);
    }
    shown.isBusy = false;
    redraw();
  }

  function checkpointField(/** @type {any[]} */ rows) {
    const names = rows.map((row) => /** @type {const} */ ([row.name, `${nameOf(texts, row)}${row.is_best ? ` · ${texts.t("page.training.best")}` : ""}`]));
    const runs = [...new Set(rows.map(({ run }) => run))];
    const bases = runs.map((run) => /** @type {const} */ ([baseOf(run), texts.t("page.inference.base_of", { run })]));
    return field({
      name: "checkpoint",
      label: texts.t("page.inference.checkpoint"),
      errors,
      control: (a) => html`<div class="load-row">
        <select id=${a.id} class="form-select" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ checkpoint: event.target.value })}>${options([...names, ...bases], draft().checkpoint)}</select>
        <button type="button" class="btn btn-quiet" data-load ?disabled=${shown.isLoading} @click=${take}>${icon("inference")}${texts.t(shown.isLoading ? "page.inference.loading" : "page.inference.load")}</button>
      </div>`,
    });
  }

  function about() {
    const row = chosen();
    const { loaded } = draft();
    const state = isLoaded() ? texts.t("page.inference.loaded", { device: loaded.device, seconds: texts.number(loaded.load_s, 1) }) : texts.t("page.inference.not_loaded");
    return html`<p class="fine" role="status" data-loaded=${isLoaded()}>${state}${row ? html` · ${texts.t("page.inference.facts", { loss: measured(texts, row.losses.loss, 4), language: texts.languageName(row.language) })}` : nothing}</p>`;
  }

  function reference() {
    if (shown.reference) {
      return html`<div class="file-taken" data-reference>${icon("check")}<span>${shown.reference.name}</span>
        <button type="button" class="btn btn-sm btn-quiet" aria-label=${texts.t("page.inference.without_reference")} @click=${() => (Object.assign(shown, { reference: null }), redraw())}>${icon("cross")}</button></div>`;
    }
    return dropZone(texts, {
      id: "speaker_wav",
      title: texts.t("page.inference.reference"),
      hint: texts.t("page.inference.reference_hint"),
      accept: "audio/*",
      take: ([file]) => file && (Object.assign(shown, { reference: file }), errors.corrected("speaker_wav"), redraw()),
    });
  }

  function textField() {
    return field({
      name: "text",
      label: texts.t("page.inference.text"),
      aside: html`<span class="fine">${texts.number(draft().text.length)} / ${texts.number(MOST_CHARS)}</span>`,
      errors,
      control: (a) => html`<textarea id=${a.id} class="form-control" rows="5" maxlength=${MOST_CHARS} required .value=${live(draft().text)} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${(/** @type {any} */ event) => set({ text: event.target.value })}></textarea>`,
    });
  }

  function form(/** @type {any[]} */ rows) {
    return html`<form class="card inference-form" data-inference-form @submit=${generate}>
      <h2>${texts.t("page.inference.speak")}</h2>
      ${checkpointField(rows)} ${about()}
      <div class="inference-fields">
        ${textField()}
        <div>${reference()}<div id="speaker_wav-error" class="field-error" data-error-for="speaker_wav">${errors.of("speaker_wav")}</div></div>
      </div>
      ${errors.drawWhole()}
      <div class="action-row"><button class="btn btn-primary" data-generate ?disabled=${shown.isBusy || draft().text.trim() === ""}>${icon("speak")}${texts.t(shown.isBusy ? "page.inference.generating" : "page.inference.generate")}</button></div>
      ${shown.sounds.length > 0 ? html`<ul class="sounds" data-sounds>${shown.sounds.map(soundRow)}</ul>` : nothing}
    </form>`;
  }

  function soundRow(/** @type {any} */ made) {
    return html`<li data-sound=${made.key} data-bytes=${made.sound.size}>
      ${hearButton(app, { key: made.key, title: made.text, src: made.src, label: texts.t("page.inference.hear", { text: made.text }) })}
      <span class="sound-text">${made.text}<span class="fine">${made.checkpoint}</span></span>
      <a class="btn btn-sm btn-quiet" data-action="download" href=${named(made.src, made.text)} download="${fileName(made.text)}.wav" aria-label=${texts.t("page.inference.download", { text: made.text })} title=${texts.t("page.job.download")}>${icon("download")}</a>
      ${made.link ? html`<button type="button" class="btn btn-sm btn-quiet" data-action="share" data-link=${made.link} aria-label=${texts.t("page.inference.share", { text: made.text })} title=${texts.t("page.inference.share_short")} @click=${() => shareLink(app, { path: shareOf(made.link), title: short(made.text), about: "page.inference.share_about" })}>${icon("share")}</button>` : nothing}
    </li>`;
  }

  view = createView(root, () => {
    const problem = shown.problem ? alert(shown.problem) : lacking.draw();
    if (shown.rows === null) return problem === nothing ? loading(texts) : problem;
    if (shown.rows.length === 0) {
      const action = { text: texts.t("page.inference.to_training"), click: () => app.go(["training", "training"]) };
      return html`${problem}${emptyState({ drawing: "training", text: texts.t("page.training.no_checkpoints"), action })}${compare.draw()}`;
    }
    return html`${problem}${form(shown.rows)}${compare.draw()}`;
  });
  load().catch(failed);
  return all(
    () => void (isClosed = true),
    () => shown.sounds.filter(({ link }) => !link).forEach(({ src }) => URL.revokeObjectURL(src)),
    unhear,
    lacking.close,
    compare.close,
    () => view?.close(),
  );
}

/** @param {string} text */
const short = (text) => (text.length > TITLE_CHARS ? `${text.slice(0, TITLE_CHARS)}…` : text);

/** Where links to a sound are had, by its own address. @param {string} link */
const shareOf = (link) => `/training/sounds/${link.split("/").pop()}/share`;

/** The address of a sound whose file is called after its text; a sound of this page is named by its link. @param {string} src @param {string} text */
function named(src, text) {
  if (src.startsWith("blob:")) return src;
  const address = new URL(src, window.location.href);
  address.searchParams.set("name", fileName(text));
  return address.href;
}
