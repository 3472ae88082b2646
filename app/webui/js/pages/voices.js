/** The Voices page: who can speak, and how they sound. */

import { MANY, nearestLanguage, sortLanguages } from "../catalog.js";
import { icon } from "../icons.js";
import { html, live, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { options } from "../widgets/field.js";
import { hearButton } from "../widgets/player-bar.js";
import { emptyState } from "../widgets/states.js";
import { licenceLine } from "./licence.js";
import { clonedPart, createImport } from "./voices-cloned.js";
import { editTags } from "./voices-share.js";

/** What is shown: kept while one looks elsewhere. @type {import("../store.js").Slice<Filter>} */
const FILTER = { name: "voices", initial: { search: "", language: "", gender: "" }, keep: ["search", "language", "gender"] };
export const slices = [FILTER];

/**
 * @typedef {{ search: string, language: string, gender: string }} Filter
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Filter} filter empty parts let everything through
 * @returns {import("../catalog.js").Voice[]}
 */
export function filtered(voices, { search, language, gender }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return voices.filter((voice) => {
    const labels = [...(voice.tags ?? []), voice.category ?? ""].join(" ");
    const said = `${voice.title} ${voice.id} ${voice.engine} ${labels}`.toLowerCase();
    return (
      (!language || voice.language === language || (voice.language === MANY && voice.languages.includes(language))) &&
      (!gender || voice.gender === gender) &&
      words.every((word) => said.includes(word))
    );
  });
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
    const view = createView(root, () => drawn(app, voices, store.state().voices, bring.draw(), page.again));
    return all(sound.subscribe(redraw), store.watch((state) => state.voices, redraw), view.close);
  });
  return page.close;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Filter} filter
 * @param {unknown} importPart
 * @param {() => Promise<void>} load anew
 */
function drawn(app, voices, filter, importPart, load) {
  const { store, texts } = app;
  const found = filtered(voices, filter);
  const clear = () => store.dispatch({ type: "voices", values: FILTER.initial });
  const empty = () => emptyState({ drawing: "voices", text: texts.t("page.voices.none"), action: { text: texts.t("page.voices.clear"), click: clear } });
  return html`<div class="page-head"><h1>${texts.t("page.nav.voices")}</h1>${filters(app, voices, filter)}</div>
    ${importPart}
    <p class="fine" role="status">${texts.t("page.voices.count", { count: found.length, total: voices.length })}</p>
    ${found.length === 0 ? empty() : nothing}
    ${repeat(
      sortLanguages(found.map(({ language }) => language)),
      (language) => language,
      (language) => group(app, language, found.filter((voice) => voice.language === language), load),
    )}`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Voice[]} voices @param {Filter} filter */
function filters({ store, texts }, voices, filter) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) =>
    store.dispatch({ type: "voices", values: { [name]: event.target.value } });
  const choice = (/** @type {"language" | "gender"} */ name, /** @type {[string, string][]} */ pairs) =>
    html`<select class="form-select" aria-label=${texts.t(`page.voices.${name}`)} data-filter=${name} @change=${set(name)}>
      ${options([["", texts.t(`page.voices.any_${name}`)], ...pairs], filter[name])}
    </select>`;
  const genders = [...new Set(voices.map(({ gender }) => gender))].sort();
  return html`<div class="filters" role="search">
    <input type="search" class="form-control" placeholder=${texts.t("page.voices.search")} aria-label=${texts.t("page.voices.search")} .value=${live(filter.search)} @input=${set("search")} />
    ${choice("language", sortLanguages(voices.map(({ language }) => language)).map((tag) => [tag, texts.languageName(tag)]))}
    ${choice("gender", genders.map((gender) => [gender, texts.t(`page.gender.${gender}`)]))}
  </div>`;
}

/** @param {import("../app.js").App} app @param {string} language @param {import("../catalog.js").Voice[]} voices @param {() => Promise<void>} load */
function group(app, language, voices, load) {
  const id = `voices-${language}`;
  const clonedFirst = [...voices].sort((a, b) => Number(a.is_stock) - Number(b.is_stock));
  return html`<section class="voice-group" aria-labelledby=${id}>
    <h2 id=${id}>${app.texts.languageName(language)}<span class="fine">${voices.length}</span></h2>
    <div class="voice-cards">${repeat(clonedFirst, (voice) => voice.id, (voice) => card(app, voice, load))}</div>
  </section>`;
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice @param {() => Promise<void>} load */
function card(app, voice, load) {
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
      <p>${texts.t(`page.gender.${voice.gender}`)} · ${voice.engine}</p>
      <code>${voice.id}</code>${(voice.tags ?? []).map((tag) => html` <span class="badge">${tag}</span>`)}${licenceLine(texts, voice)}
    </div>
    <div class="voice-actions">
      ${hearButton(app, { ...track, text, label: `${text}: ${voice.title}` })}
      <button type="button" class="btn btn-sm btn-soft" @click=${() => go("speak", { voice: voice.id })}>${texts.t("page.voices.use")}</button>
      <button type="button" class="btn btn-sm btn-quiet" data-tags=${voice.id} aria-label="${texts.t("page.voices.tags")}: ${voice.title}" @click=${() => editTags(app, voice, load)}>${texts.t("page.voices.tags")}</button>
    </div>
    ${clonedPart(app, voice, load)}
  </article>`;
}
