/** Parts of a job that pages show alike. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { FORMATS, statusText } from "../pages/job-view.js";
import { remember, remembered } from "../remembered.js";
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

/** A name for a file, of a text: "o-papagaio-fala". @param {string} text @returns {string} */
export function fileName(text) {
  const name = plain(text).normalize("NFC").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40).replace(/-$/, "");
  return name || "papagaio";
}

/** What the file of a job is called: after its text, or the recording it was made of. @param {{ text?: string | null, input_file?: string | null }} job */
export function jobFileName({ text, input_file: recording }) {
  return fileName(text ?? recording?.replace(/\.\w+$/, "") ?? "");
}

/** The formats there are, the one that was taken last before the others. @returns {string[]} */
export function formats() {
  const last = remembered("format", FORMATS);
  return last ? [last, ...FORMATS.filter((format) => format !== last)] : FORMATS;
}

/** @param {string} format that was taken */
export const takeFormat = (format) => remember("format", format);

/**
 * A menu with a download for each format.
 * @param {import("../app.js").App} app @param {import("../pages/job-view.js").Job} job
 */
export function downloadMenu({ api, texts }, job) {
  const name = jobFileName(job);
  return formatMenu({
    label: texts.t("page.job.download"),
    href: (format) => api.downloadUrl(job.id, format, name),
    file: (format) => `${name}.${format}`,
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
      ${repeat(formats(), (format) => format, (format) => html`<li><a class="dropdown-item" href=${href(format)} download=${file(format)} @click=${() => takeFormat(format)}>${format.toUpperCase()}</a></li>`)}
    </ul>
  </div>`;
}
