/** Step 4: the fit as it goes, with what can be heard of it. */

import { all, el, replace } from "../dom.js";
import { aboutTime } from "./clone-name.js";
import { showReport } from "./clone-report.js";
import { alert, hasEnded, progressBar, statusBadge, statusText } from "./job-view.js";
import { askToCancel } from "./jobs.js";
import { watchJob } from "./job-watch.js";

// Less says too little of how fast it goes.
const LEAST_SHARE = 3; // percent
const LEAST_S = 8;

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountFit(place, app, wizard) {
  const begun = /** @type {import("./job-view.js").Job} */ (wizard.job);
  if (begun.status === "completed") return showReport(place, app, begun.result.voice_id, wizard);
  const parts = { head: el("div"), buttons: el("div", { class: "action-row" }), errors: el("div") };
  const samples = sampleList(app, begun.id);
  const card = el("section", { class: "card fit" }, parts.head, parts.errors, parts.buttons, samples.node);
  replace(place, card);
  const pace = new Pace();
  let shown = "";
  const complain = (/** @type {Error} */ error) => replace(parts.errors, alert(error.message));
  const act = async (/** @type {(jobId: string) => Promise<any>} */ action) => {
    try {
      watch.set(await action(begun.id));
      replace(parts.errors);
    } catch (error) {
      complain(/** @type {Error} */ (error));
      app.announce(/** @type {Error} */ (error).message);
    }
  };
  const change = (/** @type {import("./job-view.js").Job} */ job, /** @type {import("../events.js").ServiceEvent | null} */ progress) => {
    const state = `${job.status} ${job.pause_requested} ${job.cancel_requested}`;
    Object.assign(card.dataset, { jobId: job.id, status: job.status });
    if (job.status === "processing") pace.saw(job.progress, Date.now() / 1000, progress?.note);
    else pace.forget();
    replace(parts.head, fitHead(app, job, progress, pace.remainingS()));
    if (state === shown) return;
    shown = state;
    app.announce(statusText(app.texts, job));
    replace(parts.buttons, buttons(app, wizard, job, act));
    if (job.status === "completed") {
      app.catalog.forget();
      samples.close();
      wizard.go({ voice: job.result.voice_id });
    }
  };
  const watch = watchJob(app, begun, change, complain);
  return all(watch.close, samples.close);
}

/** How fast a stage of the work goes, from when the page began to look. */
export class Pace {
  constructor() {
    this.stage = "";
    /** @type {{ progress: number, at: number } | null} */
    this.first = null;
    /** @type {{ progress: number, at: number } | null} */
    this.last = null;
  }

  forget() {
    this.first = this.last = null;
  }

  /** @param {number} progress percent @param {number} at seconds @param {string} [stage] another one goes at its own pace */
  saw(progress, at, stage = "") {
    if (stage !== this.stage || (this.last && progress < this.last.progress)) this.forget();
    this.stage = stage;
    this.last = { progress, at };
    this.first ??= this.last;
  }

  /** Seconds that are left at this pace; null while too little was seen. @returns {number | null} */
  remainingS() {
    if (!this.first || !this.last) return null;
    const made = this.last.progress - this.first.progress;
    const took = this.last.at - this.first.at;
    if (made < LEAST_SHARE || took < LEAST_S) return null;
    return ((100 - this.last.progress) / made) * took;
  }
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {any} progress the newest event @param {number | null} remainingS */
function fitHead({ texts }, job, progress, remainingS) {
  const isWorking = job.status === "processing";
  const note = isWorking && progress && texts.has(progress.note) ? texts.t(progress.note) : "";
  const isPausing = job.pause_requested && isWorking;
  return [
    el("h2", {}, texts.t("page.clone.fitting", { name: job.voice_name ?? job.voice_id })),
    el("div", { class: "result-head" }, statusBadge(texts, job), progressBar(texts, job)),
    el("p", { class: "stage", data: { stage: progress?.note ?? "" } }, isPausing ? texts.t("page.clone.pausing") : note),
    el(
      "p",
      { class: "fine" },
      texts.t("page.clone.effort_is", { effort: texts.t(`clone.effort.${job.effort}`) }),
      " ",
      remainingS !== null && isWorking
        ? texts.t("page.clone.remaining", { time: aboutTime(texts, remainingS) })
        : job.estimate_s && texts.t("page.clone.estimate", { time: aboutTime(texts, job.estimate_s) }),
    ),
    job.status === "pending" && el("p", { class: "fine" }, texts.t("page.clone.queued")),
    job.status === "paused" && el("p", { class: "fine" }, texts.t("page.clone.paused")),
    job.status === "failed" && alert(job.error_message ?? ""),
    !hasEnded(job) && el("p", { class: "fine" }, texts.t("page.clone.may_leave")),
  ].filter(Boolean);
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./clone.js").Wizard} wizard
 * @param {import("./job-view.js").Job} job
 * @param {(action: (jobId: string) => Promise<any>) => void} act
 */
function buttons({ api, texts }, wizard, job, act) {
  const button = (/** @type {string} */ name, /** @type {string} */ text, /** @type {() => void} */ click) =>
    el("button", { type: "button", class: "btn btn-sm btn-quiet", data: { fit: name }, on: { click } }, texts.t(text));
  const isStopping = job.cancel_requested || job.pause_requested;
  if (!hasEnded(job)) {
    return [
      job.status === "paused"
        ? button("resume", "page.result.resume", () => act(api.resumeJob))
        : !isStopping && job.can_pause && button("pause", "page.result.pause", () => act(api.pauseJob)),
      !job.cancel_requested && button("cancel", "page.job.cancel", async () => (await askToCancel(texts, job)) && act(api.cancelJob)),
    ];
  }
  const intake = job.intake_job_id;
  return [
    job.status !== "completed" &&
      intake &&
      button("clips", "page.clone.back_to_clips", () => wizard.go({ job: intake, step: "name" })),
    button("restart", "page.clone.restart", wizard.restart),
  ];
}

/** What can be heard so far, newest last. @param {import("../app.js").App} app @param {string} jobId */
function sampleList(app, jobId) {
  const { api, texts } = app;
  const list = el("ul", { class: "take-list" });
  const node = el("div", { class: "takes", hidden: true }, el("h3", {}, texts.t("page.clone.samples")), list);
  const add = (/** @type {string} */ name) => {
    if (list.querySelector(`[data-sample="${CSS.escape(name)}"]`)) return;
    node.hidden = false;
    const title = texts.t("page.clone.sample", { number: list.children.length + 1 });
    const src = api.jobSampleUrl(jobId, name);
    list.append(
      el(
        "li",
        { data: { sample: name } },
        el("span", { class: "take-name" }, title),
        el("audio", { controls: true, preload: "none", src, "aria-label": title }),
      ),
    );
  };
  let isClosed = false;
  const unlisten = app.events.listen((event) => {
    if (event.job_id === jobId && event.kind === "job.sample") add(event.name);
  });
  api.jobSamples(jobId).then(
    (names) => isClosed || names.forEach(add),
    (error) => isClosed || app.announce(error.message),
  );
  const close = () => {
    isClosed = true;
    unlisten();
    list.querySelectorAll("audio").forEach((/** @type {HTMLAudioElement} */ audio) => audio.pause());
  };
  return { node, close };
}
