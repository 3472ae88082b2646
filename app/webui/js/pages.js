/** The pages there are. A page is loaded when it is opened first. */

/**
 * `mount` fills `root` and returns what undoes everything it began. A page may register slices of the state.
 * @typedef {object} PageModule
 * @property {(root: HTMLElement, app: import("./app.js").App, route: import("./router.js").Route) => () => void} mount
 * @property {readonly import("./store.js").Slice<any>[]} [slices]
 *
 * @typedef {object} PageEntry
 * @property {string} name the first segment of its address; its text is page.nav and its name
 * @property {string} [drawing] in the bar; by default its name
 * @property {string} group `studio` pages stand in the bar, other groups in a menu of their group
 * @property {() => Promise<PageModule>} load
 */

/** @type {readonly PageEntry[]} */
export const PAGES = [
  { name: "speak", group: "studio", load: () => import("./pages/speak.js") },
  { name: "jobs", group: "studio", load: () => import("./pages/jobs.js") },
  { name: "voices", group: "studio", load: () => import("./pages/voices.js") },
  { name: "clone", group: "studio", load: () => import("./pages/clone.js") },
  { name: "training", group: "studio", drawing: "cpu", load: () => import("./pages/training.js") },
  { name: "batch", group: "tools", load: () => import("./pages/batch.js") },
  { name: "dictionary", group: "tools", load: () => import("./pages/dictionary.js") },
  { name: "convert", group: "tools", load: () => import("./pages/convert.js") },
  { name: "profiles", group: "tools", load: () => import("./pages/profiles.js") },
  { name: "morph", group: "tools", load: () => import("./pages/morph.js") },
  { name: "dashboard", group: "system", load: () => import("./pages/dashboard.js") },
  { name: "components", group: "system", load: () => import("./pages/components.js") },
  { name: "feedback", group: "system", load: () => import("./pages/feedback.js") },
  { name: "account", group: "system", load: () => import("./pages/account.js") },
];

/** Only where `papagaio.development` is "1" in the browser's localStorage: examples of every widget. @type {PageEntry} */
export const EXAMPLES = { name: "widgets", group: "development", load: () => import("./pages/widgets.js") };
