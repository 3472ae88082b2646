/** What a cloned voice has beside others on the Voices page: its consent, report, file and end; and how one comes in. */

import { el, icon, on, replace } from "../dom.js";
import { deleteVoice, exportLink } from "./clone-report.js";
import { consentLine } from "./consent.js";
import { alert } from "./job-view.js";

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice} voice
 * @param {() => void} redraw after the voice is gone
 */
export function clonedPart(app, voice, redraw) {
  if (voice.is_stock !== false) return null;
  const { go, texts } = app;
  const problem = el("div");
  const drop = async () => {
    if (await deleteVoice(app, voice, problem)) redraw();
  };
  return el(
    "div",
    { class: "cloned-part" },
    consentLine(texts, voice.consent),
    el(
      "div",
      { class: "action-row start" },
      el(
        "button",
        {
          type: "button",
          class: "btn btn-sm btn-quiet",
          data: { report: voice.id },
          on: { click: () => go("clone", { voice: voice.id }) },
        },
        texts.t("page.voices.report"),
      ),
      exportLink(app, voice),
      el(
        "button",
        { type: "button", class: "btn btn-sm btn-quiet", data: { delete: voice.id }, on: { click: drop } },
        icon("trash"),
        texts.t("page.voices.delete"),
      ),
    ),
    problem,
  );
}

/** Brings a voice file. @param {import("../app.js").App} app @param {() => void} redraw after a voice came */
export function importPart(app, redraw) {
  const { announce, api, catalog, texts } = app;
  const problem = el("div");
  const input = el("input", { id: "voice-file", type: "file", class: "visually-hidden", accept: ".safetensors" });
  on(input, "change", async () => {
    const [file] = input.files;
    if (!file) return;
    const form = new FormData();
    form.append("file", file, file.name);
    replace(problem);
    try {
      const voice = await api.importVoice(form);
      catalog.forget();
      announce(texts.t("page.voices.imported", { title: voice.title }));
      redraw();
    } catch (error) {
      replace(problem, alert(/** @type {Error} */ (error).message));
      announce(/** @type {Error} */ (error).message);
    } finally {
      input.value = "";
    }
  });
  return el(
    "div",
    { class: "import-part" },
    input,
    el("label", { class: "btn btn-quiet", for: "voice-file" }, icon("upload"), texts.t("page.voices.import")),
    problem,
  );
}
