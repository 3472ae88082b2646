/** What became of a text: sound while it is made, progress, then the file and its figures. */

import { all, el, icon, replace } from "../dom.js";
import { StreamPlayer } from "../player.js";
import { afterEvent, FORMATS, hasEnded, progressBar, statusBadge, statusText } from "./job-view.js";

const POLL_MS = 2000;

/** The card below the form; `node` is hidden until there is a job. */
export class Result {
  /** @param {import("../app.js").App} app */
  constructor(app) {
    this.app = app;
    this.head = el("div", { class: "result-head" });
    this.sound = el("div", { class: "result-sound" });
    this.file = el("div", { class: "result-file" });
    const label = app.texts.t("page.result.label");
    this.node = el("section", { class: "card result", hidden: true, "aria-label": label }, [
      this.head,
      this.sound,
      this.file,
    ]);
    /** @type {any} */
    this.job = null;
    this.player = new StreamPlayer((state) => drawSound(app, this.sound, state, this.player));
    const unlisten = app.events.listen((event) => this.hear(event));
    // Only while the live log is lost: otherwise its events tell.
    const poll = setInterval(() => {
      if (app.store.state().live !== "open") void this.refresh();
    }, POLL_MS);
    this.close = all(
      unlisten,
      () => clearInterval(poll),
      () => this.player.stop(),
    );
  }

  /** Adds the job and plays it while it is made. @param {Record<string, unknown>} request */
  async begin(request) {
    const { api, store } = this.app;
    const signal = this.player.prepare();
    try {
      this.show(await api.addJob(request));
    } catch (error) {
      this.player.stop();
      throw error;
    }
    store.dispatch({ type: "draft", values: { jobId: this.job.id } });
    this.node.scrollIntoView({ block: "nearest" });
    void listen(this.app, this.player, this.job.id, signal, this.sound);
    // What happened before we knew the job's id told us nothing.
    await this.refresh();
  }

  /** Shows the job that was there before the person looked at another page. */
  resume() {
    const { api, store } = this.app;
    const jobId = store.state().draft.jobId;
    const forget = () => store.dispatch({ type: "draft", values: { jobId: null } });
    if (jobId) api.job(jobId).then((job) => this.show(job), forget);
  }

  /** @param {any} job */
  show(job) {
    const { app, file, player } = this;
    const isNews = this.job?.id !== job.id || this.job.status !== job.status;
    this.job = job;
    this.node.hidden = false;
    Object.assign(this.node.dataset, { jobId: job.id, status: job.status });
    drawHead(app, this.head, job, () => this.cancel());
    if (!isNews) return;
    if (hasEnded(job)) void drawFile(app, file, job, player);
    else replace(file);
    if (job.status === "failed" || job.status === "cancelled") player.stop();
    app.announce(statusText(app.texts, job));
  }

  /** An answer that comes after the end, or after another job began, is old. */
  async refresh() {
    const seen = this.job;
    if (!seen || hasEnded(seen)) return;
    try {
      const fresh = await this.app.api.job(seen.id);
      if (this.job.id === seen.id && !hasEnded(this.job)) this.show(fresh);
    } catch (error) {
      this.complain(/** @type {Error} */ (error));
    }
  }

  async cancel() {
    this.player.stop();
    try {
      const answer = await this.app.api.cancelJob(this.job.id);
      // The event of its end may have overtaken the answer.
      if (this.job.id === answer.id && !hasEnded(this.job)) this.show(answer);
    } catch (error) {
      this.complain(/** @type {Error} */ (error));
    }
  }

  /** @param {import("../events.js").ServiceEvent} event */
  hear(event) {
    if (!this.job || event.job_id !== this.job.id) return;
    const next = afterEvent(this.job, event);
    if (next !== this.job) this.show(next);
    else void this.refresh();
  }

  /** @param {Error} error */
  complain(error) {
    replace(this.file, el("p", { class: "field-error", role: "alert" }, error.message));
  }
}

/**
 * @param {import("../app.js").App} app
 * @param {StreamPlayer} player
 * @param {string} jobId
 * @param {AbortSignal} signal
 * @param {HTMLElement} sound
 */
async function listen({ api, texts }, player, jobId, signal, sound) {
  try {
    await player.play(await api.streamJob(jobId, signal));
  } catch (error) {
    if (signal.aborted) return;
    player.stop();
    replace(
      sound,
      el(
        "p",
        { class: "field-error" },
        texts.t("page.result.no_stream", { reason: /** @type {Error} */ (error).message }),
      ),
    );
  }
}

/** @param {import("../app.js").App} app @param {HTMLElement} head @param {any} job @param {() => void} cancel */
function drawHead({ texts }, head, job, cancel) {
  const button =
    !hasEnded(job) &&
    el(
      "button",
      { type: "button", class: "btn btn-sm btn-quiet", on: { click: cancel }, data: { cancel: "" } },
      icon("cross"),
      texts.t("page.job.cancel"),
    );
  replace(
    head,
    statusBadge(texts, job),
    el("p", { class: "result-text", title: job.text }, job.text),
    !hasEnded(job) && progressBar(texts, job),
    button,
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {HTMLElement} sound
 * @param {import("../player.js").PlayerState} state
 * @param {StreamPlayer} player
 */
function drawSound({ texts }, sound, state, player) {
  Object.assign(sound.dataset, {
    player: state.status,
    bytes: state.bytes,
    sampleRate: state.sampleRate,
    underruns: state.underruns,
    firstSoundMs: state.firstSoundMs === null ? "" : Math.round(state.firstSoundMs),
  });
  const known = /** @type {HTMLElement | null} */ (sound.querySelector("[data-clock]"));
  if (known && sound.dataset.drawn === state.status) {
    replace(known, texts.clock(state.playedS));
    return;
  }
  sound.dataset.drawn = state.status;
  const isPaused = state.status === "paused";
  const toggle = el(
    "button",
    {
      type: "button",
      class: "btn btn-sm btn-quiet",
      on: { click: () => (isPaused ? player.resume() : player.pause()) },
    },
    icon(isPaused ? "play" : "pause"),
    texts.t(isPaused ? "page.result.resume" : "page.result.pause"),
  );
  const stop = el(
    "button",
    { type: "button", class: "btn btn-sm btn-quiet", on: { click: () => player.stop() } },
    icon("stop"),
    texts.t("page.result.stop"),
  );
  const isOn = state.status === "playing" || isPaused;
  replace(
    sound,
    el("span", { class: "sound-state" }, icon("live"), texts.t(`page.result.${state.status}`)),
    state.playedS > 0 || isOn ? el("span", { class: "fine", data: { clock: "" } }, texts.clock(state.playedS)) : null,
    state.firstSoundMs !== null &&
      el(
        "span",
        { class: "fine" },
        texts.t("page.result.first_sound", { seconds: texts.number(state.firstSoundMs / 1000, 2) }),
      ),
    isOn && toggle,
    isOn && stop,
  );
}

/** @param {import("../app.js").App} app @param {HTMLElement} file @param {any} job @param {StreamPlayer} player */
async function drawFile(app, file, job, player) {
  const { api, catalog, texts } = app;
  if (job.status === "failed") replace(file, el("p", { class: "field-error", role: "alert" }, job.error_message));
  if (job.status !== "completed") return;
  const links = FORMATS.map((format) =>
    el(
      "a",
      { class: "btn btn-sm btn-quiet", href: api.downloadUrl(job.id, format), download: "", data: { format } },
      icon("download"),
      format.toUpperCase(),
    ),
  );
  const { voices } = await catalog.load();
  const voice = voices.find(({ id }) => id === job.voice_id)?.title;
  replace(
    file,
    el("audio", {
      controls: true,
      preload: "metadata",
      src: api.downloadUrl(job.id, "wav"),
      "aria-label": texts.t("page.job.play"),
      on: { play: () => player.stop() },
    }),
    el("div", { class: "downloads", role: "group", "aria-label": texts.t("page.job.download") }, links),
    el(
      "dl",
      { class: "facts" },
      facts(app, job, voice).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
  );
}

/**
 * What was measured, and what was used.
 * @param {import("../app.js").App} app
 * @param {any} job
 * @param {string} [voice] its title; a voice that is gone has only its id
 * @returns {[string, string][]}
 */
function facts({ texts }, job, voice) {
  return [
    [texts.t("page.fact.duration"), texts.t("page.fact.seconds", { seconds: texts.number(job.duration, 2) })],
    [texts.t("page.fact.rtf"), texts.number(job.real_time_factor, 2)],
    [texts.t("page.fact.voice"), voice ? `${voice} (${job.voice_id})` : job.voice_id],
    [texts.t("page.fact.engine"), job.tts_engine_used],
    ...optionalFacts(texts, job),
  ];
}

/** Of engines that vary, and of weights that do not allow every use. @param {any} texts @param {any} job @returns {[string, string][]} */
function optionalFacts(texts, job) {
  /** @type {[string, string][]} */
  const found = [];
  if (job.seed !== null && job.seed !== undefined) found.push([texts.t("page.fact.seed"), String(job.seed)]);
  if (job.pieces_cut_short) found.push([texts.t("page.fact.cut_short"), String(job.pieces_cut_short)]);
  if (job.is_commercial === false) found.push([texts.t("page.fact.licence"), texts.t("page.licence.noncommercial")]);
  return found;
}
