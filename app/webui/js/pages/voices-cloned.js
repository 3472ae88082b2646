/** What a cloned voice has beside others on the Voices page: its consent, report, file and end; and how one comes in. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { alert as failure } from "../widgets/states.js";
import { focusAfterRow } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";
import { deleteVoice, exportLinks } from "./clone-report.js";
import { consentLine } from "./consent.js";
import { shareVoice } from "./voices-share.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice} voice
 * @param {() => Promise<void>} load anew, after the voice is gone
 */
export function clonedPart(app, voice, load) {
  if (voice.is_stock !== false) return nothing;
  const { go, texts } = app;
  const drop = async (/** @type {any} */ event) => {
    const refocus = focusAfterRow(event.currentTarget, "[data-voice-id]");
    if (!(await deleteVoice(app, voice))) return;
    await load();
    refocus();
  };
  return html`<div class="cloned-part">
    ${consentLine(texts, voice.consent)}
    <div class="action-row start">
      <button type="button" class="btn btn-sm btn-quiet" data-report=${voice.id} @click=${() => go("clone", { voice: voice.id })}>${texts.t("page.voices.report")}</button>
      ${exportLinks(app, voice)}
      <button type="button" class="btn btn-sm btn-quiet" data-share=${voice.id} @click=${() => shareVoice(app, voice)}>${texts.t("page.voices.share")}</button>
      <button type="button" class="btn btn-sm btn-quiet" data-delete=${voice.id} data-action="delete" @click=${drop}>${icon("trash")}${texts.t("page.voices.delete")}</button>
    </div>
  </div>`;
}

/**
 * Brings a voice file.
 * @param {import("../app.js").App} app @param {() => void} redraw
 * @param {() => Promise<void>} load anew, after a voice came
 */
export function createImport(app, redraw, load) {
  const { announce, api, catalog, texts } = app;
  let error = "";
  const say = (/** @type {string} */ text) => {
    error = text;
    redraw();
  };
  const bring = async (/** @type {any} */ event) => {
    const input = event.target;
    const [file] = input.files;
    if (!file) return;
    const form = new FormData();
    form.append("file", file, file.name);
    say("");
    try {
      const voice = await api.importVoice(form);
      catalog.forget();
      toast(texts.t("page.voices.imported", { title: voice.title }));
      await load();
    } catch (problem) {
      say(/** @type {Error} */ (problem).message);
      announce(error);
    } finally {
      input.value = "";
    }
  };
  return {
    draw: () => html`<div class="import-part">
      <input id="voice-file" type="file" class="visually-hidden" accept=".safetensors,.json" @change=${bring} />
      <label class="btn btn-quiet" for="voice-file">${icon("upload")}${texts.t("page.voices.import")}</label>
      ${error ? failure(error) : nothing}
    </div>`,
  };
}
