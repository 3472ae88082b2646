/** The Dataset tab: recordings, the stages that make clips of them, and the clips to hear and mend. */

import { url } from "../api.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { hasEnded } from "../pages/job-view.js";
import { watchJob } from "../pages/job-watch.js";
import { createLacking } from "../pages/lacking.js";
import { address } from "../router.js";
import { all, createView } from "../view.js";
import { options } from "../widgets/field.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { createSamples } from "./dataset-samples.js";
import { createSources } from "./dataset-sources.js";

export const BASE = "/training/dataset";
/** Which dataset is shown; outlives a reload. */
export const DATASET = { name: "dataset", initial: { name: "main" }, keep: ["name"] };
const COMPONENT = "datasets"; // that brings what the stages need
const STAGES = ["download", "segment", "transcribe", "build"];
const FIGURES = ["recordings", "segments", "transcriptions", "samples", "hours"];

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app) {
  const { api, store, texts } = app;
  const shown = {
    /** @type {any[]} */ datasets: [],
    /** @type {any} */ stats: null,
    /** @type {any} */ job: null,
    problem: "",
    isDetailed: false,
    isAsking: true, // what runs is not known yet, or something is being begun
  };
  let unwatch = () => {};
  let isClosed = false;
  const dataset = () => store.state().dataset.name;
  /** @type {ReturnType<typeof createView> | null} */
  let view = null;
  const redraw = () => view?.redraw();
  const lacking = createLacking(app, redraw, () => void load());
  const sources = createSources(app, dataset, { begun: follow, failed, redraw });
  const samples = createSamples(app, dataset, { changed: () => void figures(), failed, redraw });
  view = createView(root, draw);

  async function failed(/** @type {Error} */ error) {
    const isOffered = await lacking.show(error);
    if (isClosed) return;
    shown.problem = isOffered ? "" : error.message;
    app.announce(error.message);
    redraw();
  }

  async function figures() {
    try {
      const [datasets, stats] = await Promise.all([api.get(BASE), api.get(url(`${BASE}/stats`, { dataset: dataset() }))]);
      if (isClosed) return;
      Object.assign(shown, { datasets, stats });
      redraw();
    } catch (error) {
      if (!isClosed) failed(/** @type {Error} */ (error));
    }
  }

  const load = () => Promise.all([figures(), sources.load(), samples.load()]);

  /** Shows a job until it ends, then what it made. @param {any} job */
  function follow(job) {
    unwatch();
    const watched = watchJob(
      app,
      job,
      (now) => {
        shown.job = now;
        if (hasEnded(now)) void load();
        redraw();
      },
      failed,
    );
    unwatch = watched.close;
  }

  /** A job that began before this page did. */
  async function resume() {
    const name = dataset();
    shown.isAsking = true;
    try {
      const { jobs } = await api.jobs({ limit: 50, offset: 0 });
      const mine = jobs.find((/** @type {any} */ job) => job.kind === "dataset" && job.dataset === name && !hasEnded(job));
      if (mine && !isClosed && name === dataset()) follow(mine);
    } catch (error) {
      if (!isClosed) failed(/** @type {Error} */ (error));
    } finally {
      shown.isAsking = false;
      redraw();
    }
  }

  async function begin(/** @type {string} */ stage) {
    Object.assign(shown, { job: null, problem: "", isAsking: true });
    redraw();
    try {
      follow(await api.post(`${BASE}/${stage}`, { dataset: dataset() }));
    } catch (error) {
      failed(/** @type {Error} */ (error));
    } finally {
      shown.isAsking = false;
      redraw();
    }
  }

  async function act(/** @type {() => Promise<any>} */ action) {
    try {
      follow(await action());
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  function choose(/** @type {string} */ name) {
    store.dispatch({ type: "dataset", values: { name } });
    Object.assign(shown, { stats: null, job: null, problem: "" });
    unwatch();
    samples.reset();
    void load();
    void resume();
  }

  async function make(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    try {
      const made = await api.post(BASE, { name: form.get("name"), language: form.get("language") });
      choose(made.name);
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  function draw() {
    return html`${shown.problem ? alert(shown.problem) : nothing}${lacking.draw()}${head()}${sources.draw()}${stages()}${samples.draw()}`;
  }

  function head() {
    const names = shown.datasets.map(({ name }) => name);
    const known = names.includes(dataset()) ? names : [dataset(), ...names];
    return html`<div class="page-head">
        <label class="inline-field"><span>${texts.t("page.dataset.which")}</span>
          <select id="dataset" class="form-select" @change=${(/** @type {any} */ event) => choose(event.target.value)}>${options(known.map((name) => [name, name]), dataset())}</select></label>
        <details>
          <summary>${texts.t("page.dataset.new")}</summary>
          <form class="inline-field" @submit=${make}>
            <label for="dataset-name">${texts.t("page.dataset.name")}</label>
            <input id="dataset-name" name="name" class="form-control" required pattern="[A-Za-z0-9][A-Za-z0-9_-]*" maxlength="64" />
            <select name="language" class="form-select" aria-label=${texts.t("page.dataset.language")}>${options([["pt-BR", "Português (Brasil)"], ["en", "English"]], "pt-BR")}</select>
            <button class="btn btn-quiet">${texts.t("page.dataset.make")}</button>
          </form>
        </details>
      </div>
      <dl class="card dataset-status">${FIGURES.map((name) => figure(name))}</dl>`;
  }

  function figure(/** @type {string} */ name) {
    const value = shown.stats?.status[name];
    const text = value === undefined ? "–" : texts.number(value, name === "hours" ? 3 : 0);
    return html`<div><dt>${texts.t(`page.dataset.status.${name}`)}</dt><dd data-figure=${name}>${text}</dd></div>`;
  }

  function stages() {
    const isBusy = shown.isAsking || (shown.job !== null && !hasEnded(shown.job));
    return html`<div class="card" data-stages>
      <div class="action-row">
        ${STAGES.map((stage) => html`<button type="button" class="btn btn-primary" data-stage=${stage} ?disabled=${isBusy} @click=${() => begin(stage)}>${texts.t(`page.dataset.stage.${stage}`)}</button>`)}
        ${shown.stats?.versions.length > 0 ? html`<a class="btn btn-quiet" data-make-voice href=${address("clone", { dataset: dataset() })}>${icon("clone")}${texts.t("page.dataset.make_voice")}</a>` : nothing}
        <button type="button" class="btn btn-quiet" data-stage="stats" aria-expanded=${shown.isDetailed} @click=${showStats}>${texts.t("page.dataset.stage.stats")}</button>
      </div>
      ${shown.job ? jobLine(shown.job) : nothing}${shown.isDetailed && shown.stats ? details(shown.stats) : nothing}
    </div>`;
  }

  async function showStats() {
    shown.isDetailed = !shown.isDetailed;
    await figures();
  }

  function jobLine(/** @type {any} */ job) {
    if (job.status === "failed") return alert(job.error_message);
    const button = (/** @type {string} */ name, /** @type {() => Promise<any>} */ action) =>
      html`<button type="button" class="btn btn-sm btn-quiet" data-job=${name} @click=${() => act(action)}>${texts.t(`page.dataset.job.${name}`)}</button>`;
    if (hasEnded(job)) return html`<p class="fine" role="status" data-job-status=${job.status}>${texts.t(`page.dataset.job.${job.status}`)}</p>`;
    const stage = job.stage ? texts.t(job.stage) : texts.t(`page.dataset.job.${job.status === "paused" ? "paused" : "waiting"}`);
    return html`<div data-job-status=${job.status}>
      ${progress(texts, { percent: job.progress, stage })}
      <div class="action-row">
        ${job.status === "paused" ? button("resume", () => api.resumeJob(job.id)) : button("pause", () => api.pauseJob(job.id))}
        ${button("cancel", () => api.cancelJob(job.id))}
      </div>
    </div>`;
  }

  function details(/** @type {any} */ stats) {
    const list = (/** @type {string} */ title, /** @type {readonly (readonly [string, unknown])[]} */ pairs) =>
      pairs.length === 0 ? nothing : html`<h3>${title}</h3><dl class="dataset-list">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
    const counted = (/** @type {Record<string, number>} */ found, /** @type {(name: string) => string} */ say) => Object.entries(found).map(([name, count]) => /** @type {const} */ ([say(name), count]));
    return html`<div data-stats>
      ${list(texts.t("page.dataset.decisions"), counted(stats.decisions, (name) => texts.t(`page.dataset.decision.${name}`)))}
      ${list(texts.t("page.dataset.findings"), counted(stats.findings, (name) => texts.t(`page.dataset.finding.${name}`)))}
      ${list(texts.t("page.dataset.speakers"), Object.entries(stats.speakers).map(([name, row]) => /** @type {const} */ ([name, texts.t("page.dataset.minutes", { minutes: texts.number(/** @type {any} */ (row).hours * 60, 1) })])))}
      ${list(texts.t("page.dataset.versions"), stats.versions.map((/** @type {any} */ row) => [String(row.number), `${row.samples} · ${row.sha256.slice(0, 12)}`]))}
      <a class="btn btn-sm btn-quiet" href=${url(`${BASE}/report`, { dataset: dataset() })} target="_blank" rel="noopener">${texts.t("page.dataset.report")}</a>
    </div>`;
  }

  void load();
  void resume();
  void lacking.look(COMPONENT);
  return all(
    () => void (isClosed = true),
    lacking.close,
    () => unwatch(),
    () => samples.close(),
    () => view?.close(),
  );
}
