/** The Training page: recordings become a dataset, a dataset a model, a model a voice that is compared. */

import { html, ref } from "../lit.js";
import { createView } from "../view.js";
import { tabOf, tabs } from "../widgets/tabs.js";
import { COMPARE } from "../training/compare.js";
import { DATASET } from "../training/dataset.js";
import { INFERENCE } from "../training/inference.js";
import { TRAINING } from "../training/run-form.js";

export const slices = [DATASET, TRAINING, INFERENCE, COMPARE];

/** @type {readonly { name: string, load: () => Promise<import("../pages.js").PageModule> }[]} */
const TABS = [
  { name: "dataset", load: () => import("../training/dataset.js") },
  { name: "training", load: () => import("../training/training.js") },
  { name: "inference", load: () => import("../training/inference.js") },
];

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, route) {
  const { texts } = app;
  const names = TABS.map(({ name }) => name);
  const current = tabOf(route, names);
  let close = () => {};
  let isClosed = false;
  let hasBegun = false;
  const begin = async (/** @type {HTMLElement} */ pane) => {
    const tab = /** @type {(typeof TABS)[number]} */ (TABS.find(({ name }) => name === current));
    const module = await tab.load();
    if (!isClosed) close = module.mount(pane, app, route);
  };
  const view = createView(root, () => html`<section id="section-training" class="content-section">
    <h1>${texts.t("page.training.title")}</h1>
    <div id="trainingTabs">
      ${tabs({ label: texts.t("page.nav.training"), page: "training", tabs: TABS.map(({ name }) => ({ name, text: texts.t(`page.training.tab.${name}`), drawing: name })), current })}
    </div>
    <div class="tab-content">
      <div
        class="tab-pane active"
        id="tab-${current}"
        ${ref((pane) => {
          if (!pane || hasBegun) return;
          hasBegun = true;
          void begin(/** @type {HTMLElement} */ (pane));
        })}
      ></div>
    </div>
  </section>`);
  return () => {
    isClosed = true;
    close();
    view.close();
  };
}
