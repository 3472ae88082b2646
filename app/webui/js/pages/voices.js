/** The Voices page: who can speak, and how they sound. */

import { MANY, nearestLanguage, sortLanguages } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { plain } from "../texts.js";
import { all, createView } from "../view.js";
import { options } from "../widgets/field.js";
import { hearButton } from "../widgets/player-bar.js";
import { emptyState } from "../widgets/states.js";
import { createWaveform } from "../widgets/waveform.js";
import { licenceLine } from "./licence.js";
import { clonedPart, createImport } from "./voices-cloned.js";
import { CATEGORIES, editTags } from "./voices-share.js";

/** What is shown: kept while one looks elsewhere. @type {import("../store.js").Slice<Filter>} */
const FILTER = {
  name: "voices",
  initial: { search: "", language: "", category: "", tag: "" },
  keep: ["search", "language", "category", "tag"],
};
export const slices = [FILTER];

/**
 * A voice is in the category that it was given and in that of its gender.
 * @typedef {{ load: () => Promise<void>, wave: ReturnType<typeof createSampleWave> }} Parts `load`: anew
 * @typedef {{ search: string, language: string, category: string, tag: string }} Filter
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Filter} filter empty parts let everything through
 * @param {import("../texts.js").Texts} texts whose words the search knows
 * @returns {import("../catalog.js").Voice[]}
 */
export function filtered(voices, { search, language, category, tag }, texts) {
  const words = plain(search).split(/\s+/).filter(Boolean);
  const isSaid = (/** @type {import("../catalog.js").Voice} */ voice) => {
    const said = saidOf(voice, texts);
    return words.every((word) => said.includes(word));
  };
  return voices.filter(
    (voice) =>
      (!language || voice.language === language || (voice.language === MANY && voice.languages.includes(language))) &&
      (!category || [voice.category, voice.gender].includes(category)) &&
      (!tag || (voice.tags ?? []).includes(tag)) &&
      (words.length === 0 || isSaid(voice)),
  );
}

/** All that a voice may be searched by. @param {import("../catalog.js").Voice} voice @param {import("../texts.js").Texts} texts */
function saidOf(voice, texts) {
  const { category, engine, gender, id, is_stock: isStock, language, tags = [], title } = voice;
  const told = [category && texts.t(`page.voices.category.${category}`), texts.t(`page.gender.${gender}`), isStock === false && texts.t("page.voices.cloned")];
  return plain([title, id, engine, ...tags, texts.languageName(language), ...told].filter(Boolean).join(" "));
}

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { query }) {
  const { catalog, sound, store } = app;
  if (query.language) store.dispatch({ type: "voices", values: { language: query.language } });
  // Voices come and go while the page is open.
  catalog.forgetOld();
  const page = loadPage(root, app, catalog.load, ({ voices }) => {
    const redraw = () => view.redraw();
    const bring = createImport(app, redraw, page.again);
    const wave = createSampleWave(app, redraw);
    const view = createView(root, () => drawn(app, voices, store.state().voices, bring.draw(), { load: page.again, wave }));
    return all(sound.subscribe(redraw), store.watch((state) => state.voices, redraw), wave.close, view.close);
  });
  return page.close;
}

/**
 * The waveform of the voice that is in the player: drawn when its sample is there, and not before it is heard.
 * @param {import("../app.js").App} app @param {() => void} redraw
 */
function createSampleWave(app, redraw) {
  const { sound } = app;
  let key = "";
  /** @type {ReturnType<typeof createWaveform> | null} */
  let wave = null;
  const close = () => {
    wave?.close();
    wave = null;
    key = "";
  };
  return {
    close,
    /** @param {import("../sound.js").Track} track */
    draw(track) {
      const { kind, key: heard, durationS, status } = sound.state();
      if (key && heard !== key) close();
      if (heard !== track.key) return nothing;
      if (!wave && kind === "file" && durationS !== null && status !== "waiting") {
        wave = createWaveform(app, { ...track, media: sound.audio }, redraw);
        key = track.key;
      }
      return wave ? html`<div class="voice-wave">${wave.draw()}</div>` : nothing;
    },
  };
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Filter} filter
 * @param {unknown} importPart
 * @param {Parts} parts
 */
function drawn(app, voices, filter, importPart, parts) {
  const { store, texts } = app;
  const found = filtered(voices, filter, texts);
  const clear = () => store.dispatch({ type: "voices", values: FILTER.initial });
  const empty = () => emptyState({ drawing: "voices", text: texts.t("page.voices.none"), action: { text: texts.t("page.voices.clear"), click: clear } });
  return html`<div class="page-head"><h1>${texts.t("page.nav.voices")}</h1>${filters(app, voices, filter)}</div>
    ${importPart}
    <p class="fine" role="status">${texts.t("page.voices.count", { count: found.length, total: voices.length })}</p>
    ${found.length === 0 ? empty() : nothing}
    ${repeat(
      sortLanguages(found.map(({ language }) => language)),
      (language) => language,
      (language) => group(app, language, found.filter((voice) => voice.language === language), parts),
    )}`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Voice[]} voices @param {Filter} filter */
function filters({ store, texts }, voices, filter) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) =>
    store.dispatch({ type: "voices", values: { [name]: event.target.value } });
  const choice = (/** @type {"language" | "category" | "tag"} */ name, /** @type {[string, string][]} */ pairs) =>
    html`<select class="form-select" aria-label=${texts.t(`page.voices.${name}`)} data-filter=${name} @change=${set(name)}>
      ${options([["", texts.t(`page.voices.any_${name}`)], ...pairs], filter[name])}
    </select>`;
  const tags = [...new Set(voices.flatMap((voice) => voice.tags ?? []))].sort((a, b) => a.localeCompare(b));
  return html`<div class="filters" role="search">
    <input type="search" class="form-control" placeholder=${texts.t("page.voices.search")} aria-label=${texts.t("page.voices.search")} .value=${live(filter.search)} @input=${set("search")} />
    ${choice("language", sortLanguages(voices.map(({ language }) => language)).map((tag) => [tag, texts.languageName(tag)]))}
    ${choice("category", CATEGORIES.map((name) => [name, texts.t(`page.voices.category.${name}`)]))}
    ${tags.length > 0 || filter.tag ? choice("tag", [...new Set([...tags, filter.tag].filter(Boolean))].map((tag) => [tag, tag])) : nothing}
  </div>`;
}

/** @param {import("../app.js").App} app @param {string} language @param {import("../catalog.js").Voice[]} voices @param {Parts} parts */
function group(app, language, voices, parts) {
  const id = `voices-${language}`;
  const clonedFirst = [...voices].sort((a, b) => Number(a.is_stock) - Number(b.is_stock));
  return html`<section class="voice-group" aria-labelledby=${id}>
    <h2 id=${id}>${app.texts.languageName(language)}<span class="fine">${voices.length}</span></h2>
    <div class="voice-cards">${repeat(clonedFirst, (voice) => voice.id, (voice) => card(app, voice, parts))}</div>
  </section>`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice @param {Parts} parts */
function card(app, voice, { load, wave }) {
  const { api, go, sound, texts } = app;
  const language = voice.language === MANY ? nearestLanguage(voice.languages, texts.language()) : voice.language;
  const state = sound.state().key === voice.id ? sound.state().status : "idle";
  const word = state === "failed" ? "failed" : state === "waiting" ? "loading" : state === "playing" ? "playing" : "idle";
  const text = texts.t(`page.sample.${word}`);
  const track = { key: voice.id, title: voice.title, src: api.voiceSampleUrl(voice.id, { language }) };
  return html`<article class="card voice-card" data-voice-id=${voice.id}>
    <div class="face" data-gender=${voice.gender}>${icon("person")}</div>
    <div class="voice-name">
      <h3>${voice.title}${voice.is_stock ? nothing : html`<span class="badge">${texts.t("page.voices.cloned")}</span>`}</h3>
      <p>${kindOf(texts, voice)} · ${voice.engine}</p>
      <code>${voice.id}</code>${(voice.tags ?? []).map((tag) => html` <span class="badge">${tag}</span>`)}${licenceLine(texts, voice)}
    </div>
    <div class="voice-actions">
      ${hearButton(app, { ...track, text, label: `${text}: ${voice.title}` })}
      <button type="button" class="btn btn-sm btn-soft" @click=${() => go("speak", { voice: voice.id })}>${texts.t("page.voices.use")}</button>
      <button type="button" class="btn btn-sm btn-quiet" data-tags=${voice.id} aria-label="${texts.t("page.voices.tags")}: ${voice.title}" @click=${() => editTags(app, voice, load)}>${texts.t("page.voices.tags")}</button>
    </div>
    ${wave.draw(track)} ${clonedPart(app, voice, load)}
  </article>`;
}

/** Gender, and the category where that says more. @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice} voice */
function kindOf(texts, { category, gender }) {
  const said = texts.t(`page.gender.${gender}`);
  if (!category || category === gender) return said;
  const word = texts.t(`page.voices.category.${category}`);
  return gender === "unknown" ? word : `${word} · ${said}`;
}
