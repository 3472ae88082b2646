/** A training as it goes: how far it is, its figures drawn, its log; all of it asked anew, so that a reload loses nothing. */

import { url } from "../api.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { hasEnded } from "../pages/job-view.js";
import { all } from "../view.js";
import { createChart } from "../widgets/chart.js";
import { confirm } from "../widgets/confirm.js";
import { jobBadge } from "../widgets/job.js";
import { createLog } from "../widgets/log.js";
import { notifyButton } from "../widgets/notify-button.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { measured, rateOf, size } from "./figures.js";

const LEVELS = /** @type {const} */ (["info", "warning", "error"]);
const LINES = 500;
const ASK_MS = 1500; // between two answers while it learns
const LEARNING = "training.stage.learning";

/**
 * @param {import("../app.js").App} app
 * @param {{ changed: () => void, failed: (error: Error) => void, redraw: () => void }} told `changed`: it ended, or kept a checkpoint
 */
export function createRunView(app, { changed, failed, redraw }) {
  const { api, texts } = app;
  /** @type {{ state: any, rows: any[] }} */
  const shown = { state: null, rows: [] };
  /** @type {{ jobId: string, lines: any[] }} */
  let told = { jobId: "", lines: [] }; // the log so far
  let isAsking = false;
  let isDue = false;
  let isClosed = false;
  let timer = 0;
  const axis = texts.t("page.training.step");
  const losses = createChart(texts, { label: texts.t("page.training.chart.loss"), x: axis, y: texts.t("page.training.loss") });
  const rates = createChart(texts, { label: texts.t("page.training.chart.rate"), x: axis, y: texts.t("page.training.rate") });
  const log = createLog(texts, { label: texts.t("page.training.log"), levels: LEVELS }, redraw);
  const job = () => shown.state?.job ?? null;

  async function ask() {
    const [before, heard] = [job(), heardOf(shown.state)];
    const state = await api.get("/training/status");
    if (isClosed) return;
    if (state.run !== shown.state?.run) shown.rows = [];
    shown.state = state;
    if (!state.job) return redraw();
    await Promise.all([askCurve(state.run), askLog(state.job.id)]);
    redraw();
    if (before && (before.status !== state.job.status || heard !== heardOf(state))) changed();
  }

  async function askCurve(/** @type {string} */ run) {
    const last = shown.rows[shown.rows.length - 1]?.step ?? 0;
    const [before, isFirst] = [shown.rows.filter(isValidation).length, shown.rows.length === 0];
    // The last step again: its validation may have come after it.
    const later = await api.get(url("/training/curve", { run, after: Math.max(0, last - 1) }));
    if (isClosed) return;
    shown.rows = [...shown.rows.filter(({ step }) => step < last), ...later];
    losses.update([
      { label: texts.t("page.training.train_loss"), points: pointsOf(shown.rows, "loss") },
      { label: texts.t("page.training.validation_loss"), points: pointsOf(shown.rows, "held_out_loss") },
    ]);
    rates.update([{ label: texts.t("page.training.rate"), points: pointsOf(shown.rows, "rate") }]);
    if (shown.rows.filter(isValidation).length > before && !isFirst) changed();
  }

  async function askLog(/** @type {string} */ jobId) {
    if (told.jobId !== jobId) {
      told = { jobId, lines: [] };
      log.set([]);
    }
    const after = told.lines[told.lines.length - 1]?.id ?? 0;
    const later = await api.get(url("/training/logs", { job_id: jobId, level: "info", lines: LINES, after }));
    if (isClosed || told.jobId !== jobId || !later.length) return;
    const clock = new Intl.DateTimeFormat(texts.language(), { timeStyle: "medium" });
    const shownAt = (/** @type {any} */ line) => ({ ...line, at: clock.format(new Date(line.at)) });
    told.lines = [...told.lines, ...later.map(shownAt)].slice(-LINES);
    log.set(told.lines);
  }

  /** Asks now, or as soon as the answer under way is there and a moment has gone by. */
  async function refresh() {
    isDue = true;
    if (isAsking || isClosed) return;
    isAsking = true;
    while (isDue && !isClosed) {
      isDue = false;
      try {
        await ask();
      } catch (error) {
        if (!isClosed) failed(/** @type {Error} */ (error));
      }
      await new Promise((resolve) => (timer = window.setTimeout(resolve, ASK_MS)));
    }
    isAsking = false;
  }

  const unlisten = app.events.listen((event) => {
    if (event.job_id !== job()?.id) return;
    if (event.kind === "job.resumed" || event.kind === "job.started") shown.rows = [];
    void refresh();
  });
  // While the event stream is lost.
  const poll = window.setInterval(() => {
    if (app.store.state().live !== "open" && job() && !hasEnded(job())) void refresh();
  }, 2 * ASK_MS);

  async function act(/** @type {"pause" | "resume" | "stop"} */ name) {
    const question = { question: texts.t("page.training.ask_stop"), cost: texts.t("page.training.ask_stop_cost"), action: texts.t("page.training.stop") };
    if (name === "stop" && !(await confirm(texts, question))) return;
    try {
      shown.state = { ...shown.state, job: await api.post(`/training/${name}`, { job_id: job().id }) };
      redraw();
      void refresh();
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  function buttons() {
    const { status, pause_requested: isPausing, cancel_requested: isStopping } = job();
    const button = (/** @type {"pause" | "resume" | "stop"} */ name, /** @type {string} */ drawing, /** @type {boolean} */ isOff) =>
      html`<button type="button" class="btn btn-quiet" data-run=${name} ?disabled=${isOff} @click=${() => act(name)}>${icon(drawing)}${texts.t(`page.training.${name}`)}</button>`;
    return html`<div class="action-row">
      ${status === "paused" ? button("resume", "play", isStopping) : button("pause", "pause", isPausing || isStopping)}
      ${button("stop", "stop", isStopping)} ${notifyButton(texts, redraw)}
    </div>`;
  }

  function place() {
    const { epoch, epochs, step, steps, left_s: leftS, stage } = shown.state;
    const isElsewhere = stage !== null && stage !== LEARNING;
    const text = isElsewhere ? texts.t(stage) : epoch === null ? waiting() : texts.t("page.training.epoch_of", { epoch, epochs });
    const percent = isElsewhere || !steps ? null : (100 * (step ?? 0)) / steps;
    const isUnknown = percent === null && !hasEnded(job());
    return html`<div data-epoch=${epoch ?? ""} data-epochs=${epochs ?? ""} data-step=${step ?? 0} data-steps=${steps ?? ""}>
      ${progress(texts, { percent: isUnknown ? null : (percent ?? job().progress), stage: text, leftS })}
      ${steps ? html`<span class="fine">${texts.t("page.training.step_of", { step: texts.number(step ?? 0), steps: texts.number(steps) })}</span>` : nothing}
    </div>`;
  }

  function waiting() {
    return texts.t(job().status === "pending" ? "page.training.waiting" : "page.training.preparing");
  }

  function figures() {
    const { metrics, gpu, gpu_memory_used_bytes: used, gpu_memory_bytes: whole, gpu_temperature_c: warmth } = shown.state;
    const onGpu = gpu ? `${gpu}, ${size(texts, used)} / ${size(texts, whole)}${warmth === null ? "" : `, ${warmth} °C`}` : texts.t("page.training.no_gpu");
    const fact = (/** @type {string} */ name, /** @type {string} */ value) => html`<div><dt>${texts.t(`page.training.${name}`)}</dt><dd data-metric=${name}>${value}</dd></div>`;
    return html`<dl class="training-figures">
      ${fact("train_loss", measured(texts, metrics.loss, 4))} ${fact("validation_loss", measured(texts, metrics.held_out_loss, 4))}
      ${fact("rate", metrics.rate === undefined ? "–" : rateOf(metrics.rate))} ${fact("gpu", onGpu)}
    </dl>`;
  }

  function hint() {
    const found = shown.state.ranking?.hint;
    return found ? html`<p class="estimate-verdict" data-hint=${found.code}>${icon("info")}<span>${texts.t(`training.hint.${found.code}`, { step: found.step })}</span></p>` : nothing;
  }

  return {
    refresh,
    /** @param {any} started a job that is newer than what is shown */
    begin(started) {
      Object.assign(shown, { state: { job: started, metrics: {}, epoch: null, epochs: null, step: null, steps: null, left_s: null, stage: null }, rows: [] });
      redraw();
      void refresh();
    },
    isBusy: () => job() !== null && !hasEnded(job()),
    run: () => shown.state?.run ?? "",
    devices: () => shown.state?.devices,
    /** The run that learns now or soon. */
    learning: () => (["pending", "processing"].includes(job()?.status) ? (shown.state?.run ?? "") : ""),
    close: all(
      unlisten,
      () => void (isClosed = true),
      () => clearInterval(poll),
      () => clearTimeout(timer),
      losses.close,
      rates.close,
    ),
    draw() {
      if (!job()) return nothing;
      return html`<section class="card training-run" data-run-status=${job().status} data-run-name=${shown.state.run ?? ""}>
        <div class="page-head">
          <h2>${texts.t("page.training.run", { run: shown.state.run ?? "" })} ${jobBadge(texts, job())}</h2>
          ${hasEnded(job()) ? nothing : buttons()}
        </div>
        ${job().status === "failed" ? alert(job().error_message) : place()} ${hint()} ${figures()}
        <div class="training-charts">${losses.draw()}${rates.draw()}</div>
        <h3>${texts.t("page.training.log")}</h3>
        ${log.draw()}
      </section>`;
    },
  };
}

/** What was heard of a run so far, to be compared. @param {any} state */
const heardOf = (state) => JSON.stringify([state?.run, state?.ranking?.checkpoints]);
const isValidation = (/** @type {any} */ row) => row.held_out_loss !== undefined;

/** @param {readonly any[]} rows @param {string} name */
export function pointsOf(rows, name) {
  return rows.filter((row) => row[name] !== undefined).map((row) => ({ x: row.step, y: row[name] }));
}
