/** The Speak page: a text, a voice, a button. */

import { all, el, icon, on, replace } from "../dom.js";
import { SPEAK } from "../drafts.js";
import { address } from "../router.js";
import { engineOf, MANY, nearestLanguage, speaks } from "../catalog.js";
import { clearErrors, errorLine, showErrors } from "./form.js";
import { alert } from "./job-view.js";
import { readingBox } from "./speak-reading.js";
import { createResult } from "./speak-result.js";
import { tuning } from "./speak-tuning.js";
import { voiceChooser } from "./speak-voice.js";

export const slices = [SPEAK];
export const MAX_CHARS = 10_000;

/**
 * What POST /jobs gets; only what was chosen is in it.
 * @param {import("../drafts.js").Draft} draft
 * @param {string | null} engine whose voice it is
 * @returns {Record<string, unknown>}
 */
export function requestOf(draft, engine) {
  const voice = draft.voiceId ? { voice_id: draft.voiceId } : { voice_preset: draft.presetId };
  return {
    text: draft.text,
    source_language: draft.language,
    mode: "dubbing",
    ...voice,
    tts_engine: engine,
    ...(draft.profileId ? { quality_profile_id: draft.profileId } : {}),
    ...(draft.speed === null ? {} : { speed: draft.speed }),
    ...(draft.wrapping && draft.wrapping !== "auto" ? { wrapping: draft.wrapping } : {}),
    ...(draft.checkWords ? { check_words: true } : {}),
  };
}

/** Characters as the service counts them: code points, not UTF-16 units. @param {string} text */
export function countChars(text) {
  return [...text].length;
}

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, { query }) {
  let close = () => {};
  let isGone = false;
  replace(root, el("div", { class: "loading", role: "status" }, app.texts.t("page.loading")));
  const load = async () => {
    try {
      const studio = await app.catalog.load();
      if (!isGone) close = show(root, app, studio, query);
    } catch (error) {
      const again = el(
        "button",
        { type: "button", class: "btn btn-sm btn-danger", on: { click: load } },
        app.texts.t("page.retry"),
      );
      if (!isGone) replace(root, alert(/** @type {Error} */ (error).message, again));
    }
  };
  void load();
  return () => {
    isGone = true;
    close();
  };
}

/**
 * The draft completed with what the service offers; a choice it no longer offers is given up.
 * @param {import("../drafts.js").Draft} draft
 * @param {import("../catalog.js").Catalog} studio
 * @param {string} reader the language of the page
 * @param {string} [asked] a voice id from the address
 * @returns {Partial<import("../drafts.js").Draft>}
 */
export function completed(draft, studio, reader, asked) {
  const wanted = studio.voices.find((voice) => voice.id === (asked || draft.voiceId));
  const isOffered = draft.language !== null && studio.languages.includes(draft.language);
  const chosen = isOffered ? draft.language : nearestLanguage(studio.languages, reader);
  const language = asked && wanted && wanted.language !== MANY ? wanted.language : chosen;
  if (wanted && speaks(wanted, language)) return { language, voiceId: wanted.id, presetId: null };
  const presets = studio.presets.filter((preset) => preset.languages.includes(/** @type {string} */ (language)));
  const preset = presets.find(({ id }) => id === draft.presetId) ?? presets[0];
  if (preset) return { language, voiceId: null, presetId: preset.id };
  const own = studio.voices.find((voice) => voice.language === language);
  const first = own ?? studio.voices.find((voice) => speaks(voice, language));
  return { language, voiceId: first?.id ?? null, presetId: null };
}

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Catalog} studio
 * @param {Record<string, string>} query
 */
function show(root, app, studio, query) {
  const { store, texts } = app;
  const set = (/** @type {Partial<import("../drafts.js").Draft>} */ values) => store.dispatch({ type: "draft", values });
  set(completed(store.state().draft, studio, texts.language(), query.voice));
  // A voice in the address is chosen once; what the person chooses after it stays.
  if (query.voice) history.replaceState(null, "", address("speak"));

  const result = createResult(app);
  const submit = async () => {
    clearErrors(form);
    button.disabled = true;
    try {
      const { draft } = store.state();
      await result.begin(requestOf(draft, engineOf(studio, draft)));
    } catch (error) {
      showErrors(form, app, /** @type {any} */ (error));
    } finally {
      button.disabled = false;
    }
  };
  const { form, button } = drawForm(app, studio, set);
  replace(root, el("h1", { class: "visually-hidden" }, texts.t("page.nav.speak")), form, result.node);
  result.resume();

  return all(
    result.close,
    on(form, "submit", (event) => {
      event.preventDefault();
      void submit();
    }),
    on(form, "keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!button.disabled) void submit();
    }),
    store.watch(
      ({ draft }) => draft.language,
      (language) => {
        set(completed({ ...store.state().draft, language }, studio, texts.language()));
      },
    ),
  );
}

/** @typedef {(values: Partial<import("../drafts.js").Draft>) => void} Set */

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {Set} set */
function drawForm(app, studio, set) {
  const { texts } = app;
  const button = el(
    "button",
    { type: "submit", class: "btn btn-primary btn-lg speak-button" },
    icon("play"),
    texts.t("page.speak.button"),
  );
  const form = el(
    "form",
    { class: "speak", novalidate: true },
    el(
      "section",
      { class: "card words" },
      textField(app, set),
      el(
        "div",
        { class: "words-foot" },
        languageField(app, studio, set),
        el("div", { class: "go" }, el("kbd", {}, texts.t("page.speak.shortcut")), button),
      ),
      readingBox(app, set),
    ),
    el("aside", { class: "card voice" }, voiceChooser(app, studio, set), tuning(app, studio, set)),
    el("div", { data: { problem: "" } }),
  );
  return { form, button };
}

/** @param {import("../app.js").App} app @param {Set} set */
function textField({ store, texts }, set) {
  const count = el("span", { id: "text-count", class: "fine" });
  const show = (/** @type {string} */ text) => {
    const chars = countChars(text);
    count.classList.toggle("text-danger", chars > MAX_CHARS);
    replace(count, texts.t("page.speak.count", { count: texts.number(chars), limit: texts.number(MAX_CHARS) }));
  };
  const { text } = store.state().draft;
  show(text);
  const typed = (/** @type {any} */ event) => {
    show(event.target.value);
    set({ text: event.target.value });
  };
  return el(
    "div",
    { class: "field words-field" },
    el("div", { class: "field-head" }, el("label", { for: "text" }, texts.t("page.speak.text")), count),
    el("textarea", {
      id: "text",
      class: "form-control",
      rows: 9,
      required: true,
      spellcheck: "true",
      value: text,
      placeholder: texts.t("page.speak.placeholder"),
      "aria-describedby": "text-count text-error",
      on: { input: typed },
    }),
    errorLine("text"),
  );
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {Set} set */
function languageField({ store, texts }, studio, set) {
  const options = studio.languages.map((tag) => el("option", { value: tag }, texts.languageName(tag)));
  return el(
    "div",
    { class: "field" },
    el("label", { for: "source_language" }, texts.t("page.speak.language")),
    el(
      "select",
      {
        id: "source_language",
        class: "form-select",
        value: store.state().draft.language,
        on: { change: (/** @type {any} */ event) => set({ language: event.target.value }) },
      },
      options,
    ),
    errorLine("source_language"),
  );
}
