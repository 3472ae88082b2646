/** An RVC model that says what was spoken once more, in its voice; offered where there is one. */

import { html, nothing } from "../lit.js";
import { field, options, slider } from "../widgets/field.js";

const PITCH = { min: -12, max: 12, step: 1 };

/** @typedef {{ id: string, name: string, validation: { status: string } }} Model */

/**
 * The models to choose from; a chosen one that is gone is given up.
 * @param {import("../app.js").App} app
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 * @param {import("../widgets/field.js").Errors} errors
 * @param {() => void} redraw
 */
export function createRvc(app, set, errors, redraw) {
  const { store, texts } = app;
  const known = { models: /** @type {Model[]} */ ([]), error: "" };
  const load = async () => {
    try {
      const { models } = await app.api.get("/rvc/models?sort_by=name");
      known.models = usable(models);
      if (!known.models.some(({ id }) => id === store.state().draft.rvcModelId)) set({ rvcModelId: null });
    } catch (error) {
      known.error = /** @type {Error} */ (error).message;
    }
    redraw();
  };
  void load();
  return {
    draw() {
      if (known.error) return html`<p class="field-error" role="alert">${known.error}</p>`;
      if (known.models.length === 0) return nothing;
      const { draft } = store.state();
      return html`<div class="tuning">
        ${modelField(texts, draft, known.models, set, errors)} ${draft.rvcModelId ? pitchField(texts, draft, set, errors) : nothing}
      </div>`;
    },
  };
}

/** Without those that were judged not usable. @param {Model[]} models */
function usable(models) {
  return models.filter(({ validation }) => validation.status !== "invalid");
}

/**
 * What POST /jobs gets of it. @param {import("../drafts.js").Draft} draft
 * @returns {Record<string, unknown>}
 */
export function rvcOf({ rvcModelId, rvcPitch }) {
  return rvcModelId ? { enable_rvc: true, rvc_model_id: rvcModelId, rvc_pitch: rvcPitch } : {};
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../drafts.js").Draft} draft @param {Model[]} models
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set @param {import("../widgets/field.js").Errors} errors
 */
function modelField(texts, draft, models, set, errors) {
  const pairs = /** @type {[string, string][]} */ ([["", texts.t("page.speak.rvc.none")], ...models.map(({ id, name }) => [id, name])]);
  const choose = (/** @type {any} */ event) => {
    set({ rvcModelId: event.target.value || null });
    errors.corrected("rvc_model_id");
  };
  return field({
    name: "rvc_model_id",
    label: texts.t("page.speak.rvc"),
    errors,
    control: ({ id, invalid, describedBy }) =>
      html`<select id=${id} class="form-select" aria-invalid=${invalid} aria-describedby=${describedBy} @change=${choose}>${options(pairs, draft.rvcModelId ?? "")}</select>`,
  });
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../drafts.js").Draft} draft
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set @param {import("../widgets/field.js").Errors} errors
 */
function pitchField(texts, draft, set, errors) {
  return slider({
    name: "rvc_pitch",
    label: texts.t("page.speak.rvc.pitch"),
    value: draft.rvcPitch,
    shown: texts.number(draft.rvcPitch),
    range: PITCH,
    errors,
    change: (value) => set({ rvcPitch: value }),
  });
}
