/** The Training tab: a model learns from a dataset, is paused and gone on with, and keeps checkpoints on the way. */

import { html, nothing } from "../lit.js";
import { createLacking } from "../pages/lacking.js";
import { all, createView } from "../view.js";
import { alert } from "../widgets/states.js";
import { createCheckpoints } from "./checkpoints.js";
import { createRunForm } from "./run-form.js";
import { createRunView } from "./run-view.js";

const COMPONENT = "training"; // that brings what a training needs

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app) {
  let problem = "";
  /** @type {ReturnType<typeof createView> | null} */
  let view = null;
  let isClosed = false;
  const redraw = () => view?.redraw();
  const failed = async (/** @type {Error} */ error) => {
    const isOffered = await lacking.show(error);
    if (isClosed) return;
    problem = isOffered ? "" : error.message;
    app.announce(error.message);
    redraw();
  };
  const lacking = createLacking(app, redraw, () => void form.load().catch(failed));
  const run = createRunView(app, { changed: () => void checkpoints.load().catch(failed), failed, redraw });
  const checkpoints = createCheckpoints(app, { judged: () => void run.refresh(), learning: run.learning, failed, redraw });
  const form = createRunForm(app, { started: begun, refused: lacking.show, devices: run.devices, redraw });

  function begun(/** @type {any} */ job) {
    problem = "";
    run.begin(job);
    root.querySelector("[data-run-status]")?.scrollIntoView({ block: "start" });
  }

  view = createView(root, () => html`${problem ? alert(problem) : nothing}${lacking.draw()}${run.isBusy() ? nothing : form.draw()}${run.draw()}${checkpoints.draw()}`);
  void run.refresh();
  void lacking.look(COMPONENT);
  Promise.all([form.load(), checkpoints.load()]).catch(failed);
  return all(
    () => void (isClosed = true),
    lacking.close,
    run.close,
    form.close,
    checkpoints.close,
    () => view?.close(),
  );
}
