/** How a job is shown, the same on every page. */

/**
 * A job of any kind, as the service gives it: what every job has, and what some kinds have. `note` is the stage that the
 * newest event told; the shape of `result` is the kind's own.
 * @typedef {import("../api-types.js").JobView & Partial<Omit<import("../api-types.js").SpeechJob & import("../api-types.js").CloningJob,
 *   keyof import("../api-types.js").JobView>> & { note?: string, result: any }} Job
 */

import { el, icon } from "../dom.js";

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

/**
 * A menu with a download for each format.
 * @param {import("../app.js").App} app
 * @param {string} jobId
 */
export function downloadMenu({ api, texts }, jobId) {
  const label = texts.t("page.job.download");
  return el(
    "div",
    { class: "dropdown d-inline-block" },
    el(
      "button",
      {
        type: "button",
        class: "btn btn-sm btn-quiet",
        "aria-label": label,
        title: label,
        "aria-expanded": "false",
        "data-bs-toggle": "dropdown",
        "data-bs-popper-config": '{"strategy":"fixed"}',
      },
      icon("download"),
    ),
    el(
      "ul",
      { class: "dropdown-menu" },
      FORMATS.map((format) =>
        el(
          "li",
          {},
          el("a", { class: "dropdown-item", href: api.downloadUrl(jobId, format), download: "" }, format.toUpperCase()),
        ),
      ),
    ),
  );
}

/**
 * Asks before something is lost. Resolves with the answer; Escape means no.
 * @param {import("../texts.js").Texts} texts
 * @param {string} question
 * @param {string} action what the confirming button says
 * @returns {Promise<boolean>}
 */
export function confirm(texts, question, action) {
  return new Promise((resolve) => {
    const dialog = el(
      "dialog",
      { class: "ask", "aria-labelledby": "ask-question" },
      el("p", { id: "ask-question" }, question),
      el(
        "div",
        { class: "ask-buttons" },
        el(
          "button",
          { type: "button", class: "btn btn-quiet", on: { click: () => dialog.close("") } },
          texts.t("page.ask.keep"),
        ),
        el("button", { type: "button", class: "btn btn-danger", on: { click: () => dialog.close("yes") } }, action),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
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
