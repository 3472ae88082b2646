/** What became of a text: progress, then the file and its figures. Its sound is in the frame's player. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { all, createView } from "../view.js";
import { formats, jobBadge, jobFileName, jobProgress, takeFormat } from "../widgets/job.js";
import { hearButton } from "../widgets/player-bar.js";
import { checkedPart } from "./speak-check.js";
import { afterEvent, hasEnded, statusText } from "./job-view.js";
import { starsPart } from "./rating.js";

const POLL_MS = 2000;

/**
 * The card below the form; `node` is hidden until there is a job.
 * @param {import("../app.js").App} app
 */
export function createResult(app) {
  const { announce, api, catalog, events, sound, store, texts } = app;
  const node = document.createElement("section");
  Object.assign(node, { className: "card result", hidden: true });
  node.setAttribute("aria-label", texts.t("page.result.label"));
  const state = { job: /** @type {any} */ (null), titles: /** @type {Map<string, string>} */ (new Map()), error: "" };
  const view = createView(node, () => (state.job ? drawn() : nothing));

  const show = (/** @type {import("./job-view.js").Job} */ job) => {
    const isNews = state.job?.id !== job.id || state.job.status !== job.status;
    state.job = job;
    node.hidden = false;
    Object.assign(node.dataset, { jobId: job.id, status: job.status });
    view.draw();
    if (!isNews) return;
    if (["failed", "cancelled"].includes(job.status) && sound.state().key === job.id) sound.stop();
    announce(statusText(texts, job));
  };
  /** An answer that comes after the end, or after another job began, is old. */
  const refresh = async () => {
    const seen = state.job;
    if (!seen || hasEnded(seen)) return;
    try {
      const fresh = await api.job(seen.id);
      if (state.job.id === seen.id && !hasEnded(state.job)) show(fresh);
    } catch (error) {
      complain(error);
    }
  };
  const complain = (/** @type {unknown} */ error) => {
    state.error = /** @type {Error} */ (error).message;
    view.redraw();
  };
  const cancel = async () => {
    sound.stop();
    try {
      const answer = await api.cancelJob(state.job.id);
      // The event of its end may have overtaken the answer.
      if (state.job.id === answer.id && !hasEnded(state.job)) show(answer);
    } catch (error) {
      complain(error);
    }
  };
  const rate = async (/** @type {number} */ stars) => {
    try {
      const answer = await api.rateJob(state.job.id, stars);
      if (state.job.id === answer.id) show(answer);
      announce(texts.t("page.result.rated"));
    } catch (error) {
      complain(error);
    }
  };
  const listen = async (/** @type {string} */ jobId, /** @type {AbortSignal} */ signal) => {
    try {
      await sound.playStream(await api.streamJob(jobId, signal));
    } catch (error) {
      if (signal.aborted) return;
      sound.fail(texts.t("page.result.no_stream", { reason: /** @type {Error} */ (error).message }));
    }
  };
  const trackOf = (/** @type {import("./job-view.js").Job} */ job) => ({ key: job.id, title: job.text ?? "", src: api.downloadUrl(job.id, "wav") });
  const drawn = () => html`<div class="result-head">
      ${jobBadge(texts, state.job)}
      <p class="result-text" title=${state.job.text}>${state.job.text}</p>
      ${hasEnded(state.job) ? nothing : runningPart()}
    </div>
    ${state.error ? html`<p class="field-error" role="alert">${state.error}</p>` : nothing}
    ${state.job.status === "failed" ? html`<p class="field-error" role="alert">${state.job.error_message}</p>` : nothing}
    ${state.job.status === "completed" ? filePart(app, state.job, state.titles, trackOf(state.job), rate) : nothing}`;
  const runningPart = () => html`${jobProgress(texts, state.job)}
    ${sound.state().key === state.job.id
      ? nothing
      : html`<button type="button" class="btn btn-sm btn-quiet" data-listen @click=${() => listen(state.job.id, sound.beginStream(trackOf(state.job)))}>${icon("play")}${texts.t("page.result.listen")}</button>`}
    <button type="button" class="btn btn-sm btn-quiet" data-cancel @click=${cancel}>${icon("cross")}${texts.t("page.job.cancel")}</button>`;

  const learnTitles = async () => {
    state.titles = new Map((await catalog.load()).voices.map(({ id, title }) => [id, title]));
    view.redraw();
  };
  learnTitles().catch(() => {}); // an id is shown then
  const poll = setInterval(() => {
    // Only while the live log is lost: otherwise its events tell.
    if (store.state().live !== "open") void refresh();
  }, POLL_MS);
  const unlisten = events.listen((event) => {
    if (!state.job || event.job_id !== state.job.id) return;
    const next = afterEvent(state.job, event);
    if (next !== state.job) show(next);
    else void refresh();
  });
  return {
    node,
    close: all(unlisten, sound.subscribe(view.redraw), () => clearInterval(poll), view.close),
    /** Adds the job and plays it while it is made. @param {Record<string, unknown>} request */
    async begin(request) {
      const title = String(request.text);
      const signal = sound.beginStream({ key: "", title, src: "" });
      state.error = "";
      try {
        show(await api.addJob(request));
      } catch (error) {
        sound.close();
        throw error;
      }
      const { job } = state;
      sound.name(trackOf(job));
      store.dispatch({ type: "draft", values: { jobId: job.id } });
      node.scrollIntoView({ block: "nearest" });
      void listen(job.id, signal);
      // What happened before we knew the job's id told us nothing.
      await refresh();
    },
    /** Shows the job that was there before the person looked at another page, or loaded this one anew. */
    resume() {
      const { jobId } = store.state().draft;
      const forget = (/** @type {any} */ error) => {
        if (error.status === 404) store.dispatch({ type: "draft", values: { jobId: null } });
      };
      if (jobId) api.job(jobId).then(show).then(refresh).catch(forget);
    },
  };
}

/**
 * @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {Map<string, string>} titles
 * @param {import("../sound.js").Track} track @param {(stars: number) => unknown} rate
 */
function filePart(app, job, titles, track, rate) {
  const { api, sound, texts } = app;
  const hear = texts.t(sound.isOn(job.id) ? "page.job.stop" : "page.job.play");
  const name = jobFileName(job);
  const link = (/** @type {string} */ format) =>
    html`<a class="btn btn-sm btn-quiet" href=${api.downloadUrl(job.id, format, name)} download="${name}.${format}" data-format=${format} @click=${() => takeFormat(format)}>${icon("download")}${format.toUpperCase()}</a>`;
  return html`<div class="result-file">
    <div class="downloads" role="group" aria-label=${texts.t("page.job.download")}>
      ${hearButton(app, { ...track, label: hear, text: hear })} ${repeat(formats(), (format) => format, link)}
    </div>
    <dl class="facts">${facts(texts, job, titles.get(job.voice_id ?? "")).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <div class="result-rating" data-rating=${job.rating ?? ""}>
      <span class="fine">${texts.t("page.result.rate")}</span> ${starsPart(texts, { name: job.text ?? "", rating: job.rating ?? null }, rate)}
      ${job.rating ? html`<span class="fine">${texts.t("page.result.rated")}</span>` : nothing}
    </div>
    ${checkedPart(texts, job)}
  </div>`;
}

/**
 * What was measured, and what was used.
 * @param {import("../texts.js").Texts} texts
 * @param {import("./job-view.js").Job} job
 * @param {string} [voice] its title; a voice that is gone has only its id
 * @returns {[string, string][]}
 */
function facts(texts, job, voice) {
  /** @type {[string, string][]} */
  const found = [
    [texts.t("page.fact.duration"), texts.t("page.fact.seconds", { seconds: texts.number(job.duration ?? 0, 2) })],
    [texts.t("page.fact.rtf"), texts.number(job.real_time_factor ?? 0, 2)],
    [texts.t("page.fact.voice"), voice ? `${voice} (${job.voice_id})` : (job.voice_id ?? "–")],
    [texts.t("page.fact.engine"), [job.tts_engine_used ?? "–", job.precision].filter(Boolean).join(", ")],
  ];
  if (job.rvc_model_id) found.push([texts.t("page.fact.rvc"), job.rvc_model_id]);
  // Of engines that vary, and of weights that do not allow every use.
  if (job.seed !== null && job.seed !== undefined) found.push([texts.t("page.fact.seed"), String(job.seed)]);
  if (job.pieces_cut_short) found.push([texts.t("page.fact.cut_short"), String(job.pieces_cut_short)]);
  if (job.is_commercial === false) found.push([texts.t("page.fact.licence"), texts.t("page.licence.noncommercial")]);
  return found;
}
