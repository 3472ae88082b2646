/** Step 4: the fit as it goes, with what can be heard of it. */

import { html, nothing, repeat } from "../lit.js";
import { all, createView } from "../view.js";
import { jobBadge } from "../widgets/job.js";
import { aboutTime, progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { showReport } from "./clone-report.js";
import { hasEnded, statusText } from "./job-view.js";
import { askToCancel } from "./jobs.js";
import { watchJob } from "./job-watch.js";

/** @typedef {{ job: import("./job-view.js").Job, error: string, samples: string[] }} Known */

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountFit(place, app, wizard) {
  const begun = /** @type {import("./job-view.js").Job} */ (wizard.job);
  if (begun.status === "completed") return showReport(place, app, begun.result.voice_id, wizard);
  /** @type {Known} */
  const known = { job: begun, error: "", samples: [] };
  const change = (/** @type {Partial<Known>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const complain = (/** @type {unknown} */ error) => change({ error: /** @type {Error} */ (error).message });
  const act = async (/** @type {(jobId: string) => Promise<any>} */ action) => {
    try {
      watch.set(await action(begun.id));
      change({ error: "" });
    } catch (error) {
      complain(error);
      app.announce(known.error);
    }
  };
  const heard = (/** @type {import("./job-view.js").Job} */ job) => {
    if (statusText(app.texts, job) !== statusText(app.texts, known.job)) app.announce(statusText(app.texts, job));
    change({ job });
    if (job.status !== "completed") return;
    app.catalog.forget();
    wizard.go({ voice: job.result.voice_id });
  };
  const view = createView(place, () => fitCard(app, wizard, known, act));
  const watch = watchJob(app, begun, heard, complain);
  return all(watch.close, watchSamples(app, begun.id, known, change), view.close);
}

/**
 * @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {Known} known
 * @param {(action: (jobId: string) => Promise<any>) => void} act
 */
function fitCard(app, wizard, { job, error, samples }, act) {
  return html`<section class="card fit" data-job-id=${job.id} data-status=${job.status}>
    ${fitHead(app, job)} ${error ? alert(error) : nothing}
    <div class="action-row">${hasEnded(job) ? endedButtons(app, wizard, job) : runningButtons(app, job, act)}</div>
    ${sampleList(app, job.id, samples)}
  </section>`;
}

/** What is said of where a fit is. @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job @returns {string} */
function stageText(texts, job) {
  if (job.status === "processing" && job.pause_requested) return texts.t("page.clone.pausing");
  if (job.status === "processing" && job.stage && texts.has(job.stage)) return texts.t(job.stage);
  if (job.status === "pending") return texts.t("page.clone.queued");
  return texts.t(job.status === "paused" ? "page.clone.paused" : "page.clone.starting");
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job */
function fitHead({ texts }, job) {
  const isWorking = job.status === "processing";
  const estimate = isWorking || hasEnded(job) || !job.estimate_s ? nothing : texts.t("page.clone.estimate", { time: aboutTime(texts, job.estimate_s) });
  const far = hasEnded(job)
    ? nothing
    : html`<div data-stage=${job.stage ?? ""}>${progress(texts, { percent: job.progress, stage: stageText(texts, job), leftS: isWorking ? (job.left_s ?? null) : null })}</div>`;
  return html`<h2>${texts.t("page.clone.fitting", { name: job.voice_name ?? job.voice_id })}</h2>
    <div>${jobBadge(texts, job)}</div>
    ${far}
    <p class="fine">${texts.t("page.clone.effort_is", { effort: texts.t(`clone.effort.${job.effort}`) })} ${estimate}</p>
    ${job.status === "failed" ? alert(job.error_message ?? "") : nothing}
    ${hasEnded(job) ? nothing : html`<p class="fine">${texts.t("page.clone.may_leave")}</p>`}`;
}

/**
 * @param {import("../app.js").App} app @param {import("./job-view.js").Job} job
 * @param {(action: (jobId: string) => Promise<any>) => void} act
 */
function runningButtons({ api, texts }, job, act) {
  const isStopping = job.cancel_requested || job.pause_requested;
  const cancel = async () => {
    if (await askToCancel(texts, job)) act(api.cancelJob);
  };
  const pause = !isStopping && job.can_pause ? fitButton("pause", texts.t("page.result.pause"), () => act(api.pauseJob)) : nothing;
  return html`${job.status === "paused" ? fitButton("resume", texts.t("page.result.resume"), () => act(api.resumeJob)) : pause}
  ${job.cancel_requested ? nothing : fitButton("cancel", texts.t("page.job.cancel"), cancel)}`;
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function endedButtons({ texts }, wizard, job) {
  const { intake_job_id: intake, dataset } = job;
  const again = intake
    ? fitButton("clips", texts.t("page.clone.back_to_clips"), () => wizard.go({ job: intake, step: "name" }))
    : dataset
      ? fitButton("dataset", texts.t("page.clone.back_to_name"), () => wizard.go({ dataset, speaker: job.speaker ?? "" }))
      : nothing;
  const back = job.status === "completed" ? nothing : again;
  return html`${back} ${fitButton("restart", texts.t("page.clone.restart"), wizard.restart)}`;
}

/** @param {string} name @param {string} text @param {() => void} click */
function fitButton(name, text, click) {
  return html`<button type="button" class="btn btn-sm btn-quiet" data-fit=${name} @click=${click}>${text}</button>`;
}

/** What can be heard so far, newest last. @param {import("../app.js").App} app @param {string} jobId @param {string[]} samples */
function sampleList({ api, texts }, jobId, samples) {
  if (samples.length === 0) return nothing;
  const title = (/** @type {number} */ index) => texts.t("page.clone.sample", { number: index + 1 });
  return html`<div class="takes">
    <h3>${texts.t("page.clone.samples")}</h3>
    <ul class="take-list">
      ${repeat(
        samples,
        (name) => name,
        (name, index) => html`<li data-sample=${name}>
          <span class="take-name">${title(index)}</span>
          <audio controls preload="none" src=${api.jobSampleUrl(jobId, name)} aria-label=${title(index)}></audio>
        </li>`,
      )}
    </ul>
  </div>`;
}

/** Those made before, and those to come. @param {import("../app.js").App} app @param {string} jobId @param {Known} known @param {(values: Partial<Known>) => void} change */
function watchSamples({ announce, api, events }, jobId, known, change) {
  const add = (/** @type {string[]} */ names) => change({ samples: [...new Set([...known.samples, ...names])] });
  let isClosed = false;
  api.jobSamples(jobId).then(
    (names) => isClosed || change({ samples: [...new Set([...names, ...known.samples])] }),
    (error) => isClosed || announce(error.message),
  );
  const unlisten = events.listen((event) => {
    if (event.job_id === jobId && event.kind === "job.sample") add([event.name]);
  });
  return all(unlisten, () => void (isClosed = true));
}
