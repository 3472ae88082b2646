/** The Clone page: from recordings to a voice, in five steps. The address says which. */

import { all, el, icon, replace } from "../dom.js";
import { CLONE } from "../drafts.js";
import { remember, remembered } from "../shell.js";
import { changesOf, mountClips, usedOf } from "./clone-clips.js";
import { mountFit } from "./clone-fit.js";
import { mountNaming } from "./clone-name.js";
import { mountRecord } from "./clone-record.js";
import { mountReport } from "./clone-report.js";
import { alert, hasEnded } from "./job-view.js";

export const slices = [CLONE];
export const STEPS = ["record", "check", "name", "fit", "report"];
const KIND = "clone_voice";
const INTAKE = "intake";
const ENGINE = "kokoro";
// Said before anyone records: nothing of it can be used on this machine yet.
const NOT_HERE = ["training_not_installed", "cloning_models_missing"];

/**
 * What the steps get beside the app.
 * @typedef {object} Wizard
 * @property {import("./job-view.js").Job | null} job an intake, or a fit; null at the first step and at a report
 * @property {any[]} efforts
 * @property {string[]} languages that voices can be cloned in
 * @property {(query: Record<string, string>) => void} go to another step
 * @property {() => void} restart forget everything and begin anew
 */

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, { query }) {
  const { texts } = app;
  const steps = el("div");
  const place = el("div", { class: "clone" }, el("div", { class: "loading", role: "status" }, texts.t("page.loading")));
  const head = el("div", { class: "page-head" }, el("h1", {}, texts.t("page.nav.clone")), steps);
  replace(root, head, place);
  let leave = () => {};
  let isGone = false;

  const open = async () => {
    try {
      const found = await stepOf(app, query);
      if (isGone) return;
      replace(steps, stepList(texts, found.step));
      place.dataset.step = found.step;
      leave = MOUNTS[found.step](place, app, { ...found, ...moves(app) }, query);
    } catch (error) {
      if (!isGone) replace(place, refused(app, /** @type {any} */ (error), open));
    }
  };
  void open();
  return all(
    () => void (isGone = true),
    () => leave(),
  );
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
 * @returns {Promise<Omit<Wizard, "go" | "restart"> & { step: string }>}
 */
async function stepOf(app, query) {
  const nothing = { job: null, efforts: [], languages: [] };
  if (query.voice) return { ...nothing, step: "report" };
  const job = query.job ? await app.api.job(query.job) : query.new ? null : await unfinished(app);
  if (job?.kind === KIND) return { ...nothing, job, step: "fit" };
  if (job && job.kind !== INTAKE) {
    throw new Error(app.texts.t("error.not_an_intake", { job_id: job.id, kind: job.kind }));
  }
  const speechS = job?.status === "completed" ? usedOf(job.result.clips, changesOf(app, job)).seconds : undefined;
  const [efforts, studio] = await Promise.all([app.api.efforts(speechS), app.catalog.load()]);
  const languages = studio.voices.find(({ engine }) => engine === ENGINE)?.languages ?? studio.languages;
  const step = !job ? "record" : query.step === "name" ? "name" : "check";
  return { job, efforts, languages, step };
}

/** What this person was at, or a fit under way: it is found again in another tab and after a reload. @param {import("../app.js").App} app */
async function unfinished({ api }) {
  const jobId = remembered("clone.job");
  if (jobId) {
    try {
      const job = await api.job(jobId);
      // How a fit ended is shown once.
      if (job.kind === KIND && hasEnded(job)) remember("clone.job", "");
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

/** @param {import("../texts.js").Texts} texts @param {string} current */
function stepList(texts, current) {
  const at = STEPS.indexOf(current);
  return el(
    "ol",
    { class: "steps", "aria-label": texts.t("page.clone.steps") },
    STEPS.map((step, index) =>
      el(
        "li",
        { "aria-current": step === current ? "step" : null, data: { done: index < at } },
        texts.t(`page.clone.step.${step}`),
      ),
    ),
  );
}

/** @param {import("../app.js").App} app @param {import("../api.js").ApiError} error @param {() => void} again */
function refused({ go, texts }, error, again) {
  const retry = el(
    "button",
    { type: "button", class: "btn btn-sm btn-danger", on: { click: again } },
    texts.t("page.retry"),
  );
  if (NOT_HERE.includes(error.code)) {
    return el(
      "section",
      { class: "card empty", role: "alert", data: { problem: error.code } },
      icon("clone"),
      el("h2", {}, texts.t("page.clone.not_here")),
      el("p", {}, error.message),
      retry,
    );
  }
  const anew = el(
    "button",
    { type: "button", class: "btn btn-sm btn-quiet", on: { click: () => go("clone", { new: "1" }) } },
    texts.t("page.clone.restart"),
  );
  return alert(error.message, el("div", { class: "action-row" }, retry, anew));
}
