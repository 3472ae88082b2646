/** The frame around every page: bar, language, theme, state of the service, foot. */

import { all, el, icon, on, replace } from "./dom.js";
import { address } from "./router.js";
import { LANGUAGES } from "./texts.js";

const THEMES = ["auto", "light", "dark"];
const SHORT = /** @type {Record<string, string>} */ ({ en: "EN", "pt-BR": "PT" });
const HEALTH_EVERY_MS = 15000;

/** A choice kept in this browser. @param {string} name @param {readonly string[]} [allowed] */
export function remembered(name, allowed) {
  try {
    const value = localStorage.getItem(`papagaio.${name}`);
    return value !== null && (!allowed || allowed.includes(value)) ? value : null;
  } catch {
    return null; // storage is switched off: every visit starts afresh
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(`papagaio.${name}`, value);
  } catch {
    // Storage is switched off: the choice holds until the page is closed.
  }
}

/** @param {string} theme auto, light or dark */
export function applyTheme(theme) {
  const isDark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
}

/**
 * @param {import("./app.js").App} app
 * @param {{ pages: string[], chooseLanguage: (language: string) => Promise<void> }} options
 */
export function createShell(app, { pages, chooseLanguage }) {
  const { store, texts } = app;
  const host = /** @type {HTMLElement} */ (document.getElementById("app"));
  const voice = el("div", { class: "visually-hidden", role: "status", "aria-live": "polite" });
  const main = el("main", { id: "main", class: "container-xl flex-grow-1 py-3", tabIndex: -1 });
  const header = el("div");
  const slot = el("div");
  const footer = el("footer", { class: "foot border-top" });
  let current = "";

  const draw = () => {
    document.documentElement.lang = texts.language();
    document.title = current ? `${texts.t(`page.nav.${current}`)} · Papagaio` : "Papagaio";
    replace(header, skipLink(app), bar(app, pages, current, chooseLanguage, slot));
    replace(slot, state(app));
    void drawFoot(app, footer);
  };

  replace(host, header, main, footer, voice);
  on(matchMedia("(prefers-color-scheme: dark)"), "change", () => applyTheme(store.state().theme));
  store.watch(
    (state) => state.theme,
    (theme) => {
      applyTheme(theme);
      remember("theme", theme);
    },
  );
  store.subscribe((now, before) => {
    if (now.theme !== before.theme) draw();
    else if (now.service !== before.service || now.live !== before.live) replace(slot, state(app));
  });
  watchHealth(app);

  return {
    draw,
    /** @param {string} text */
    announce: (text) => replace(voice, text),
    /** @param {string} page @returns {HTMLElement} an empty place for it */
    open(page) {
      const isFirst = current === "";
      current = page;
      draw();
      const root = el("div", { data: { page } });
      replace(main, root);
      if (!isFirst) main.focus({ preventScroll: true });
      return root;
    },
  };
}

/** @param {import("./app.js").App} app */
function watchHealth({ api, store }) {
  const look = async () => {
    try {
      store.dispatch({ type: "set", values: { service: (await api.health()).status } });
    } catch {
      store.dispatch({ type: "set", values: { service: "unreachable" } });
    }
  };
  void look();
  const timer = setInterval(look, HEALTH_EVERY_MS);
  return all(() => clearInterval(timer));
}

/** @param {import("./app.js").App} app */
function skipLink({ texts }) {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById("main")?.focus();
  };
  return el(
    "a",
    { class: "skip visually-hidden-focusable", href: "#main", on: { click: skip } },
    texts.t("page.nav.skip"),
  );
}

/**
 * @param {import("./app.js").App} app
 * @param {string[]} pages
 * @param {string} current
 * @param {(language: string) => Promise<void>} chooseLanguage
 * @param {HTMLElement} slot where the state of the service is drawn
 */
function bar(app, pages, current, chooseLanguage, slot) {
  const { texts } = app;
  const link = (/** @type {string} */ page) =>
    el("a", { class: "nav-link", href: address(page), "aria-current": page === current ? "page" : null }, [
      icon(page),
      texts.t(`page.nav.${page}`),
    ]);
  return el(
    "header",
    { class: "bar border-bottom" },
    el(
      "div",
      { class: "container-xl" },
      el(
        "a",
        { class: "brand", href: address(pages[0]) },
        el("img", { src: "/webui/img/parrot.svg", alt: "", width: 32, height: 32 }),
        "Papagaio",
      ),
      el("nav", { class: "pages", "aria-label": texts.t("page.nav.label") }, pages.map(link)),
      el("div", { class: "switches" }, slot, languageSwitch(app, chooseLanguage), themeSwitch(app)),
    ),
  );
}

/** @param {import("./app.js").App} app */
function state({ store, texts }) {
  const { service, live } = store.state();
  const health = texts.t(`page.service.${service}`);
  const events = texts.t(`page.live.${live}`);
  return el(
    "div",
    { class: "state", role: "img", "aria-label": `${health}. ${events}.`, title: `${health}\n${events}` },
    el("span", { class: "dot", data: { service } }),
    el("span", { class: "live", data: { live } }, icon("live")),
  );
}

/** @param {import("./app.js").App} app @param {(language: string) => Promise<void>} choose */
function languageSwitch({ texts }, choose) {
  return el(
    "div",
    { class: "btn-group btn-group-sm", role: "group", "aria-label": texts.t("page.language.label") },
    LANGUAGES.map((language) =>
      el(
        "button",
        {
          type: "button",
          class: "btn btn-quiet",
          lang: language,
          title: texts.languageName(language),
          "aria-pressed": language === texts.language(),
          data: { language },
          on: { click: () => choose(language) },
        },
        SHORT[language],
      ),
    ),
  );
}

/** @param {import("./app.js").App} app */
function themeSwitch({ store, texts }) {
  const { theme } = store.state();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const choose = () => {
    store.dispatch({ type: "set", values: { theme: /** @type {any} */ (next) } });
    /** @type {HTMLElement | null} */ (document.querySelector("[data-theme-switch]"))?.focus();
  };
  const label = texts.t("page.theme.label", {
    now: texts.t(`page.theme.${theme}`),
    next: texts.t(`page.theme.${next}`),
  });
  return el(
    "button",
    {
      type: "button",
      class: "btn btn-sm btn-quiet",
      "aria-label": label,
      title: label,
      data: { themeSwitch: theme },
      on: { click: choose },
    },
    icon(`theme-${theme}`),
  );
}

/** @param {import("./app.js").App} app @param {HTMLElement} footer */
async function drawFoot({ api, studio, texts }, footer) {
  const line = (/** @type {import("./dom.js").Child[]} */ ...parts) =>
    replace(footer, el("div", { class: "container-xl" }, parts));
  const docs = el("a", { href: "/docs" }, texts.t("page.foot.docs"));
  line(el("span", {}, "Papagaio"), docs);
  try {
    const [service, engines] = await Promise.all([studio.service(), studio.engines()]);
    const licences = engines.map((/** @type {any} */ engine) => el("span", {}, texts.t("page.foot.voice", engine)));
    line(el("span", { data: { version: service.version } }, `Papagaio ${service.version}`), docs, ...licences);
  } catch {
    // The dot in the bar already says that the service does not answer.
  }
}
