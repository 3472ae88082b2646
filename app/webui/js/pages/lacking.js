/** Where a page lacks a component: what it is and what brings it, for whoever may bring it. */

import { html, nothing } from "../lit.js";
import { ComponentList } from "./components.js";

/**
 * @param {import("../app.js").App} app
 * @param {() => void} redraw of the view that draws it
 * @param {() => void} [brought] goes on from here, once it is there
 */
export function createLacking(app, redraw, brought = () => {}) {
  /** @type {ComponentList | null} */
  let list = null;
  let asked = 0;

  const forget = () => {
    asked += 1;
    list?.close();
    list = null;
  };
  const came = () => {
    forget();
    redraw();
    brought();
  };

  /** Offers a component, where it is lacking and may be brought; whether it is offered. @param {string} name "": none */
  async function look(name) {
    if (list?.only === name) return true;
    forget();
    const mine = asked;
    redraw();
    const found = name ? await componentsOf(app) : [];
    if (mine !== asked) return false;
    const isOffered = found.some((one) => one.name === name && one.can_install && !one.is_installed);
    if (isOffered) list = new ComponentList(app, found, redraw, { only: name, brought: came });
    redraw();
    return isOffered;
  }

  return {
    look,
    /** Offers what a refusal says is lacking; whether it is offered. @param {Error & { component?: string }} error */
    show: async ({ component }) => (component ? look(component) : false),
    isOffered: () => list !== null,
    draw: () => (list ? html`<div data-lacking=${list.only ?? ""}><p>${app.texts.t("page.components.lacking")}</p>${list.draw()}</div>` : nothing),
    close: forget,
  };
}

/** None while the service does not answer, which the page tells. @param {import("../app.js").App} app @returns {Promise<import("./components.js").Component[]>} */
async function componentsOf(app) {
  try {
    return await app.api.get("/components");
  } catch {
    return [];
  }
}
