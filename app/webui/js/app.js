/** The entry: makes the parts, joins them, shows the page of the address. */

import { createApi } from "./api.js";
import { createCatalog } from "./catalog.js";
import { createEvents } from "./events.js";
import { loadPage } from "./load.js";
import { createNotices } from "./notices.js";
import { keepPage } from "./offline.js";
import { EXAMPLES, PAGES } from "./pages.js";
import { remember, remembered } from "./remembered.js";
import { createRouter } from "./router.js";
import { applyTheme, createShell } from "./shell.js";
import { createSound } from "./sound.js";
import { createStore, INITIAL } from "./store.js";
import { chooseLanguage, createTexts } from "./texts.js";

/**
 * What every page gets.
 * @typedef {object} App
 * @property {ReturnType<typeof createApi>} api
 * @property {import("./store.js").Store} store
 * @property {import("./texts.js").Texts} texts
 * @property {ReturnType<typeof createEvents>} events
 * @property {ReturnType<typeof createCatalog>} catalog
 * @property {import("./sound.js").Sound} sound the one player
 * @property {(way: string | readonly string[], query?: Record<string, string>) => void} go
 * @property {(way: string | readonly string[], query?: Record<string, string>) => void} replaceAddress
 * @property {(way: string | readonly string[], query?: Record<string, string>) => void} pushAddress
 * @property {(text: string) => void} announce says it to screen readers
 */

/** @param {string} language @returns {Promise<Record<string, string>>} */
async function fetchCatalogue(language) {
  const response = await fetch(`/webui/texts/${language}.json`);
  if (!response.ok) throw new Error(`no texts for ${language}: HTTP ${response.status}`);
  return response.json();
}

/** The browser's storage for this tab; null where it is switched off. */
function tabStorage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}

async function main() {
  const theme = /** @type {any} */ (remembered("theme", ["auto", "light", "dark"]) ?? "auto");
  const store = createStore({ ...INITIAL, theme }, tabStorage());
  applyTheme(theme);
  const texts = createTexts(fetchCatalogue);
  await texts.load(chooseLanguage([remembered("language"), ...navigator.languages]));
  const api = createApi({ language: texts.language, unreachable: () => texts.t("page.error.unreachable") });
  const pages = remembered("development") === "1" ? [...PAGES, EXAMPLES] : PAGES;

  /** @type {() => void} */
  let leave = () => {};
  const router = createRouter(pages.map(({ name }) => name), show);
  /** @type {App} */
  const app = {
    api,
    store,
    texts,
    events: createEvents("/events", (live) => store.dispatch({ type: "set", values: { live } })),
    catalog: createCatalog(api),
    sound: createSound(texts),
    go: router.go,
    replaceAddress: router.replace,
    pushAddress: router.push,
    announce: (text) => shell.announce(text),
  };
  const shell = createShell(app, { pages, chooseLanguage: setLanguage });

  /** @param {import("./router.js").Route} route */
  function show(route) {
    leave();
    const page = /** @type {import("./pages.js").PageEntry} */ (pages.find(({ name }) => name === route.name));
    const root = shell.open(page);
    const opened = loadPage(root, app, page.load, ({ mount, slices = [] }) => {
      slices.forEach(store.register);
      return mount(root, app, route);
    });
    leave = opened.close;
  }

  /** @param {string} language */
  async function setLanguage(language) {
    await texts.load(language);
    remember("language", language);
    shell.draw();
    show(router.current());
  }

  app.events.listen(({ kind }) => kind === "job.completed" && app.catalog.forget()); // it may have made a voice
  createNotices(app, router.current);
  router.start();
  app.events.start();
  void keepPage();
}

await main();
