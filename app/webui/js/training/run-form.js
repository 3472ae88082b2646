/** What a training shall do: its knobs with bounds and defaults, and what it will take before it begins. */

import { html, live, nothing } from "../lit.js";
import { icon } from "../icons.js";
import { address } from "../router.js";
import { createErrors, field, options } from "../widgets/field.js";
import { aboutTime } from "../widgets/progress.js";
import { size } from "./figures.js";

const ESTIMATE_MS = 350; // after the last change
const WEIGHTS_MISSING = ["model_missing", "training_weights_missing"];
/** As the service has them; what is sent to it outlives a reload. */
export const TRAINING = {
  name: "training",
  initial: {
    dataset: "main",
    epochs: 50,
    batch_size: 2,
    learning_rate: "1e-5",
    accumulation: 4,
    save_every: 5,
    mixed_precision: false,
    use_lora: true,
    device: "cpu",
    rank: 16,
    patience: 0,
    recompute: false,
    run: "",
  },
  keep: /** @type {const} */ (["dataset", "epochs", "batch_size", "learning_rate", "accumulation", "save_every", "mixed_precision", "use_lora", "device", "rank", "patience", "recompute", "run"]),
};
/** Field to its least, most. */
const SLIDERS = /** @type {const} */ ({ epochs: [1, 100], batch_size: [1, 16], accumulation: [1, 8], save_every: [1, 10] });

/** The body of `POST /training/start`. @param {typeof TRAINING.initial} draft @param {string} language of the dataset */
export function requestOf(draft, language) {
  const { dataset, epochs, batch_size, accumulation, save_every, mixed_precision, use_lora, device, rank, patience, recompute } = draft;
  const own = { dataset, language, epochs, batch_size, learning_rate: Number(draft.learning_rate), accumulation, save_every };
  return { ...own, mixed_precision, use_lora, device, options: { model: { rank, recompute }, run: { patience } } };
}

/**
 * @param {import("../app.js").App} app
 * @param {{ started: (job: any) => void, refused: (error: Error) => Promise<boolean>, devices: () => string[] | null | undefined, redraw: () => void }} told `refused`: whether it is told elsewhere
 */
export function createRunForm(app, { started, refused, devices, redraw }) {
  const { api, store, texts } = app;
  const errors = createErrors(app, redraw);
  const shown = { datasets: /** @type {any[]} */ ([]), estimate: /** @type {any} */ (null), reason: "", code: "", isSending: false };
  let timer = 0;
  let asked = 0;
  const draft = () => store.state().training;
  const chosen = () => shown.datasets.find(({ name }) => name === draft().dataset);
  const request = () => requestOf(draft(), chosen()?.language ?? "pt-BR");

  function set(/** @type {Record<string, unknown>} */ values) {
    store.dispatch({ type: "training", values });
    Object.keys(values).forEach(errors.corrected);
    redraw();
    clearTimeout(timer);
    timer = window.setTimeout(estimate, ESTIMATE_MS);
  }

  async function estimate() {
    asked += 1;
    const mine = asked;
    if (!chosen()?.version) return void Object.assign(shown, { estimate: null, reason: "", code: "" });
    try {
      const found = await api.post("/training/estimate", request());
      if (mine === asked) Object.assign(shown, { estimate: found, reason: "", code: "" });
    } catch (error) {
      const isTold = await refused(/** @type {Error} */ (error));
      const { code, message } = /** @type {import("../api.js").ApiError} */ (error);
      if (mine === asked) Object.assign(shown, { estimate: null, reason: isTold ? "" : message, code });
    }
    redraw();
  }

  async function load() {
    shown.datasets = await api.get("/training/dataset");
    const built = shown.datasets.filter(({ version }) => version !== null);
    if (!built.some(({ name }) => name === draft().dataset) && built.length > 0) set({ dataset: built[0].name });
    await estimate();
  }

  async function start(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    shown.isSending = true;
    redraw();
    try {
      const job = await api.post("/training/start", request());
      errors.clear();
      started(job);
    } catch (error) {
      if (!(await refused(/** @type {Error} */ (error)))) errors.show(/** @type {Error} */ (error), form);
    }
    shown.isSending = false;
    redraw();
  }

  /** @param {keyof typeof SLIDERS} name */
  function slider(name) {
    const [least, most] = SLIDERS[name];
    const value = draft()[name];
    return field({
      name,
      label: texts.t(`page.training.${name}`),
      hint: texts.t(`page.training.${name}_hint`),
      aside: html`<output for=${name} class="slider-value">${value}</output>`,
      errors,
      control: (a) => html`<input id=${a.id} type="range" class="form-range" min=${least} max=${most} step="1" .value=${live(String(value))} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${(/** @type {any} */ event) => set({ [name]: Number(event.target.value) })} />`,
    });
  }

  /** @param {"mixed_precision" | "use_lora" | "recompute"} name */
  function box(name) {
    return html`<div class="form-check">
      <input id=${name} type="checkbox" class="form-check-input" .checked=${live(draft()[name])} aria-describedby="${name}-hint" @change=${(/** @type {any} */ event) => set({ [name]: event.target.checked })} />
      <label class="form-check-label" for=${name}>${texts.t(`page.training.${name}`)}</label>
      <p id="${name}-hint" class="fine">${texts.t(`page.training.${name}_hint`)}</p>
    </div>`;
  }

  /** @param {"rank" | "patience"} name @param {number} least @param {number} most */
  function number(name, least, most) {
    return field({
      name,
      label: texts.t(`page.training.${name}`),
      hint: texts.t(`page.training.${name}_hint`),
      errors,
      control: (a) => html`<input id=${a.id} type="number" class="form-control" min=${least} max=${most} step="1" required .value=${live(String(draft()[name]))} aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ [name]: Number(event.target.value) })} />`,
    });
  }

  function datasetField() {
    const rows = shown.datasets.map(({ name, version, hours }) => {
      const about = version === null ? texts.t("page.training.not_built") : texts.t("page.training.minutes", { minutes: texts.number(hours * 60, 1) });
      return /** @type {const} */ ([name, `${name} · ${about}`]);
    });
    return field({
      name: "dataset",
      label: texts.t("page.training.dataset"),
      hint: chosen()?.version ? undefined : texts.t("page.training.build_first"),
      errors,
      control: (a) => html`<select id=${a.id} class="form-select" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ dataset: event.target.value })}>${options(rows, draft().dataset)}</select>`,
    });
  }

  function rateField() {
    return field({
      name: "learning_rate",
      label: texts.t("page.training.learning_rate"),
      hint: texts.t("page.training.learning_rate_hint"),
      errors,
      control: (a) => html`<input id=${a.id} type="text" inputmode="decimal" class="form-control" required pattern="[0-9.]+(e-?[0-9]+)?" .value=${live(draft().learning_rate)} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${(/** @type {any} */ event) => set({ learning_rate: event.target.value })} />`,
    });
  }

  function deviceField() {
    const isThere = devices()?.includes("cuda") ?? true; // of workers elsewhere nobody knows here
    return field({
      name: "device",
      label: texts.t("page.training.device"),
      errors,
      control: (a) => html`<select id=${a.id} class="form-select" aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ device: event.target.value })}>${options([["cpu", texts.t("page.training.cpu")], ["cuda", texts.t(isThere ? "page.training.cuda" : "page.training.cuda_missing"), !isThere]], draft().device)}</select>`,
    });
  }

  /** The weights that are here can learn from the same dataset. */
  function embedded() {
    return html`<p data-embedded>${texts.t("page.training.embedded")}
      <a class="btn btn-sm btn-quiet" href=${address("clone", { dataset: draft().dataset })}>${icon("clone")}${texts.t("page.dataset.make_voice")}</a></p>`;
  }

  return {
    load,
    close: () => clearTimeout(timer),
    draw: () => html`<form class="card training-form" data-training-form @submit=${start}>
      <h2>${texts.t("page.training.new")}</h2>
      <div class="training-fields">
        ${datasetField()} ${rateField()} ${slider("epochs")} ${slider("batch_size")} ${slider("accumulation")} ${slider("save_every")}
      </div>
      <div class="training-boxes">${box("use_lora")} ${box("mixed_precision")}</div>
      <details class="training-more">
        <summary>${texts.t("page.training.more")}</summary>
        <div class="training-fields">${number("rank", 1, 256)} ${number("patience", 0, 100)} ${deviceField()} ${box("recompute")}</div>
      </details>
      ${shown.estimate ? estimateCard(texts, shown.estimate, set) : shown.reason ? html`<p class="field-error" data-estimate-problem>${shown.reason}</p>` : nothing}
      ${WEIGHTS_MISSING.includes(shown.code) ? embedded() : nothing}
      ${errors.drawWhole()}
      <div class="action-row">
        <button class="btn btn-primary" data-start ?disabled=${shown.isSending || !chosen()?.version}>${icon("training")}${texts.t("page.training.start")}</button>
      </div>
    </form>`,
  };
}

/** @param {import("../texts.js").Texts} texts @param {any} estimate @param {(values: Record<string, unknown>) => void} set */
function estimateCard(texts, estimate, set) {
  const { workload, steps, step_s: stepS, duration_s: durationS, time_basis: basis, memory_bytes: needed, available_bytes: free, fits, changes, advice } = estimate;
  const time = durationS === null ? texts.t("page.training.unknown") : aboutTime(texts, durationS);
  const verdict = fits === null ? "unknown" : fits ? "fits" : "too_large";
  const fact = (/** @type {string} */ name, /** @type {unknown} */ value, /** @type {string} */ note) => html`<div><dt>${texts.t(`page.training.estimate.${name}`)}</dt><dd data-estimate=${name}>${value}</dd><dd class="fine">${note}</dd></div>`;
  return html`<section class="estimate" data-fits=${verdict} aria-label=${texts.t("page.training.estimate.title")}>
    <dl>
      ${fact("clips", texts.number(workload.clips), texts.t("page.training.estimate.clips_note", { held_out: workload.held_out, left_out: workload.left_out, minutes: texts.number(workload.duration_s / 60, 1) }))}
      ${fact("steps", texts.number(steps), stepS === null ? "" : texts.t("page.training.estimate.step_note", { seconds: texts.number(stepS, stepS < 10 ? 2 : 0) }))}
      ${fact("time", time, texts.t(`page.training.estimate.basis.${basis}`))}
      ${fact("memory", size(texts, needed), texts.t("page.training.estimate.memory_note", { free: size(texts, free) }))}
    </dl>
    <p class="estimate-verdict">${icon(fits ? "check" : "warning")}<span>${texts.t(`page.training.estimate.${verdict}`)}</span></p>
    ${changes.length + advice.length > 0
      ? html`<ul class="estimate-changes">
          ${[...changes, ...advice].map((/** @type {any} */ change) => html`<li>
            <span>${texts.t(`page.training.change.${change.code}`, change.fields)} <span class="fine">${texts.t("page.training.change.then", { memory: size(texts, change.memory_bytes) })}</span></span>
            <button type="button" class="btn btn-sm btn-quiet" data-change=${change.code} @click=${() => set(change.fields)}>${texts.t("page.training.change.apply")}</button>
          </li>`)}
        </ul>`
      : nothing}
  </section>`;
}
