/** The entry: makes the parts, joins them, shows the page of the address. */

import { createApi } from "./api.js";
import { createEvents } from "./events.js";
import * as clone from "./pages/clone.js";
import * as jobs from "./pages/jobs.js";
import * as speak from "./pages/speak.js";
import * as voices from "./pages/voices.js";
import { createRouter } from "./router.js";
import { applyTheme, createShell, remember, remembered } from "./shell.js";
import { createStore, INITIAL, reduce } from "./store.js";
import { createStudio } from "./studio.js";
import { chooseLanguage, createTexts } from "./texts.js";

/** @type {Record<string, { mount: (root: HTMLElement, app: App, query: Record<string, string>) => () => void }>} */
const PAGES = { speak, jobs, voices, clone };

/**
 * What every page gets.
 * @typedef {object} App
 * @property {ReturnType<typeof createApi>} api
 * @property {import("./store.js").Store<import("./store.js").State, import("./store.js").Action>} store
 * @property {import("./texts.js").Texts} texts
 * @property {ReturnType<typeof createEvents>} events
 * @property {ReturnType<typeof createStudio>} studio
 * @property {(name: string, query?: Record<string, string>) => void} go
 * @property {(text: string) => void} announce says it to screen readers
 */

/** @param {string} language @returns {Promise<Record<string, string>>} */
async function fetchCatalogue(language) {
  const response = await fetch(`/webui/texts/${language}.json`);
  if (!response.ok) throw new Error(`no texts for ${language}: HTTP ${response.status}`);
  return response.json();
}

async function main() {
  const theme = /** @type {any} */ (remembered("theme", ["auto", "light", "dark"]) ?? "auto");
  const store = createStore(reduce, { ...INITIAL, theme });
  applyTheme(theme);
  const texts = createTexts(fetchCatalogue);
  await texts.load(chooseLanguage([remembered("language"), ...navigator.languages]));
  const api = createApi({ language: texts.language, unreachable: () => texts.t("page.error.unreachable") });
  const events = createEvents("/events", (live) => store.dispatch({ type: "set", values: { live } }));

  /** @type {() => void} */
  let leave = () => {};
  const router = createRouter(Object.keys(PAGES), show);
  /** @type {App} */
  const app = {
    api,
    store,
    texts,
    events,
    studio: createStudio(api),
    go: router.go,
    announce: (text) => shell.announce(text),
  };
  const shell = createShell(app, { pages: Object.keys(PAGES), chooseLanguage: setLanguage });

  /** @param {import("./router.js").Route} route */
  function show(route) {
    leave();
    const root = shell.open(route.name);
    leave = PAGES[route.name].mount(root, app, route.query);
  }

  /** @param {string} language */
  async function setLanguage(language) {
    await texts.load(language);
    remember("language", language);
    shell.draw();
    show(router.current());
  }

  router.start();
  events.start();
}

await main();
