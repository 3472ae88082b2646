/** The voice chooser: the presets as cards, and every voice of the language in a list. */

import { speaks } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { errorLine, options } from "../widgets/field.js";
import { consentLine } from "./consent.js";
import { licenceLine } from "./licence.js";

/** @typedef {(values: Partial<import("../drafts.js").Draft>) => void} Set */

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {Set} set
 * @param {import("../widgets/field.js").Errors} errors
 */
export function voiceChooser({ store, texts }, studio, set, errors) {
  const { draft } = store.state();
  const chosen = studio.voices.find(({ id }) => id === draft.voiceId);
  return html`<fieldset class="field">
    <legend>${texts.t("page.speak.voice")}</legend>
    <div class="presets">${studio.presets.map((preset) => presetCard(texts, preset, draft, set))}</div>
    ${errorLine("voice_preset", errors)}
    <label for="voice_id">${texts.t("page.speak.all_voices")}</label>
    ${voiceList(texts, studio, draft, set, errors)} ${errorLine("voice_id", errors)} ${consentLine(texts, chosen?.consent)}
    ${licenceLine(texts, chosen)}
  </fieldset>`;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Preset} preset
 * @param {import("../drafts.js").Draft} draft
 * @param {Set} set
 */
function presetCard(texts, preset, draft, set) {
  const id = `preset-${preset.id}`;
  const isSpoken = preset.languages.includes(draft.language ?? "");
  return html`<div class="preset">
    <input
      type="radio"
      class="btn-check"
      name="voice_preset"
      id=${id}
      value=${preset.id}
      ?disabled=${!isSpoken}
      .checked=${live(preset.id === draft.presetId)}
      @change=${() => set({ presetId: preset.id, voiceId: null })}
    />
    <label class="preset-card" for=${id} data-gender=${preset.id.split("_")[0]}>${icon("person")}<span>${texts.t(`page.preset.${preset.id}`)}</span></label>
  </div>`;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Catalog} studio
 * @param {import("../drafts.js").Draft} draft
 * @param {Set} set
 * @param {import("../widgets/field.js").Errors} errors
 */
function voiceList(texts, studio, draft, set, errors) {
  const hasMany = new Set(studio.voices.map((voice) => voice.engine)).size > 1;
  const nameOf = (/** @type {import("../catalog.js").Voice} */ voice) =>
    [
      voice.title,
      texts.t(`page.gender.${voice.gender}`),
      ...(hasMany ? [voice.engine] : []),
      ...(voice.is_stock === false ? [texts.t("page.voices.cloned")] : []),
    ].join(" · ");
  const first = studio.presets.find(({ languages }) => languages.includes(draft.language ?? ""))?.id ?? null;
  const choose = (/** @type {any} */ event) => {
    const voiceId = event.target.value;
    set(voiceId ? { voiceId, presetId: null } : { voiceId: null, presetId: first });
  };
  const voices = studio.voices.filter((voice) => speaks(voice, draft.language));
  const pairs = /** @type {[string, string][]} */ (voices.map((voice) => [voice.id, nameOf(voice)]));
  return html`<select id="voice_id" class="form-select" aria-invalid=${errors.of("voice_id") ? "true" : nothing} @change=${choose}>
    ${options([["", texts.t("page.speak.by_preset")], ...pairs], draft.voiceId ?? "")}
  </select>`;
}
