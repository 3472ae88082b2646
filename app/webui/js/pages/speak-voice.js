/** The voice chooser: the presets as cards, and every voice of the language in a list. */

import { baseOf, MANY, presetVoice, speaks } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { errorLine, options } from "../widgets/field.js";
import { hearButton } from "../widgets/player-bar.js";
import { consentLine } from "./consent.js";
import { licenceLine } from "./licence.js";

/** @typedef {(values: Partial<import("../drafts.js").Draft>) => void} Set */

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {Set} set
 * @param {import("../widgets/field.js").Errors} errors
 */
export function voiceChooser(app, studio, set, errors) {
  const { store, texts } = app;
  const { draft } = store.state();
  const chosen = studio.voices.find(({ id }) => id === draft.voiceId);
  const choose = (/** @type {{ presetId: string | null, voiceId: string | null }} */ voice) =>
    set({ ...voice, chosen: { ...store.state().draft.chosen, [draft.language ?? ""]: voice } });
  const presets = studio.presets.filter(({ languages }) => languages.includes(draft.language ?? ""));
  return html`<fieldset class="field">
    <legend>${texts.t("page.speak.voice")}</legend>
    ${presets.length === 0 ? nothing : html`<div class="presets">${presets.map((preset) => presetCard(app, studio, preset, choose))}</div>`}
    ${errorLine("voice_preset", errors)}
    <label for="voice_id">${texts.t("page.speak.all_voices")}</label>
    <div class="voice-list">
      ${voiceList(texts, studio, draft, { first: presets[0]?.id ?? null, choose }, errors)} ${chosen ? hear(app, chosen, draft.language) : nothing}
    </div>
    ${errorLine("voice_id", errors)} ${accentLine(texts, chosen, draft.language)} ${consentLine(texts, chosen?.consent)}
    ${licenceLine(texts, chosen)}
  </fieldset>`;
}

/** What a voice sounds like. @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice @param {string | null} language */
function hear(app, voice, language) {
  const src = app.api.voiceSampleUrl(voice.id, { language: language ?? voice.language });
  return hearButton(app, { key: `sample ${voice.id}`, title: voice.title, src, label: `${app.texts.t("page.sample.idle")}: ${voice.title}` });
}

/** A voice that reads another language than its own. @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice | undefined} voice @param {string | null} language */
function accentLine(texts, voice, language) {
  if (!voice || voice.language === MANY || baseOf(voice.language) === baseOf(language)) return nothing;
  const values = { voice: voice.title, own: texts.languageName(voice.language), language: texts.languageName(language ?? "") };
  return html`<p class="fine" data-accent>${texts.t("page.speak.accent", values)}</p>`;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {import("../catalog.js").Preset} preset
 * @param {(voice: { presetId: string | null, voiceId: string | null }) => void} choose
 */
function presetCard(app, studio, preset, choose) {
  const { store, texts } = app;
  const { draft } = store.state();
  const id = `preset-${preset.id}`;
  const voice = studio.voices.find((one) => one.id === presetVoice(preset, draft.language));
  const isChosen = preset.id === draft.presetId || (voice !== undefined && voice.id === draft.voiceId);
  const gender = preset.id.split("_")[0];
  return html`<div class="preset" data-gender=${gender}>
    <input
      type="radio"
      class="btn-check"
      name="voice_preset"
      id=${id}
      value=${preset.id}
      .checked=${live(isChosen)}
      @change=${() => choose({ presetId: preset.id, voiceId: null })}
    />
    <label class="preset-card" for=${id} data-gender=${gender}>
      ${voice ? nothing : icon("person")}<span>${texts.t(`page.preset.${preset.id}`)}${voice ? html`<small>${voice.title}</small>` : nothing}</span>
    </label>
    ${voice ? hear(app, voice, draft.language) : nothing}
  </div>`;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Catalog} studio
 * @param {import("../drafts.js").Draft} draft
 * @param {{ first: string | null, choose: (voice: { presetId: string | null, voiceId: string | null }) => void }} chooser `first`: the preset that stands for no voice of the list
 * @param {import("../widgets/field.js").Errors} errors
 */
function voiceList(texts, studio, draft, { first, choose }, errors) {
  const hasMany = new Set(studio.voices.map((voice) => voice.engine)).size > 1;
  const nameOf = (/** @type {import("../catalog.js").Voice} */ voice) =>
    [
      voice.title,
      texts.t(`page.gender.${voice.gender}`),
      ...(hasMany ? [voice.engine] : []),
      ...(voice.is_stock === false ? [texts.t("page.voices.cloned")] : []),
    ].join(" · ");
  const changed = (/** @type {any} */ event) => {
    const voiceId = event.target.value;
    choose(voiceId ? { voiceId, presetId: null } : { voiceId: null, presetId: first });
  };
  const voices = studio.voices.filter((voice) => speaks(voice, draft.language));
  const pairs = /** @type {[string, string][]} */ (voices.map((voice) => [voice.id, nameOf(voice)]));
  return html`<select id="voice_id" class="form-select" aria-invalid=${errors.of("voice_id") ? "true" : nothing} @change=${changed}>
    ${options([...(first ? [/** @type {[string, string]} */ (["", texts.t("page.speak.by_preset")])] : []), ...pairs], draft.voiceId ?? "")}
  </select>`;
}
