/** Instead of the Clone page's first step: what cloning needs and is not here, with what brings it. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { retryButton } from "../widgets/states.js";
import { createLacking } from "./lacking.js";

const COMPONENT = "cloning";

/**
 * @param {HTMLElement} place
 * @param {import("../app.js").App} app
 * @param {import("../api.js").ApiError} error what the service said of it
 * @param {() => void} again goes on from here, once it is there
 */
export function mountLacking(place, app, error, again) {
  const { texts } = app;
  /** @type {ReturnType<typeof createView> | null} */
  let view = null;
  const lacking = createLacking(app, () => view?.redraw(), again);
  const page = loadPage(place, app, () => lacking.look(error.component || COMPONENT), () => {
    view = createView(
      place,
      () => html`<section class="card empty" role="alert" data-problem=${error.code}>
          ${icon("clone")}
          <h2>${texts.t("page.clone.not_here")}</h2>
          ${lacking.isOffered() ? nothing : html`<p>${error.message}</p>${retryButton(texts, again)}`}
        </section>
        ${lacking.draw()}`,
    );
    return view.close;
  });
  return all(lacking.close, page.close);
}
