/** The Clone page: from recordings to a voice, in five steps, or from a dataset in three. The address says which. */

import { url } from "../api.js";
import { CLONE } from "../drafts.js";
import { html, nothing, render, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { remember, remembered } from "../remembered.js";
import { focusOn } from "../view.js";
import { alert, retryButton } from "../widgets/states.js";
import { changesOf, mountClips, usedOf } from "./clone-clips.js";
import { mountFit } from "./clone-fit.js";
import { mountLacking } from "./clone-lacking.js";
import { mountNaming } from "./clone-name.js";
import { mountRecord } from "./clone-record.js";
import { mountReport } from "./clone-report.js";
import { hasEnded } from "./job-view.js";

export const slices = [CLONE];
export const STEPS = ["record", "check", "name", "fit", "report"];
const TAKING_IN = ["record", "check"]; // which a dataset needs not
const KIND = "clone_voice";
const INTAKE = "intake";
// Said before anyone records: nothing of it can be used on this machine yet.
const NOT_HERE = ["training_not_installed", "cloning_models_missing"];

/**
 * What the steps get beside the app.
 * @typedef {object} Wizard
 * @property {import("./job-view.js").Job | null} job an intake, or a fit; null at the first step, of a dataset and at a report
 * @property {{ name: string, speaker: string, speakers: string[], seconds: number } | null} dataset instead of an intake
 * @property {any[]} efforts
 * @property {string[]} languages that voices can be cloned in
 * @property {(query: Record<string, string>) => void} go to another step
 * @property {() => void} restart forget everything and begin anew
 */

/** A step that the person went to here, not by an address or a reload: its heading gets the focus. */
let hasMoved = false;

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { query }) {
  const ask = () => stepOf(app, query);
  /** @param {Awaited<ReturnType<typeof stepOf>>} found @returns {() => void} */
  const show = (found) => {
    render(frame(app.texts, found.step, Boolean(found.dataset ?? found.job?.dataset)), root);
    const place = /** @type {HTMLElement} */ (root.querySelector(".clone"));
    if (found.lacking) return mountLacking(place, app, found.lacking, page.again);
    const leave = MOUNTS[found.step](place, app, { ...found, ...moves(app) }, query);
    if (hasMoved) focusOn(root, place.querySelector("h2") ? ".clone h2" : "h1");
    hasMoved = false;
    return leave;
  };
  const page = loadPage(root, app, ask, show, (error, again) => refused(app, error, again));
  return page.close;
}

/** The heading, the steps, and the place of the step. @param {import("../texts.js").Texts} texts @param {string} step @param {boolean} isDataset */
function frame(texts, step, isDataset) {
  const steps = isDataset ? STEPS.filter((name) => !TAKING_IN.includes(name)) : STEPS;
  return html`<div class="page-head"><h1>${texts.t("page.nav.clone")}</h1>${steps.includes(step) ? stepList(texts, steps, step) : nothing}</div>
    <div class="clone" data-step=${step}></div>`;
}

/** @type {Record<string, (place: HTMLElement, app: import("../app.js").App, wizard: Wizard, query: Record<string, string>) => () => void>} */
const MOUNTS = {
  record: mountRecord,
  check: mountClips,
  name: mountNaming,
  fit: mountFit,
  report: mountReport,
};

/** @param {import("../app.js").App} app */
function moves(app) {
  const go = (/** @type {Record<string, string>} */ query) => {
    if (query.job || query.voice) remember("clone.job", query.job ?? "");
    hasMoved = true;
    app.go("clone", query);
  };
  return {
    go,
    restart: () => {
      remember("clone.job", "");
      app.store.dispatch({ type: "clone", values: CLONE.initial });
      go({ new: "1" });
    },
  };
}

/**
 * Where the address leads, with what that step needs.
 * @param {import("../app.js").App} app
 * @param {Record<string, string>} query
 * @returns {Promise<Omit<Wizard, "go" | "restart"> & { step: string, lacking?: import("../api.js").ApiError }>}
 */
async function stepOf(app, query) {
  try {
    return await wantedStep(app, query);
  } catch (error) {
    const refusal = /** @type {import("../api.js").ApiError} */ (error);
    if (!NOT_HERE.includes(refusal.code)) throw error;
    return { job: null, dataset: null, efforts: [], languages: [], step: "lacking", lacking: refusal };
  }
}

/** @type {(app: import("../app.js").App, query: Record<string, string>) => Promise<Omit<Wizard, "go" | "restart"> & { step: string }>} */
async function wantedStep(app, query) {
  const nothing = { job: null, dataset: null, efforts: [], languages: [] };
  if (query.voice) return { ...nothing, step: "report" };
  if (query.dataset) return { ...nothing, ...(await ofDataset(app, query)), step: "name" };
  const job = query.job ? await app.api.job(query.job) : query.new ? null : await unfinished(app);
  if (job?.kind === KIND) return { ...nothing, job, step: "fit" };
  if (job && job.kind !== INTAKE) {
    throw new Error(app.texts.t("error.not_an_intake", { job_id: job.id, kind: job.kind }));
  }
  const speechS = job?.status === "completed" ? usedOf(job.result.clips, changesOf(app, job)).seconds : undefined;
  const [efforts, engines] = await Promise.all([app.api.efforts(speechS), app.catalog.engines()]);
  const languages = engines.find((/** @type {any} */ engine) => engine.voice_source === "fit").languages;
  const step = !job ? "record" : query.step === "name" ? "name" : "check";
  return { job, dataset: null, efforts, languages, step };
}

/** What is known of a built dataset: whose clips, how much of it, and how long a voice of it takes. @param {import("../app.js").App} app @param {Record<string, string>} query */
async function ofDataset({ api }, query) {
  const stats = await api.get(url("/training/dataset/stats", { dataset: query.dataset }));
  const speakers = Object.keys(stats.speakers);
  const speaker = query.speaker ?? (speakers.length > 1 ? speakers[0] : "");
  const efforts = await api.efforts(undefined, { dataset: query.dataset, speaker });
  const hours = speaker ? stats.speakers[speaker]?.hours ?? 0 : stats.status.hours;
  return { dataset: { name: query.dataset, speaker, speakers, seconds: hours * 3600 }, efforts };
}

/** What this person was at, or a fit under way: it is found again in another tab and after a reload. @param {import("../app.js").App} app */
async function unfinished({ api }) {
  const jobId = remembered("clone.job");
  if (jobId) {
    try {
      const job = await api.job(jobId);
      // How a fit ended is shown once, and an intake that gave nothing.
      if (hasEnded(job) && (job.kind === KIND || job.status !== "completed")) remember("clone.job", "");
      return job;
    } catch {
      remember("clone.job", ""); // it was deleted, or has expired
    }
  }
  for (const status of ["processing", "paused", "pending"]) {
    const { jobs } = await api.jobs({ limit: 100, offset: 0, status });
    const fit = jobs.find((/** @type {import("./job-view.js").Job} */ job) => job.kind === KIND);
    if (fit) return fit;
  }
  return null;
}

/** @param {import("../texts.js").Texts} texts @param {string[]} steps @param {string} current */
function stepList(texts, steps, current) {
  const at = steps.indexOf(current);
  return html`<ol class="steps" aria-label=${texts.t("page.clone.steps")}>
    ${repeat(
      steps,
      (step) => step,
      (step, index) => html`<li aria-current=${step === current ? "step" : nothing} data-done=${index < at}>${texts.t(`page.clone.step.${step}`)}</li>`,
    )}
  </ol>`;
}

/** @param {import("../app.js").App} app @param {Error} error @param {() => void} again */
function refused({ go, texts }, error, again) {
  const anew = html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => go("clone", { new: "1" })}>${texts.t("page.clone.restart")}</button>`;
  return html`<h1>${texts.t("page.nav.clone")}</h1>
    ${alert(error.message, html`<div class="action-row">${retryButton(texts, again)}${anew}</div>`)}`;
}
