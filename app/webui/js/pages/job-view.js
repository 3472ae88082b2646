/** How a job is shown, the same on every page. */

/**
 * A job of any kind, as the service gives it: what every job has, and what some kinds have. The shape of `result` is the
 * kind's own.
 * @typedef {import("../api-types.js").JobView & Partial<Omit<import("../api-types.js").SpeechJob & import("../api-types.js").CloningJob
 *   & import("../api-types.js").DatasetJob, keyof import("../api-types.js").JobView>> & { result: any }} Job
 */

export const FORMATS = ["wav", "mp3", "ogg", "flac", "m4a", "opus"];
export const STATUSES = ["pending", "processing", "paused", "completed", "failed", "cancelled"];

/** @param {import("./job-view.js").Job} job @returns {boolean} whether nothing more will happen to it */
export function hasEnded(job) {
  return ["completed", "failed", "cancelled"].includes(job.status);
}

/** @param {import("./job-view.js").Job} job @returns {boolean} */
export function hasSound(job) {
  return job.status === "completed" && Boolean(job.audio_url ?? job.duration);
}

/**
 * The job after an event of the live log; other jobs' events leave it as it is.
 * @param {import("./job-view.js").Job} job
 * @param {import("../events.js").ServiceEvent} event
 * @returns {import("./job-view.js").Job}
 */
export function afterEvent(job, event) {
  if (event.job_id !== job.id || hasEnded(job)) return job;
  if (event.kind === "job.progress") {
    return { ...job, status: "processing", progress: event.progress, stage: event.note || null, left_s: event.left_s ?? null };
  }
  if (event.kind === "job.started") return { ...job, status: "processing" };
  if (event.kind === "job.retried") return { ...job, status: "pending", stage: null, left_s: null };
  return job;
}

/** The word for where a job is. @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job */
export function statusText(texts, job) {
  return texts.t(`page.status.${job.cancel_requested && !hasEnded(job) ? "cancelling" : job.status}`);
}
