/** The Speak page: a text, a voice, a button. */

import { engineOf, MANY, nearestLanguage, speaks } from "../catalog.js";
import { SPEAK } from "../drafts.js";
import { icon } from "../icons.js";
import { html, live } from "../lit.js";
import { loadPage } from "../load.js";
import { address } from "../router.js";
import { all, createView } from "../view.js";
import { createErrors, field, options } from "../widgets/field.js";
import { createLacking } from "./lacking.js";
import { createReading } from "./speak-reading.js";
import { createResult } from "./speak-result.js";
import { createRvc, rvcOf } from "./speak-rvc.js";
import { createTuning } from "./speak-tuning.js";
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
    ...rvcOf(draft),
  };
}

/** Characters as the service counts them: code points, not UTF-16 units. @param {string} text */
export function countChars(text) {
  return [...text].length;
}

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { query }) {
  return loadPage(root, app, app.catalog.load, (studio) => show(root, app, studio, query)).close;
}

/**
 * The draft completed with what the service offers; a choice it no longer offers is given up. A voice from the address
 * leaves a text in its language where it speaks that.
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
  const stays = asked && wanted && (wanted.language === MANY || (draft.text.trim() && speaks(wanted, chosen)));
  const language = asked && wanted && !stays ? wanted.language : chosen;
  if (wanted && speaks(wanted, language)) return { language, voiceId: wanted.id, presetId: null };
  const presets = studio.presets.filter((preset) => preset.languages.includes(/** @type {string} */ (language)));
  const preset = presets.find(({ id }) => id === draft.presetId) ?? presets[0];
  if (preset) return { language, voiceId: null, presetId: preset.id };
  const own = studio.voices.find((voice) => voice.language === language);
  const first = own ?? studio.voices.find((voice) => speaks(voice, language));
  return { language, voiceId: first?.id ?? null, presetId: null };
}

/** @typedef {(values: Partial<import("../drafts.js").Draft>) => void} Set */

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

  let isSending = false;
  const redraw = () => view.redraw();
  const errors = createErrors(app, redraw);
  const reading = createReading(app, set, redraw);
  const tuning = createTuning(app, studio, set, errors, redraw);
  const rvc = createRvc(app, set, errors, redraw);
  const lacking = createLacking(app, redraw);
  const result = createResult(app);
  const submit = async (/** @type {HTMLFormElement} */ form) => {
    if (isSending) return;
    isSending = true;
    errors.clear();
    void lacking.look("");
    try {
      const { draft } = store.state();
      await result.begin(requestOf(draft, engineOf(studio, draft)));
    } catch (error) {
      if (!(await lacking.show(/** @type {Error} */ (error)))) errors.show(/** @type {any} */ (error), form);
    } finally {
      isSending = false;
      redraw();
    }
  };
  const asked = (/** @type {any} */ event) => {
    if (event.type === "keydown" && !(event.key === "Enter" && (event.ctrlKey || event.metaKey))) return;
    event.preventDefault();
    void submit(event.currentTarget);
  };
  const view = createView(
    root,
    () => html`<h1 class="visually-hidden">${texts.t("page.nav.speak")}</h1>
      <form class="speak" novalidate @submit=${asked} @keydown=${asked}>
        <section class="card words">
          ${textField(app, set, errors)}
          <div class="words-foot">${languageField(app, studio, set, errors)} ${speakButton(texts, isSending)}</div>
          ${reading.draw()}
        </section>
        <aside class="card voice">${voiceChooser(app, studio, set, errors)} ${tuning.draw()} ${rvc.draw()}</aside>
        ${errors.drawWhole()}
      </form>
      ${lacking.draw()}
      ${result.node}`,
  );
  result.resume();

  const completeFor = (/** @type {string | null} */ language) => {
    const { draft } = store.state();
    set(completed({ ...draft, ...draft.chosen[language ?? ""], language }, studio, texts.language()));
  };
  return all(
    result.close,
    lacking.close,
    tuning.close,
    store.watch(({ draft }) => draft.language, completeFor),
    store.watch(({ draft }) => draft, redraw),
    view.close,
  );
}

/** @param {import("../texts.js").Texts} texts @param {boolean} isSending */
function speakButton(texts, isSending) {
  return html`<div class="go">
    <kbd>${texts.t("page.speak.shortcut")}</kbd>
    <button type="submit" class="btn btn-primary btn-lg speak-button" ?disabled=${isSending}>${icon("play")}${texts.t("page.speak.button")}</button>
  </div>`;
}

/** @param {import("../app.js").App} app @param {Set} set @param {import("../widgets/field.js").Errors} errors */
function textField({ store, texts }, set, errors) {
  const { text } = store.state().draft;
  const chars = countChars(text);
  const count = texts.t("page.speak.count", { count: texts.number(chars), limit: texts.number(MAX_CHARS) });
  const typed = (/** @type {any} */ event) => {
    set({ text: event.target.value });
    errors.corrected("text");
  };
  return html`<div class="words-field">
    ${field({
      name: "text",
      label: texts.t("page.speak.text"),
      aside: html`<span id="text-count" class=${chars > MAX_CHARS ? "fine text-danger" : "fine"}>${count}</span>`,
      errors,
      control: ({ id, invalid, describedBy }) => html`<textarea
        id=${id}
        class="form-control"
        rows="9"
        required
        spellcheck="true"
        placeholder=${texts.t("page.speak.placeholder")}
        aria-invalid=${invalid}
        aria-describedby="text-count ${describedBy}"
        .value=${live(text)}
        @input=${typed}
      ></textarea>`,
    })}
  </div>`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {Set} set @param {import("../widgets/field.js").Errors} errors */
function languageField({ store, texts }, studio, set, errors) {
  const pairs = /** @type {[string, string][]} */ (studio.languages.map((tag) => [tag, texts.languageName(tag)]));
  const choose = (/** @type {any} */ event) => {
    set({ language: event.target.value });
    errors.corrected("source_language");
  };
  return field({
    name: "source_language",
    label: texts.t("page.speak.language"),
    errors,
    control: ({ id, invalid, describedBy }) =>
      html`<select id=${id} class="form-select" aria-invalid=${invalid} aria-describedby=${describedBy} @change=${choose}>${options(pairs, store.state().draft.language)}</select>`,
  });
}
