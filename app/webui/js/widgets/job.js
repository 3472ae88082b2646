/** Parts of a job that pages show alike. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { FORMATS, statusText } from "../pages/job-view.js";
import { plain } from "../texts.js";
import { progress } from "./progress.js";

/** The kind of job whose text can be spoken again. */
export const SPEECH = "dubbing";

/** What a job is about. @param {import("../texts.js").Texts} texts @param {import("../pages/job-view.js").Job} job @returns {string} */
export function wordsOf(texts, job) {
  if (job.kind === SPEECH) return job.text ?? "";
  const words = kindWords(texts, job.kind);
  const of = job.voice_name ?? job.voice_id ?? job.dataset;
  return of ? `${words}: ${of}` : words;
}

/** @param {import("../texts.js").Texts} texts @param {string} kind @returns {string} */
export function kindWords(texts, kind) {
  const code = `page.jobs.kind.${kind}`;
  return texts.has(code) ? texts.t(code) : kind;
}

/** @param {import("../texts.js").Texts} texts @param {import("../pages/job-view.js").Job} job */
export function jobBadge(texts, job) {
  return html`<span class="badge" data-status=${job.status}>${statusText(texts, job)}</span>`;
}

/** How far a job is, in which stage, and what is left as the service estimates it. @param {import("../texts.js").Texts} texts @param {import("../pages/job-view.js").Job} job */
export function jobProgress(texts, job) {
  const stage = job.stage && texts.has(job.stage) ? texts.t(job.stage) : "";
  return progress(texts, { percent: job.progress, stage, leftS: job.left_s ?? null });
}

/** The file of a job under the name of its text: "o-papagaio-fala". @param {string} text */
export function fileName(text) {
  const name = plain(text).replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40).replace(/-$/, "");
  return name || "papagaio";
}

/**
 * A menu with a download for each format.
 * @param {import("../app.js").App} app @param {{ id: string, text?: string | null }} job
 */
export function downloadMenu({ api, texts }, job) {
  return formatMenu({
    label: texts.t("page.job.download"),
    href: (format) => api.downloadUrl(job.id, format),
    file: (format) => `${fileName(job.text ?? "")}.${format}`,
  });
}

/**
 * A button that opens a link for each format; `isNamed` writes its label beside the drawing.
 * @param {{ label: string, isNamed?: boolean, href: (format: string) => string, file: (format: string) => string }} options
 */
export function formatMenu({ label, isNamed = false, href, file }) {
  return html`<div class="dropdown d-inline-block">
    <button type="button" class="btn btn-sm btn-quiet" aria-label=${label} title=${label} aria-expanded="false" data-bs-toggle="dropdown" data-bs-popper-config='{"strategy":"fixed"}'>${icon("download")}${isNamed ? label : nothing}</button>
    <ul class="dropdown-menu">
      ${FORMATS.map((format) => html`<li><a class="dropdown-item" href=${href(format)} download=${file(format)}>${format.toUpperCase()}</a></li>`)}
    </ul>
  </div>`;
}
