/** Two checkpoints or voices side by side, blind: the same texts by both, votes, and what these say. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { hasEnded } from "../pages/job-view.js";
import { watchJob } from "../pages/job-watch.js";
import { all, focusOn } from "../view.js";
import { createErrors, field, options } from "../widgets/field.js";
import { jobProgress } from "../widgets/job.js";
import { hearButton } from "../widgets/player-bar.js";
import { alert } from "../widgets/states.js";
import { baseOf, measured, nameOf } from "./figures.js";

const BASE = "/training/comparisons";
const TESTS = /** @type {const} */ (["ab", "abx", "mos"]);
const SCORES = [1, 2, 3, 4, 5];
const LETTERS = ["A", "B", "X"];
const VOICE = "voice "; // before the id of a voice among the sides, whose other names are of checkpoints
/** What is to be compared, and the comparison that is shown. */
export const COMPARE = {
  name: "compare",
  initial: { first: "", second: "", texts: "", test: "ab", shown: "" },
  keep: /** @type {const} */ (["first", "second", "texts", "test", "shown"]),
};

/** A side as the service takes it. @param {string} name */
const sideOf = (name) => (name.startsWith(VOICE) ? { voice: name.slice(VOICE.length) } : { checkpoint: name });

/** Lines with words. @param {string} text */
export const linesOf = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/**
 * @param {import("../app.js").App} app
 * @param {{ checkpoints: () => any[], candidate: () => string, failed: (error: Error) => void, redraw: () => void }} told
 */
export function createCompare(app, { checkpoints, candidate, failed, redraw }) {
  const { api, store, texts } = app;
  const errors = createErrors(app, redraw);
  /** `scores`: by sound. @type {{ job: any, session: any, results: any, earlier: any[], scores: Record<string, number>, isSending: boolean, voices: any[] }} */
  const shown = { voices: [], job: null, session: null, results: null, earlier: [], scores: {}, isSending: false };
  let unwatch = () => {};
  let isClosed = false;
  const draft = () => store.state().compare;
  const set = (/** @type {Record<string, unknown>} */ values) => {
    store.dispatch({ type: "compare", values });
    redraw();
  };
  const runOf = (/** @type {string} */ name) => name.split("/")[0];
  const second = () => draft().second || candidate();
  const first = () => draft().first || (second() && !second().startsWith(VOICE) ? baseOf(runOf(second())) : "");
  const told = (/** @type {string} */ name) => {
    if (name.startsWith(VOICE)) return shown.voices.find((one) => VOICE + one.id === name)?.title ?? name.slice(VOICE.length);
    const row = checkpoints().find((one) => one.name === name);
    if (row) return nameOf(texts, row);
    return name.endsWith("/base") ? texts.t("page.inference.base_of", { run: runOf(name) }) : name;
  };

  async function load() {
    const [earlier, { voices }] = await Promise.all([api.get(BASE), api.voices()]);
    if (isClosed) return;
    Object.assign(shown, { earlier, voices });
    redraw();
    if (draft().shown) await open(draft().shown);
  }

  async function open(/** @type {string} */ id) {
    set({ shown: id });
    Object.assign(shown, { session: null, results: null });
    try {
      if (shown.earlier.some((one) => one.id === id)) await show(await api.get(`${BASE}/${encodeURIComponent(id)}`));
      else follow(await api.job(id));
    } catch {
      set({ shown: "" }); // it was deleted
    }
    redraw();
  }

  async function show(/** @type {any} */ session) {
    if (isClosed) return;
    const results = session.waiting > 0 ? null : await api.get(`${BASE}/${encodeURIComponent(session.id)}/results`);
    Object.assign(shown, { session, results, job: null });
    shown.earlier = await api.get(BASE);
    redraw();
  }

  function follow(/** @type {any} */ job) {
    unwatch();
    unwatch = watchJob(
      app,
      job,
      (now) => {
        shown.job = now;
        if (now.status === "completed") api.get(`${BASE}/${encodeURIComponent(now.id)}`).then(show).catch(failed);
        redraw();
      },
      failed,
    ).close;
  }

  async function begin(/** @type {SubmitEvent} */ event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const body = { sides: [sideOf(first()), sideOf(second())], texts: linesOf(draft().texts), test: draft().test };
    shown.isSending = true;
    redraw();
    try {
      const job = await api.post("/training/inference/compare", body);
      errors.clear();
      Object.assign(shown, { session: null, results: null });
      set({ shown: job.id });
      follow(job);
    } catch (error) {
      errors.show(/** @type {Error} */ (error), form);
    }
    shown.isSending = false;
    redraw();
  }

  async function vote(/** @type {any} */ trial, /** @type {string} */ choice, /** @type {number | null} */ score = null) {
    app.sound.stop();
    if (score !== null) shown.scores = { ...shown.scores, [choice]: score };
    const isDone = score === null || trial.sounds.every((/** @type {string} */ name) => shown.scores[name]);
    try {
      await show(await api.post(`${BASE}/${encodeURIComponent(shown.session.id)}/votes`, { trial_id: trial.trial_id, choice, score }));
      if (isDone) queueMicrotask(() => queueMicrotask(() => focusOn(document, "[data-trial] h3, [data-results] h3")));
    } catch (error) {
      failed(/** @type {Error} */ (error));
    }
  }

  /** @param {"first" | "second"} name @param {string} value */
  function side(name, value) {
    const rows = checkpoints();
    const tuned = [...rows.map((row) => row.name), ...[...new Set(rows.map((row) => row.run))].map(baseOf)];
    const voices = shown.voices.map((one) => VOICE + one.id);
    const listed = (/** @type {string[]} */ names) => options(names.map((one) => /** @type {const} */ ([one, told(one)])), value);
    const choices = html`${value ? nothing : options([["", texts.t("page.compare.choose")]], "")}
      ${tuned.length > 0 ? html`<optgroup label=${texts.t("page.compare.checkpoints")}>${listed(tuned)}</optgroup>` : nothing}
      <optgroup label=${texts.t("page.compare.voices")}>${listed(voices)}</optgroup>`;
    return field({
      name,
      label: texts.t(`page.compare.${name}`),
      errors,
      control: (a) => html`<select id=${a.id} class="form-select" aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ [name]: event.target.value })}>${choices}</select>`,
    });
  }

  function form() {
    return html`<form class="compare-form" data-compare-form @submit=${begin}>
      <div class="training-fields">
        ${side("first", first())} ${side("second", second())}
        ${field({
          name: "test",
          label: texts.t("page.compare.test"),
          errors,
          control: (a) => html`<select id=${a.id} class="form-select" aria-describedby=${a.describedBy} @change=${(/** @type {any} */ event) => set({ test: event.target.value })}>${options(TESTS.map((name) => /** @type {const} */ ([name, texts.t(`page.compare.test.${name}`)])), draft().test)}</select>`,
        })}
      </div>
      ${field({
        name: "texts",
        label: texts.t("page.compare.texts"),
        hint: texts.t("page.compare.texts_hint"),
        errors,
        control: (a) => html`<textarea id=${a.id} class="form-control" rows="3" required .value=${live(draft().texts)} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @input=${(/** @type {any} */ event) => (set({ texts: event.target.value }), errors.corrected("texts"))}></textarea>`,
      })}
      ${errors.drawWhole()}
      <div class="action-row"><button class="btn btn-primary" data-compare ?disabled=${shown.isSending || linesOf(draft().texts).length === 0 || !first() || !second() || first() === second()}>${icon("play")}${texts.t("page.compare.begin")}</button></div>
    </form>`;
  }

  function trialCard() {
    const trial = shown.session.trials.find((/** @type {any} */ one) => !one.voted);
    if (!trial) return nothing;
    const { test, trials, waiting } = shown.session;
    const heard = (/** @type {string} */ name, /** @type {number} */ index) => html`<div class="side" data-side=${LETTERS[index]}>
      <strong>${LETTERS[index]}</strong>
      ${hearButton(app, { key: `trial ${name}`, title: `${LETTERS[index]}: ${trial.text}`, src: trial.audio_urls[index], label: texts.t("page.compare.hear", { letter: LETTERS[index] }), text: texts.t("page.compare.play") })}
      ${test === "mos" ? html`<div class="scores" role="group" aria-label=${texts.t("page.compare.score", { letter: LETTERS[index] })}>${SCORES.map((score) => html`<button type="button" class="btn btn-sm btn-quiet" data-score=${score} aria-pressed=${shown.scores[name] === score} aria-label=${texts.t("page.compare.give", { score, letter: LETTERS[index] })} @click=${() => vote(trial, name, score)}>${score}</button>`)}</div>` : nothing}
    </div>`;
    const choice = (/** @type {number} */ index) => html`<button type="button" class="btn btn-primary" data-vote=${LETTERS[index]} @click=${() => vote(trial, trial.sounds[index])}>${texts.t(`page.compare.vote.${test}`, { letter: LETTERS[index] })}</button>`;
    return html`<section class="trial" data-trial=${trial.trial_id} data-waiting=${waiting}>
      <h3 tabindex="-1">${texts.t("page.compare.trial", { number: trials.length - waiting + 1, count: trials.length })}</h3>
      <blockquote>${trial.text}</blockquote>
      <div class="sides">${trial.sounds.map(heard)}</div>
      ${test === "mos"
        ? nothing
        : html`<div class="action-row">${choice(0)} ${choice(1)} <button type="button" class="btn btn-quiet" data-vote="none" @click=${() => vote(trial, "")}>${texts.t("page.compare.no_difference")}</button></div>`}
      <p class="fine">${texts.t(`page.compare.about.${test}`)}</p>
    </section>`;
  }

  function results() {
    const { verdict, sides, measures } = shown.results;
    return html`<section class="results" data-results=${shown.results.id}>
      <h3 tabindex="-1">${texts.t("page.compare.results")}</h3>
      ${verdict.mode === "mos" ? meanScores(verdict) : share(verdict)}
      ${measuresTable(sides, measures)}
      <a class="btn btn-sm btn-quiet" data-export href="${BASE}/${encodeURIComponent(shown.results.id)}/export" download>${icon("download")}${texts.t("page.compare.export")}</a>
    </section>`;
  }

  function share(/** @type {any} */ verdict) {
    if (verdict.share === null) return html`<p data-verdict>${texts.t("page.compare.all_ties", { ties: verdict.ties })}</p>`;
    const percent = (/** @type {number} */ value) => texts.number(100 * value);
    const values = { name: told(verdict.of), wins: verdict.wins, votes: verdict.votes, share: percent(verdict.share), low: percent(verdict.low), high: percent(verdict.high), p: texts.number(verdict.p_value, 3), ties: verdict.ties };
    const isSure = verdict.low > 0.5 || verdict.high < 0.5;
    return html`<p data-verdict data-share=${verdict.share}>${texts.t(`page.compare.verdict.${verdict.mode}`, values)}</p>
      <meter class="win-rate" min="0" max="1" value=${verdict.share} aria-label=${texts.t("page.compare.win_rate")}></meter>
      <p class="fine">${texts.t(isSure ? "page.compare.sure" : "page.compare.not_sure", values)}</p>`;
  }

  function meanScores(/** @type {any} */ verdict) {
    return html`<dl class="training-figures" data-verdict>${Object.entries(verdict.systems).map(([name, row]) => {
      const { mean, standard_error: error, votes } = /** @type {any} */ (row);
      return html`<div><dt>${told(name)}</dt><dd>${measured(texts, mean, 2)}${error === null ? "" : ` ± ${texts.number(1.96 * error, 2)}`}</dd><dd class="fine">${texts.t("page.compare.votes", { votes })}</dd></div>`;
    })}</dl>`;
  }

  function measuresTable(/** @type {string[]} */ sides, /** @type {Record<string, any>} */ measures) {
    const names = [...new Set(sides.flatMap((side) => Object.keys(measures[side] ?? {})))].filter((name) => texts.has(`page.compare.measure.${name}`));
    if (names.length === 0) return nothing;
    return html`<div class="table-card"><table class="table grid">
      <thead><tr><th scope="col">${texts.t("page.compare.measures")}</th>${sides.map((side) => html`<th scope="col">${told(side)}</th>`)}</tr></thead>
      <tbody>${names.map((name) => html`<tr><th scope="row">${texts.t(`page.compare.measure.${name}`)}</th>${sides.map((side) => html`<td data-label=${told(side)}>${measured(texts, measures[side]?.[name], 3)}</td>`)}</tr>`)}</tbody>
    </table></div>`;
  }

  function earlier() {
    if (shown.earlier.length === 0) return nothing;
    return html`<details class="training-more"><summary>${texts.t("page.compare.earlier", { count: shown.earlier.length })}</summary>
      <ul class="sounds" data-earlier>${shown.earlier.map((one) => html`<li>
        <span class="sound-text">${texts.t(`page.compare.test.${one.test}`)}<span class="fine">${texts.t("page.compare.of_trials", { votes: one.votes, trials: one.trials })}</span></span>
        <button type="button" class="btn btn-sm btn-quiet" data-open=${one.id} aria-pressed=${one.id === draft().shown} @click=${() => open(one.id)}>${texts.t(one.waiting > 0 ? "page.compare.go_on" : "page.compare.show")}</button>
      </li>`)}</ul>
    </details>`;
  }

  function work() {
    const { job } = shown;
    if (!job || job.status === "completed") return nothing;
    if (job.status === "failed") return alert(job.error_message);
    if (hasEnded(job)) return nothing;
    return html`<div data-compare-job=${job.status}>${jobProgress(texts, job)}</div>`;
  }

  return {
    load,
    close: all(() => void (isClosed = true), () => unwatch()),
    draw: () => html`<section class="card" data-compare-card>
      <h2>${texts.t("page.compare.title")}</h2>
      <p class="fine">${texts.t("page.compare.about")}</p>
      ${form()} ${work()} ${shown.session ? trialCard() : nothing} ${shown.results ? results() : nothing} ${earlier()}
    </section>`,
  };
}
