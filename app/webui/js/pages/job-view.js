/** How a job is shown, the same on every page. */

/**
 * A job of any kind, as the service gives it: what every job has, and what some kinds have. `note` is the stage that the
 * newest event told; the shape of `result` is the kind's own.
 * @typedef {import("../api-types.js").JobView & Partial<Omit<import("../api-types.js").SpeechJob & import("../api-types.js").CloningJob,
 *   keyof import("../api-types.js").JobView>> & { note?: string, result: any }} Job
 */

import { el } from "../dom.js";

export const FORMATS = ["wav", "mp3", "ogg", "flac", "m4a", "opus"];
export const STATUSES = ["pending", "processing", "paused", "completed", "failed", "cancelled"];

/** @param {import("./job-view.js").Job} job @returns {boolean} whether nothing more will happen to it */
export function hasEnded(job) {
  return ["completed", "failed", "cancelled"].includes(job.status);
}

/**
 * The job after an event of the live log; other jobs' events leave it as it is.
 * @param {import("./job-view.js").Job} job
 * @param {import("../events.js").ServiceEvent} event
 * @returns {import("./job-view.js").Job}
 */
export function afterEvent(job, event) {
  if (event.job_id !== job.id || hasEnded(job)) return job;
  if (event.kind === "job.progress") return { ...job, status: "processing", progress: event.progress };
  if (event.kind === "job.started") return { ...job, status: "processing" };
  if (event.kind === "job.retried") return { ...job, status: "pending" };
  return job;
}

/** The word for where a job is. @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job */
export function statusText(texts, job) {
  return texts.t(`page.status.${job.cancel_requested && !hasEnded(job) ? "cancelling" : job.status}`);
}

/** @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job */
export function statusBadge(texts, job) {
  return el("span", { class: "badge", data: { status: job.status } }, statusText(texts, job));
}

/** @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job */
export function progressBar(texts, job) {
  const bar = el("progress", {
    class: "progress-line",
    max: 100,
    value: job.progress,
    "aria-label": texts.t("page.job.progress"),
  });
  return el("div", { class: "progress-row" }, bar, el("span", { class: "fine" }, `${Math.round(job.progress)}%`));
}

/** A failure a person can act on. @param {string} text @param {import("../dom.js").Child} [action] */
export function alert(text, action) {
  return el(
    "div",
    { class: "alert alert-danger d-flex align-items-center gap-3", role: "alert" },
    el("span", { class: "flex-grow-1" }, text),
    action,
  );
}
