/** What a profile is heard with: a sentence and a voice, spoken with the values in the form, a moment after they change. */

import { firstVoice, MANY, nearestLanguage } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { options } from "../widgets/field.js";
import { alert } from "../widgets/states.js";

export const PAUSE_MS = 600; // after the last change, until it is heard
export const MAX_CHARS = 300;
const KEY = "profile preview";

/** What is heard on the Profiles page: kept over a reload. `voices`: the one chosen, by engine. */
export const PROFILES = {
  name: "profiles",
  initial: { text: /** @type {string | null} */ (null), voices: /** @type {Record<string, string>} */ ({}), isLive: false },
  keep: /** @type {const} */ (["text", "voices", "isLive"]),
};

/**
 * @param {import("../app.js").App} app
 * @param {object} options
 * @param {string} options.engine
 * @param {readonly import("../catalog.js").Voice[]} options.voices of the engine; without one nothing is heard
 * @param {() => { profile_id: string, parameters: Record<string, unknown> }} options.values in the form
 * @param {() => string} options.title of what is heard
 * @param {() => void} redraw
 */
export function createHearing(app, { engine, voices, values, title }, redraw) {
  const { api, sound, store, texts } = app;
  const state = { isMaking: false, error: "", tookS: /** @type {number | null} */ (null) };
  let abort = new AbortController();
  let src = "";
  let timer = 0;
  const set = (/** @type {Partial<typeof state>} */ now) => {
    Object.assign(state, now);
    redraw();
  };
  const keep = (/** @type {Record<string, unknown>} */ now) => {
    store.dispatch({ type: PROFILES.name, values: now });
    if (!("isLive" in now)) changed();
    redraw();
  };
  const draft = () => store.state()[PROFILES.name];
  const voice = () => voices.find(({ id }) => id === draft().voices[engine]) ?? firstVoice(voices, texts.language());

  /** What is said by whom, as the preview takes it. */
  const said = () => {
    const { id, language, languages } = voice();
    const spoken = language === MANY ? nearestLanguage(languages, texts.language()) : language;
    return { text: draft().text ?? texts.t("page.profiles.sample"), voice_id: id, language: spoken };
  };

  /** Something that is heard changed. */
  function changed() {
    clearTimeout(timer);
    if (draft().isLive && voices.length > 0 && said().text.trim()) timer = window.setTimeout(() => void hear(), PAUSE_MS);
  }

  /** The newest request wins: one that is under way is given up, and the service stops making it. */
  async function hear() {
    clearTimeout(timer);
    abort.abort();
    const mine = (abort = new AbortController());
    const started = performance.now();
    set({ isMaking: true, error: "" });
    try {
      const response = await api.speak(`/quality-profiles/${engine}/preview`, { ...said(), ...values() }, mine.signal);
      const blob = await response.blob();
      URL.revokeObjectURL(src);
      src = URL.createObjectURL(blob);
      set({ isMaking: false, tookS: (performance.now() - started) / 1000 });
      void sound.play({ key: KEY, title: title(), src });
    } catch (error) {
      if (mine.signal.aborted) return; // another one is under way, or the page is gone
      set({ isMaking: false, error: /** @type {Error} */ (error).message });
    }
  }

  return {
    said,
    changed,
    close() {
      clearTimeout(timer);
      abort.abort();
      if (sound.state().key === KEY) sound.close();
      URL.revokeObjectURL(src);
    },
    draw: () => html`<section class="card profile-hearing" aria-labelledby="hearing-title" data-hearing=${state.isMaking ? "making" : "idle"}>
      <h2 id="hearing-title">${texts.t("page.profiles.hear_title")}</h2>
      ${whatFields(texts, { text: said().text, voices, chosen: voice().id, engine, draft, keep })}
      <div class="form-check form-switch">
        <input id="live-preview" type="checkbox" role="switch" class="form-check-input" .checked=${live(draft().isLive)} @change=${(/** @type {any} */ event) => keep({ isLive: event.target.checked })} />
        <label class="form-check-label" for="live-preview">${texts.t("page.profiles.live")}</label>
      </div>
      ${state.error ? alert(state.error) : nothing}
      <div class="profile-hear">
        <button type="button" class="btn btn-primary" data-hear-values ?disabled=${!said().text.trim()} aria-busy=${state.isMaking} @click=${() => void hear()}>${icon(state.isMaking ? "wait" : "play")}${texts.t("page.profiles.hear")}</button>
        <span class="fine" role="status">${state.isMaking ? texts.t("page.profiles.making") : state.tookS === null ? "" : texts.t("page.profiles.made", { seconds: texts.number(state.tookS, 1) })}</span>
      </div>
    </section>`,
  };
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {{ text: string, voices: readonly import("../catalog.js").Voice[], chosen: string, engine: string, draft: () => any, keep: (now: Record<string, unknown>) => void }} told
 */
function whatFields(texts, { text, voices, chosen, engine, draft, keep }) {
  const name = (/** @type {import("../catalog.js").Voice} */ { title, language }) => (language === MANY ? title : `${title} (${texts.languageName(language)})`);
  const pairs = voices.map((voice) => /** @type {const} */ ([voice.id, name(voice)]));
  const choose = (/** @type {any} */ event) => keep({ voices: { ...draft().voices, [engine]: event.target.value } });
  return html`<div class="field">
      <label for="hearing-text">${texts.t("page.profiles.text")}</label>
      <textarea id="hearing-text" class="form-control" rows="3" maxlength=${MAX_CHARS} .value=${live(text)} @input=${(/** @type {any} */ event) => keep({ text: event.target.value })}></textarea>
    </div>
    <div class="field">
      <label for="hearing-voice">${texts.t("page.profiles.voice")}</label>
      <select id="hearing-voice" class="form-select" @change=${choose}>${options(pairs, chosen)}</select>
    </div>`;
}
