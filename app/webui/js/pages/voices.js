/** The Voices page: who can speak, and how they sound. */

import { el, icon, on, replace } from "../dom.js";
import { MANY, nearestLanguage, sortLanguages } from "../catalog.js";
import { alert } from "./job-view.js";
import { licenceLine } from "./licence.js";
import { clonedPart, importPart } from "./voices-cloned.js";

/**
 * @typedef {{ search: string, language: string, gender: string }} Filter
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Filter} filter empty parts let everything through
 * @returns {import("../catalog.js").Voice[]}
 */
export function filtered(voices, { search, language, gender }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return voices.filter((voice) => {
    const said = `${voice.title} ${voice.id} ${voice.engine}`.toLowerCase();
    return (
      (!language || voice.language === language || (voice.language === MANY && voice.languages.includes(language))) &&
      (!gender || voice.gender === gender) &&
      words.every((word) => said.includes(word))
    );
  });
}

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, { query }) {
  const { texts } = app;
  const sampler = new Sampler(app);
  let isGone = false;
  replace(root, el("div", { class: "loading", role: "status" }, texts.t("page.loading")));
  const load = async () => {
    try {
      const { voices } = await app.catalog.load();
      if (!isGone) show(root, app, voices, sampler, query, load);
    } catch (error) {
      const again = el(
        "button",
        { type: "button", class: "btn btn-sm btn-danger", on: { click: load } },
        texts.t("page.retry"),
      );
      if (!isGone) replace(root, alert(/** @type {Error} */ (error).message, again));
    }
  };
  // Voices come and go while the page is open.
  app.catalog.forget();
  void load();
  return () => {
    isGone = true;
    sampler.stop();
  };
}

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice[]} voices
 * @param {Sampler} sampler
 * @param {Record<string, string>} query
 * @param {() => void} load anew
 */
function show(root, app, voices, sampler, query, load) {
  const { texts } = app;
  const filter = { search: "", language: query.language ?? "", gender: "" };
  const count = el("p", { class: "fine", role: "status" });
  const list = el("div");
  const draw = () => {
    sampler.stop();
    const found = filtered(voices, filter);
    replace(count, texts.t("page.voices.count", { count: found.length, total: voices.length }));
    const groups = sortLanguages(found.map((voice) => voice.language));
    replace(
      list,
      found.length === 0 &&
        el("div", { class: "card empty" }, icon("voices"), el("p", {}, texts.t("page.voices.none"))),
      groups.map((language) =>
        group(
          app,
          language,
          found.filter((voice) => voice.language === language),
          sampler,
          load,
        ),
      ),
    );
  };
  replace(
    root,
    el("div", { class: "page-head" }, el("h1", {}, texts.t("page.nav.voices")), filters(texts, voices, filter, draw)),
    importPart(app, load),
    count,
    list,
  );
  draw();
}

/** @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice[]} voices @param {Filter} filter @param {() => void} draw */
function filters(texts, voices, filter, draw) {
  const languages = sortLanguages(voices.map((voice) => voice.language));
  const genders = [...new Set(voices.map((voice) => voice.gender))].sort();
  const choice = (/** @type {"language" | "gender"} */ name, /** @type {[string, string][]} */ options) =>
    el(
      "select",
      {
        class: "form-select",
        "aria-label": texts.t(`page.voices.${name}`),
        value: filter[name],
        data: { filter: name },
        on: {
          change: (/** @type {any} */ event) => {
            filter[name] = event.target.value;
            draw();
          },
        },
      },
      el("option", { value: "" }, texts.t(`page.voices.any_${name}`)),
      options.map(([value, text]) => el("option", { value }, text)),
    );
  const search = el("input", {
    type: "search",
    class: "form-control",
    placeholder: texts.t("page.voices.search"),
    "aria-label": texts.t("page.voices.search"),
  });
  on(search, "input", () => {
    filter.search = search.value;
    draw();
  });
  return el(
    "div",
    { class: "filters", role: "search" },
    search,
    choice(
      "language",
      languages.map((tag) => [tag, texts.languageName(tag)]),
    ),
    choice(
      "gender",
      genders.map((gender) => [gender, texts.t(`page.gender.${gender}`)]),
    ),
  );
}

/** @param {import("../app.js").App} app @param {string} language @param {import("../catalog.js").Voice[]} voices @param {Sampler} sampler @param {() => void} load */
function group(app, language, voices, sampler, load) {
  const id = `voices-${language}`;
  const clonedFirst = [...voices].sort((a, b) => Number(a.is_stock) - Number(b.is_stock));
  return el(
    "section",
    { class: "voice-group", "aria-labelledby": id },
    el("h2", { id }, app.texts.languageName(language), el("span", { class: "fine" }, voices.length)),
    el(
      "div",
      { class: "voice-cards" },
      clonedFirst.map((voice) => card(app, voice, sampler, load)),
    ),
  );
}

/** @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice @param {Sampler} sampler @param {() => void} load */
function card(app, voice, sampler, load) {
  const { go, texts } = app;
  const hear = el("button", { type: "button", class: "btn btn-sm btn-quiet", data: { hear: voice.id, state: "idle" } });
  hear.addEventListener("click", () => sampler.toggle(voice, hear));
  sampler.draw(hear, "idle");
  return el(
    "article",
    { class: "card voice-card", data: { voiceId: voice.id } },
    el("div", { class: "face", data: { gender: voice.gender } }, icon("person")),
    el(
      "div",
      { class: "voice-name" },
      el("h3", {}, voice.title, !voice.is_stock && el("span", { class: "badge" }, texts.t("page.voices.cloned"))),
      el("p", {}, `${texts.t(`page.gender.${voice.gender}`)} · ${voice.engine}`),
      el("code", {}, voice.id),
      licenceLine(texts, voice),
    ),
    el(
      "div",
      { class: "voice-actions" },
      hear,
      el(
        "button",
        { type: "button", class: "btn btn-sm btn-soft", on: { click: () => go("speak", { voice: voice.id }) } },
        texts.t("page.voices.use"),
      ),
    ),
    clonedPart(app, voice, load),
  );
}

/** One sample at a time: starting one ends the other. */
class Sampler {
  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.app = app;
    this.audio = new Audio();
    this.abort = new AbortController();
    /** @type {HTMLElement | null} */
    this.button = null;
    this.audio.addEventListener("ended", () => this.stop());
  }

  /** @param {HTMLElement} button @param {"idle" | "loading" | "playing" | "failed"} state */
  draw(button, state) {
    const drawing = { idle: "play", loading: "wait", playing: "stop", failed: "play" }[state];
    button.dataset.state = state;
    button.setAttribute("aria-busy", String(state === "loading"));
    replace(button, icon(drawing), this.app.texts.t(`page.sample.${state}`));
  }

  stop() {
    this.abort.abort();
    this.audio.pause();
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    if (this.button && this.button.dataset.state !== "failed") this.draw(this.button, "idle");
    this.button = null;
  }

  /** @param {import("../catalog.js").Voice} voice @param {HTMLElement} button */
  async toggle(voice, button) {
    const wasThis = this.button === button;
    this.stop();
    if (wasThis) return;
    const abort = new AbortController();
    [this.button, this.abort] = [button, abort];
    this.draw(button, "loading");
    try {
      const reader = this.app.texts.language();
      const language = voice.language === MANY ? nearestLanguage(voice.languages, reader) : voice.language;
      const sample = await this.app.api.voiceSample(voice.id, language, abort.signal);
      this.audio.src = URL.createObjectURL(sample);
      await this.audio.play();
      button.dataset.durationS = String(this.audio.duration);
      this.draw(button, "playing");
    } catch (error) {
      if (abort.signal.aborted) return;
      this.draw(button, "failed");
      button.title = /** @type {Error} */ (error).message;
      this.app.announce(button.title);
      this.button = null;
    }
  }
}
