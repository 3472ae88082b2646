/** Checkpoints that nobody listened to, such as of a training that was stopped: asked for, and followed. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { hasEnded } from "../pages/job-view.js";
import { watchJob } from "../pages/job-watch.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";

/**
 * @param {import("../app.js").App} app
 * @param {{ judged: () => void, learning: () => string, failed: (error: Error) => void, redraw: () => void }} told `judged`: there is new evidence; `learning`: the run that judges by itself
 */
export function createJudging(app, { judged, learning, failed, redraw }) {
  const { api, texts } = app;
  let job = /** @type {any} */ (null);
  let isAsking = false;
  let unwatch = () => {};

  async function judge(/** @type {string} */ run) {
    isAsking = true;
    redraw();
    try {
      const begun = await api.post("/training/judge", { run });
      unwatch();
      unwatch = watchJob(app, begun, follow, failed).close;
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
    isAsking = false;
    redraw();
  }

  function follow(/** @type {any} */ now) {
    job = now;
    if (hasEnded(job)) judged();
    redraw();
  }

  return {
    close: () => unwatch(),
    /** @param {readonly any[]} rows those that are shown */
    draw(rows) {
      if (job && !hasEnded(job)) return progress(texts, { percent: job.progress, stage: texts.t("training.stage.judging"), leftS: job.left_s });
      const waiting = rows.filter((row) => row.evidence === null && row.run !== learning());
      const failure = job?.status === "failed" ? alert(job.error_message) : nothing;
      if (waiting.length === 0) return failure;
      const { run } = waiting[0];
      const count = waiting.filter((row) => row.run === run).length;
      return html`${failure}<div class="action-row">
        <button type="button" class="btn btn-sm btn-quiet" data-judge=${run} ?disabled=${isAsking} @click=${() => judge(run)}>${icon("inference")}${texts.t("page.training.judge", { run, count })}</button>
      </div>`;
    },
  };
}
