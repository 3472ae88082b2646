/** Instead of the Clone page's first step: what cloning needs and is not here, with what brings it. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { retryButton } from "../widgets/states.js";
import { ComponentList } from "./components.js";

const COMPONENT = "cloning";

/**
 * @param {HTMLElement} place
 * @param {import("../app.js").App} app
 * @param {import("../api.js").ApiError} error what the service said of it
 * @param {() => void} again goes on from here, once it is there
 */
export function mountLacking(place, app, error, again) {
  const { texts } = app;
  return loadPage(place, app, () => app.api.get("/components"), (found) => {
    const list = new ComponentList(app, found, () => view.redraw(), { only: COMPONENT, brought: again });
    const canBring = list.components.some(({ can_install, is_installed }) => can_install && !is_installed);
    const view = createView(
      place,
      () => html`<section class="card empty" role="alert" data-problem=${error.code}>
          ${icon("clone")}
          <h2>${texts.t("page.clone.not_here")}</h2>
          <p>${canBring ? texts.t("page.clone.bring_it") : error.message}</p>
          ${canBring ? nothing : retryButton(texts, again)}
        </section>
        ${list.draw()}`,
    );
    return all(() => list.close(), view.close);
  }).close;
}
