/** The voice chooser: the presets as cards, and every voice of the language in a list. */

import { el, icon, replace } from "../dom.js";
import { speaks } from "../catalog.js";
import { consentLine } from "./consent.js";
import { errorLine } from "./form.js";
import { licenceLine } from "./licence.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 */
export function voiceChooser({ store, texts }, studio, set) {
  const root = el("fieldset", { class: "field" });
  const draw = () => {
    const { draft } = store.state();
    const focused = document.activeElement?.id;
    replace(
      root,
      el("legend", {}, texts.t("page.speak.voice")),
      el(
        "div",
        { class: "presets" },
        studio.presets.map((preset) => presetCard(texts, preset, draft, set)),
      ),
      errorLine("voice_preset"),
      el("label", { for: "voice_id" }, texts.t("page.speak.all_voices")),
      voiceList(texts, studio, draft, set),
      errorLine("voice_id"),
      consentLine(texts, studio.voices.find(({ id }) => id === draft.voiceId)?.consent),
      licenceLine(texts, studio.voices.find(({ id }) => id === draft.voiceId)),
    );
    if (focused) root.querySelector(`#${CSS.escape(focused)}`)?.focus();
  };
  draw();
  const undo = store.watch(
    ({ draft }) => `${draft.language} ${draft.presetId} ${draft.voiceId}`,
    () => {
      if (root.isConnected) draw();
      else undo();
    },
  );
  return root;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Preset} preset
 * @param {import("../drafts.js").Draft} draft
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 */
function presetCard(texts, preset, draft, set) {
  const id = `preset-${preset.id}`;
  const isSpoken = preset.languages.includes(draft.language ?? "");
  return el(
    "div",
    { class: "preset" },
    el("input", {
      type: "radio",
      class: "btn-check",
      name: "voice_preset",
      id,
      value: preset.id,
      disabled: !isSpoken,
      checked: preset.id === draft.presetId,
      on: { change: () => set({ presetId: preset.id, voiceId: null }) },
    }),
    el(
      "label",
      { class: "preset-card", for: id, data: { gender: preset.id.split("_")[0] } },
      icon("person"),
      el("span", {}, texts.t(`page.preset.${preset.id}`)),
    ),
  );
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Catalog} studio
 * @param {import("../drafts.js").Draft} draft
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 */
function voiceList(texts, studio, draft, set) {
  const voices = studio.voices.filter((voice) => speaks(voice, draft.language));
  const hasMany = new Set(studio.voices.map((voice) => voice.engine)).size > 1;
  const nameOf = (/** @type {import("../catalog.js").Voice} */ voice) =>
    [
      voice.title,
      texts.t(`page.gender.${voice.gender}`),
      ...(hasMany ? [voice.engine] : []),
      ...(voice.is_stock === false ? [texts.t("page.voices.cloned")] : []),
    ].join(" · ");
  const choose = (/** @type {any} */ event) => {
    const voiceId = event.target.value;
    if (voiceId) set({ voiceId, presetId: null });
    else
      set({
        voiceId: null,
        presetId: studio.presets.find((p) => p.languages.includes(draft.language ?? ""))?.id ?? null,
      });
  };
  return el(
    "select",
    { id: "voice_id", class: "form-select", value: draft.voiceId ?? "", on: { change: choose } },
    el("option", { value: "" }, texts.t("page.speak.by_preset")),
    voices.map((voice) => el("option", { value: voice.id }, nameOf(voice))),
  );
}
