/** Quality profile and speed, of the engine whose voice was chosen. */

import { engineOf } from "../catalog.js";
import { html, live, nothing } from "../lit.js";
import { field, slider } from "../widgets/field.js";
import { profileAbout, profileName } from "./profile-words.js";

const SPEED = { min: 0.5, max: 2, step: 0.05 };

/** @typedef {import("../api-types.js").ProfileView} Profile */

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 * @param {import("../widgets/field.js").Errors} errors
 * @param {() => void} redraw
 */
export function createTuning(app, studio, set, errors, redraw) {
  const { store, texts } = app;
  /** @type {{ profiles: Profile[], error: string }} */
  const known = { profiles: [], error: "" };
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    redraw();
  };
  const load = async () => {
    const engine = engineOf(studio, store.state().draft);
    if (!engine) return;
    try {
      const profiles = await app.catalog.profiles(engine);
      if (engine === engineOf(studio, store.state().draft)) change({ profiles, error: "" });
    } catch (error) {
      change({ profiles: [], error: /** @type {Error} */ (error).message });
    }
  };
  void load();
  // A profile belongs to an engine.
  const close = store.watch(
    ({ draft }) => engineOf(studio, draft),
    () => {
      set({ profileId: null, speed: null });
      void load();
    },
  );
  const draw = () => {
    if (known.error) return html`<div class="tuning"><p class="field-error" role="alert">${known.error}</p></div>`;
    if (known.profiles.length === 0) return html`<div class="tuning"></div>`;
    return html`<div class="tuning">${profileField(texts, store.state().draft, known.profiles, set, errors)} ${speedField(texts, store.state().draft, known.profiles, set, errors)}</div>`;
  };
  return { draw, close };
}

/** The profile that the draft has, or the usual one. @param {import("../drafts.js").Draft} draft @param {Profile[]} profiles */
function chosenOf(draft, profiles) {
  return profiles.find(({ id }) => id === draft.profileId) ?? profiles.find((one) => one.is_default) ?? profiles[0];
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../drafts.js").Draft} draft @param {Profile[]} profiles
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set @param {import("../widgets/field.js").Errors} errors
 */
function profileField(texts, draft, profiles, set, errors) {
  const chosen = chosenOf(draft, profiles);
  const choose = (/** @type {any} */ event) => {
    set({ profileId: event.target.value, speed: null });
    errors.corrected("quality_profile_id");
  };
  return field({
    name: "quality_profile_id",
    label: texts.t("page.speak.profile"),
    errors,
    control: ({ id, invalid, describedBy }) => html`<select id=${id} class="form-select" aria-invalid=${invalid} aria-describedby=${describedBy} @change=${choose}>
      ${profiles.map((one) => html`<option value=${one.id} title=${profileAbout(texts, one) || nothing} .selected=${live(one.id === chosen.id)}>${profileName(texts, one)}</option>`)}
    </select>`,
  });
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../drafts.js").Draft} draft @param {Profile[]} profiles
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set @param {import("../widgets/field.js").Errors} errors
 */
function speedField(texts, draft, profiles, set, errors) {
  const speed = Number(draft.speed ?? chosenOf(draft, profiles).parameters.speed);
  return slider({
    name: "speed",
    label: texts.t("page.speak.speed"),
    value: speed,
    shown: `${texts.number(speed, 2)}×`,
    range: SPEED,
    errors,
    change: (value) => set({ speed: value }),
  });
}
