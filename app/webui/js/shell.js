/** The frame around every page: bar, banner, player, language, theme, state of the service, foot. */

import { icon, logo } from "./icons.js";
import { html, nothing, repeat } from "./lit.js";
import { remember } from "./remembered.js";
import { address } from "./router.js";
import { LANGUAGES } from "./texts.js";
import { createView, on } from "./view.js";
import { playerBar } from "./widgets/player-bar.js";
import { toasts } from "./widgets/toast.js";

const THEMES = ["auto", "light", "dark"];
const SHORT = /** @type {Record<string, string>} */ ({ en: "EN", "pt-BR": "PT" });
const HEALTH_EVERY_MS = 15000;
const HEALTH_WHILE_AWAY_MS = 2000;

/** @param {string} theme auto, light or dark */
export function applyTheme(theme) {
  const isDark = theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
}

/**
 * @param {import("./app.js").App} app
 * @param {{ pages: readonly import("./pages.js").PageEntry[], chooseLanguage: (language: string) => Promise<void> }} options
 */
export function createShell(app, { pages, chooseLanguage }) {
  const { sound, store, texts } = app;
  const frame = /** @type {HTMLElement} */ (document.getElementById("app"));
  const main = document.createElement("main");
  Object.assign(main, { id: "main", className: "container-xl flex-grow-1 py-3", tabIndex: -1 });
  const parts = { current: "", said: "", foot: /** @type {unknown} */ (nothing), wasAway: false };

  const view = createView(frame, () => {
    const { service } = store.state();
    return html`${skipLink(texts)} ${bar(app, pages, parts.current, chooseLanguage)} ${banner(app, parts.wasAway)} ${main}
      <footer class="foot border-top"><div class="container-xl">${parts.foot}</div></footer>
      ${playerBar(texts, sound)} ${toasts.draw(texts)}
      <div class="visually-hidden" role="status" aria-live="polite" data-service-word=${service}>${parts.said}</div>`;
  });
  const draw = () => {
    document.documentElement.lang = texts.language();
    document.title = parts.current ? `${texts.t(`page.nav.${parts.current}`)} · Papagaio` : "Papagaio";
    view.draw();
    void foot(app).then((drawn) => {
      parts.foot = drawn;
      view.redraw();
    });
  };

  on(matchMedia("(prefers-color-scheme: dark)"), "change", () => applyTheme(store.state().theme));
  store.subscribe((now, before) => {
    if (now.theme !== before.theme) {
      applyTheme(now.theme);
      remember("theme", now.theme);
    }
    if (now.service !== before.service) {
      if (before.service === "unreachable") draw();
      parts.wasAway = before.service === "unreachable";
    }
    if (now.theme !== before.theme || now.service !== before.service || now.live !== before.live) view.redraw();
  });
  sound.subscribe(view.redraw);
  toasts.subscribe(view.redraw);
  watchHealth(app);

  return {
    draw,
    /** @param {string} text */
    announce(text) {
      parts.said = text;
      view.redraw();
    },
    /** @param {import("./pages.js").PageEntry} page @returns {HTMLElement} an empty place for it */
    open({ name }) {
      const isFirst = parts.current === "";
      parts.current = name;
      draw();
      const root = document.createElement("div");
      root.dataset.page = name;
      main.replaceChildren(root);
      if (!isFirst) main.focus({ preventScroll: true });
      return root;
    },
  };
}

/** Asks how the service is: seldom while it answers, often while it does not. @param {import("./app.js").App} app */
function watchHealth({ api, store }) {
  const look = async () => {
    let service = "unreachable";
    try {
      service = (await api.health()).status;
    } catch {
      // Nobody answers.
    }
    store.dispatch({ type: "set", values: { service } });
    setTimeout(look, service === "unreachable" ? HEALTH_WHILE_AWAY_MS : HEALTH_EVERY_MS);
  };
  void look();
  // The event stream breaks at once when the service goes; then it is asked before its turn.
  store.watch(
    (state) => state.live,
    async (live) => {
      if (live === "connecting") return;
      try {
        store.dispatch({ type: "set", values: { service: (await api.health()).status } });
      } catch {
        store.dispatch({ type: "set", values: { service: "unreachable" } });
      }
    },
  );
}

/** @param {import("./texts.js").Texts} texts */
function skipLink(texts) {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    document.getElementById("main")?.focus();
  };
  return html`<a class="skip visually-hidden-focusable" href="#main" @click=${skip}>${texts.t("page.nav.skip")}</a>`;
}

/** What is wrong with the service, in words, for as long as it is. @param {import("./app.js").App} app @param {boolean} wasAway */
function banner({ store, texts }, wasAway) {
  const { service } = store.state();
  if (service === "unreachable") {
    return html`<div class="banner" data-banner="unreachable" role="alert">
      ${icon("warning")}<span><strong>${texts.t("page.service.unreachable")}</strong> ${texts.t("page.banner.waiting")}</span>
    </div>`;
  }
  if (service === "unhealthy") {
    return html`<div class="banner" data-banner="unhealthy" role="alert">${icon("warning")}<span>${texts.t("page.service.unhealthy")}</span></div>`;
  }
  return wasAway
    ? html`<div class="banner good" data-banner="back" role="status">${icon("check")}<span>${texts.t("page.banner.back")}</span></div>`
    : nothing;
}

/**
 * @param {import("./app.js").App} app
 * @param {readonly import("./pages.js").PageEntry[]} pages
 * @param {string} current
 * @param {(language: string) => Promise<void>} chooseLanguage
 */
function bar(app, pages, current, chooseLanguage) {
  const { texts } = app;
  const groups = [...new Set(pages.map(({ group }) => group))].filter((group) => group !== "studio");
  const link = (/** @type {import("./pages.js").PageEntry} */ { name, drawing = name }, /** @type {string} */ style) =>
    html`<a class=${style} href=${address(name)} aria-current=${name === current ? "page" : nothing}>${icon(drawing)}${texts.t(`page.nav.${name}`)}</a>`;
  return html`<header class="bar border-bottom">
    <div class="container-xl">
      <a class="brand" href=${address(pages[0].name)}>${logo()}Papagaio</a>
      <nav class="pages" aria-label=${texts.t("page.nav.label")}>
        ${pages.filter(({ group }) => group === "studio").map((page) => link(page, "nav-link"))}
        ${groups.map((group) => menu(texts, group, pages, current, link))}
      </nav>
      <div class="switches">${serviceState(app)} ${languageSwitch(app, chooseLanguage)} ${themeSwitch(app)}</div>
    </div>
  </header>`;
}

/**
 * @param {import("./texts.js").Texts} texts @param {string} group
 * @param {readonly import("./pages.js").PageEntry[]} pages @param {string} current
 * @param {(page: import("./pages.js").PageEntry, style: string) => unknown} link
 */
function menu(texts, group, pages, current, link) {
  const inside = pages.filter((page) => page.group === group);
  const isHere = inside.some(({ name }) => name === current);
  return html`<div class="dropdown">
    <button type="button" class="nav-link dropdown-toggle" data-bs-toggle="dropdown" aria-expanded="false" aria-current=${isHere ? "true" : nothing}>
      ${texts.t(`page.group.${group}`)}
    </button>
    <ul class="dropdown-menu">
      ${repeat(inside, ({ name }) => name, (page) => html`<li>${link(page, "dropdown-item")}</li>`)}
    </ul>
  </div>`;
}

/** @param {import("./app.js").App} app */
function serviceState({ store, texts }) {
  const { service, live } = store.state();
  const health = texts.t(`page.service.${service}`);
  const events = texts.t(`page.live.${live}`);
  return html`<div class="state" role="img" aria-label="${health}. ${events}." title="${health}. ${events}.">
    <span class="dot" data-service=${service}></span><span class="live" data-live=${live}>${icon("live")}</span>
  </div>`;
}

/** @param {import("./app.js").App} app @param {(language: string) => Promise<void>} choose */
function languageSwitch({ texts }, choose) {
  const button = (/** @type {string} */ language) =>
    html`<button
      type="button"
      class="btn btn-quiet"
      lang=${language}
      title=${texts.languageName(language)}
      aria-pressed=${language === texts.language()}
      data-language=${language}
      @click=${() => choose(language)}
    >${SHORT[language]}</button>`;
  return html`<div class="btn-group btn-group-sm" role="group" aria-label=${texts.t("page.language.label")}>
    ${LANGUAGES.map(button)}
  </div>`;
}

/** @param {import("./app.js").App} app */
function themeSwitch({ store, texts }) {
  const { theme } = store.state();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  const label = texts.t("page.theme.label", {
    now: texts.t(`page.theme.${theme}`),
    next: texts.t(`page.theme.${next}`),
  });
  return html`<button
    type="button"
    class="btn btn-sm btn-quiet"
    aria-label=${label}
    title=${label}
    data-theme-switch=${theme}
    @click=${() => store.dispatch({ type: "set", values: { theme: next } })}
  >${icon(`theme-${theme}`)}</button>`;
}

/** @param {import("./app.js").App} app */
async function foot({ catalog, texts }) {
  const docs = html`<a href="/docs">${texts.t("page.foot.docs")}</a>`;
  try {
    const [service, engines] = await Promise.all([catalog.service(), catalog.engines()]);
    return html`<span data-version=${service.version}>Papagaio ${service.version}</span>${docs}${engines.map(
      (/** @type {import("./api-types.js").EngineHealth} */ engine) => html`<span>${texts.t("page.foot.voice", { ...engine })}</span>`,
    )}`;
  } catch {
    return html`<span>Papagaio</span>${docs}`; // the banner says already that the service does not answer
  }
}
