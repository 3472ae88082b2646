/** Step 2: the recordings as clips, each to be heard, corrected, left out. */

import { html, live, nothing, repeat } from "../lit.js";
import { all, createView } from "../view.js";
import { jobBadge, jobProgress } from "../widgets/job.js";
import { hearButton } from "../widgets/player-bar.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { hasEnded } from "./job-view.js";
import { watchJob } from "./job-watch.js";

const GOOD_S = 30; // of usable speech; less makes a voice less like its speaker
const MANY_CLIPS = 3; // with the same finding: what helps is told once for all
const ROW_CHARS = 42; // of a line of a clip's text

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountClips(place, app, wizard) {
  const begun = /** @type {import("./job-view.js").Job} */ (wizard.job);
  const known = { job: begun, error: "" };
  const view = createView(place, () => html`${bodyOf(app, wizard, known.job)} ${known.error ? alert(known.error) : nothing}`);
  const watch = watchJob(
    app,
    begun,
    (job) => {
      Object.assign(known, { job, error: "" });
      if (job.status === "completed") changesOf(app, job);
      view.redraw();
    },
    (error) => {
      known.error = error.message;
      view.redraw();
    },
  );
  view.draw();
  return all(watch.close, app.sound.subscribe(view.redraw), app.store.watch(({ clone }) => clone, view.redraw), view.close);
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function bodyOf(app, wizard, job) {
  if (job.status === "completed") return clipsView(app, wizard, job);
  return hasEnded(job) ? failed(app, wizard, job) : working(app, wizard, job);
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function working({ api, texts }, wizard, job) {
  const cancel = async () => {
    await api.cancelJob(job.id).catch(() => {});
    wizard.go({ new: "1" });
  };
  return html`<section class="card" data-job-id=${job.id} data-status=${job.status}>
    <h2>${texts.t("page.clone.listening")}</h2>
    ${jobBadge(texts, job)}
    ${job.status === "processing" ? jobProgress(texts, job) : progress(texts, { percent: null, stage: texts.t("page.clone.listening_wait") })}
    <div class="action-row"><button type="button" class="btn btn-sm btn-quiet" @click=${cancel}>${texts.t("page.job.cancel")}</button></div>
  </section>`;
}

/** The takes are still there: only the intake failed. @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function failed({ texts }, wizard, job) {
  const back = html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => wizard.go({ new: "1" })}>${texts.t("page.clone.back_to_takes")}</button>`;
  const text = job.status === "failed" ? (job.error_message ?? "") : texts.t("page.status.cancelled");
  return html`<section data-job-id=${job.id} data-status=${job.status}>${alert(text, back)}</section>`;
}

/** @typedef {Readonly<Record<string, Readonly<{ text?: string, use?: boolean }>>>} Changes */

/** Whether a clip is used: as the person said, else when it is usable. @param {any} clip @param {Changes} changes */
export function isUsed(clip, changes) {
  return clip.is_usable && (changes[clip.clip_id]?.use ?? true);
}

/** Clips that are used, and their seconds of speech. @param {any[]} clips @param {Changes} changes */
export function usedOf(clips, changes) {
  const used = clips.filter((clip) => isUsed(clip, changes));
  return { count: used.length, seconds: used.reduce((sum, { duration_s }) => sum + duration_s, 0) };
}

/**
 * What `POST /voices/fit` is told of the clips: only what a person changed.
 * @param {any[]} clips
 * @param {Changes} changes
 */
export function choicesOf(clips, changes) {
  return clips
    .filter(({ clip_id, is_usable }) => is_usable && changes[clip_id])
    .map(({ clip_id, text }) => {
      const { text: said, use = true } = changes[clip_id];
      const isCorrected = said !== undefined && said.trim() !== "" && said !== text;
      return { clip_id, use, ...(isCorrected ? { text: said } : {}) };
    });
}

/** Codes of findings that many clips share, with the number of these. @param {any[]} clips @returns {Map<string, number>} */
export function sharedFindings(clips) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { findings } of clips) {
    for (const code of new Set(findings.map((/** @type {any} */ finding) => finding.code))) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return new Map([...counts].filter(([, count]) => count >= MANY_CLIPS));
}

/** Changes to the clips of this intake; those of another are forgotten. @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @returns {Changes} */
export function changesOf({ store }, job) {
  if (store.state().clone.clipsOf !== job.id) {
    store.dispatch({ type: "clone", values: { clips: {}, clipsOf: job.id } });
  }
  return store.state().clone.clips;
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function clipsView(app, wizard, job) {
  const { store, texts } = app;
  const { clips } = job.result;
  const shared = sharedFindings(clips);
  const { count, seconds } = usedOf(clips, store.state().clone.clips);
  const values = { used: count, clips: clips.length, time: texts.clock(seconds) };
  const short = html`<p class="finding" data-severity="warning">${texts.t("page.clone.short")}</p>`;
  return html`<section class="clips-view" data-job-id=${job.id} data-status=${job.status}>
    <h2>${texts.t("page.clone.check")}</h2>
    <p>${texts.t("page.clone.check_how")}</p>
    ${[...shared].filter(([code]) => texts.has(`clone.hint.${code}`)).map(
      ([code, count]) => html`<p class="finding" data-shared=${code}>
        ${texts.t("page.clone.shared", { count, clips: clips.length })} ${texts.t(`clone.hint.${code}`)}
      </p>`,
    )}
    <div class="card table-card">${clipTable(app, job, shared)}</div>
    <div class="wizard-foot">
      <div class="clip-totals" role="status"><strong>${texts.t("page.clone.totals", values)}</strong>${seconds < GOOD_S ? short : nothing}</div>
      <button type="button" class="btn btn-quiet" @click=${() => wizard.go({ new: "1" })}>${texts.t("page.clone.back_to_takes")}</button>
      <button type="button" class="btn btn-primary btn-lg" ?disabled=${count === 0} @click=${() => wizard.go({ job: job.id, step: "name" })}>${texts.t("page.clone.next")}</button>
    </div>
  </section>`;
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {Map<string, number>} shared */
function clipTable(app, job, shared) {
  const heads = ["use", "hear", "said", "measured", "findings"];
  return html`<table class="table jobs clips">
    <thead>
      <tr>${heads.map((name) => html`<th scope="col">${app.texts.t(`page.clone.column.${name}`)}</th>`)}</tr>
    </thead>
    <tbody>
      ${repeat(job.result.clips, (/** @type {any} */ clip) => clip.clip_id, (clip) => clipRow(app, job, clip, shared))}
    </tbody>
  </table>`;
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {any} clip @param {Map<string, number>} shared */
function clipRow(app, job, clip, shared) {
  const { api, store, texts } = app;
  const id = clip.clip_id;
  const { clips: changes } = store.state().clone;
  const change = (/** @type {{ text?: string, use?: boolean }} */ values) =>
    store.dispatch({ type: "clone", values: { clips: { ...changes, [id]: { ...changes[id], ...values } } } });
  const column = (/** @type {string} */ name) => texts.t(`page.clone.column.${name}`);
  const text = changes[id]?.text ?? clip.text;
  const hear = hearButton(app, { key: `${job.id} ${id}`, title: text || id, src: api.clipUrl(job.id, id), label: texts.t("page.clone.hear", { name: id }) });
  return html`<tr data-clip=${id} data-usable=${clip.is_usable} data-used=${isUsed(clip, changes)}>
    <td data-label=${column("use")}>
      <input
        type="checkbox"
        class="form-check-input"
        ?disabled=${!clip.is_usable}
        aria-label=${texts.t("page.clone.use_clip", { clip: id })}
        .checked=${live(isUsed(clip, changes))}
        @change=${(/** @type {any} */ event) => change({ use: event.target.checked })}
      />
    </td>
    <td data-label=${column("hear")}>${hear}</td>
    <td class="clip-words" data-label=${column("said")}>
      <textarea
        class="form-control"
        rows=${Math.max(2, Math.ceil(text.length / ROW_CHARS))}
        lang=${clip.language}
        ?disabled=${!clip.is_usable}
        aria-label=${texts.t("page.clone.said_in", { clip: id })}
        .value=${live(text)}
        @input=${(/** @type {any} */ event) => change({ text: event.target.value })}
      ></textarea>
    </td>
    <td class="fine" data-label=${column("measured")}>${measured(texts, clip)}</td>
    <td data-label=${column("findings")}>${findings(texts, clip, shared)}</td>
  </tr>`;
}

/** @param {import("../texts.js").Texts} texts @param {any} clip */
function measured(texts, { duration_s, measures }) {
  const khz = measures.bandwidth_hz === undefined ? undefined : measures.bandwidth_hz / 1000;
  const values = /** @type {[string, number | undefined, number][]} */ ([
    ["duration", duration_s, 1],
    ["level", measures.rms_db, 0],
    ["noise", measures.snr_db, 0],
    ["bandwidth", khz, 1],
  ]);
  return values
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value = 0, digits]) => html`<div>${texts.t(`page.clone.measure.${name}`, { value: texts.number(value, digits) })}</div>`);
}

/** What is wrong with a clip, and what helps. @param {import("../texts.js").Texts} texts @param {any} clip @param {Map<string, number>} shared */
function findings(texts, clip, shared) {
  if (clip.findings.length === 0) return html`<span class="fine">${texts.t("page.clone.no_finding")}</span>`;
  return clip.findings.map((/** @type {any} */ finding) => findingLine(texts, finding, { ofPauses: isOfPauses(clip, finding), isShared: shared.has(finding.code) }));
}

/** Two measures find noise: within the clip, and in the pauses around it; each is told under its own name. @param {any} clip @param {any} finding */
export function isOfPauses({ measures }, { code, values }) {
  const { pause_snr_db: db } = measures;
  return code === "noisy" && db !== undefined && Math.abs(values.value - db) < 0.06;
}

/** @param {import("../texts.js").Texts} texts @param {{ code: string, severity: string, values: Record<string, any> }} finding @param {{ ofPauses?: boolean, isShared?: boolean }} [told] `isShared`: what helps is told elsewhere */
export function findingLine(texts, { code, severity, values }, { ofPauses = false, isShared = false } = {}) {
  const shown = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? shortNumber(texts, value) : value]),
  );
  const hint = !isShared && texts.has(`clone.hint.${code}`) ? html`<span class="fine">${texts.t(`clone.hint.${code}`)}</span>` : nothing;
  return html`<div class="finding" data-severity=${severity} data-code=${code}>
    <strong>${texts.t(`page.clone.severity.${severity}`)}</strong>
    ${ofPauses ? texts.t("page.clone.noisy_pauses", shown) : texts.t(`clone.finding.${code}`, shown)} ${hint}
  </div>`;
}

/** @param {import("../texts.js").Texts} texts @param {number} value */
function shortNumber(texts, value) {
  return texts.number(value, Number.isInteger(value) ? 0 : Math.abs(value) < 1 ? 2 : 1);
}
