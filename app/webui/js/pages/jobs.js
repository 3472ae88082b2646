/** The Jobs page: what was asked, how far it is, and what to do with it. */

import { SPEAK } from "../drafts.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView, focusOn } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { downloadMenu, jobBadge, jobProgress, SPEECH, wordsOf } from "../widgets/job.js";
import { notifyButton } from "../widgets/notify-button.js";
import { emptyState } from "../widgets/states.js";
import { createTable, focusAfterRow, pager } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";
import { afterEvent, hasEnded, hasSound } from "./job-view.js";
import { bulkActions } from "./jobs-bulk.js";
import { askedOf, EVERYTHING, filterControls, filterOf, isFiltering } from "./jobs-filters.js";

export const slices = [SPEAK];
const PAGE = 20;
const POLL_MS = 3000;
const SHOWN_BY_CLONE = ["intake", "clone_voice"];

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { query }) {
  const { api, events, store } = app;
  const filter = filterOf(query);
  const offset = Math.max(0, Math.floor(Number(query.offset)) || 0);
  const ask = () => Promise.all([api.jobs({ limit: PAGE, offset, ...askedOf(filter) }), choicesOf(app)]);
  const page = loadPage(root, app, ask, ([first, choices]) => {
    const list = createList(root, app, { first, choices, filter, offset });
    const poll = setInterval(() => {
      if (store.state().live !== "open" || list.isBehind()) void list.load();
    }, POLL_MS);
    // What happened while the live log was lost told us nothing.
    const unwatch = store.watch(({ live }) => live, (live) => live === "open" && void list.load());
    const unlisten = events.listen(list.hear);
    // Nor did what happened between the answer and now.
    void list.load();
    return all(unlisten, unwatch, () => clearInterval(poll), list.close);
  });
  return page.close;
}

/** What can be filtered by, and how voices are called. @param {import("../app.js").App} app */
async function choicesOf({ catalog }) {
  const [{ languages, voices }, engines, converters, service] = await Promise.all([catalog.load(), catalog.engines(), catalog.converters(), catalog.service()]);
  const named = new Map([...converters, ...engines].map(({ name, title }) => [name, title]));
  return { languages, engines: /** @type {[string, string][]} */ ([...named]), titles: new Map(voices.map(({ id, title }) => [id, title])), keptH: service.jobs_kept_h };
}

/**
 * @param {HTMLElement} root
 * @param {import("../app.js").App} app
 * @param {{ first: { jobs: import("./job-view.js").Job[], total: number }, choices: Awaited<ReturnType<typeof choicesOf>>,
 *   filter: import("./jobs-filters.js").Filter, offset: number }} options
 */
function createList(root, app, { first, choices, filter, offset }) {
  const { announce, api, go, pushAddress, sound, texts } = app;
  let { jobs, total } = first;
  let loads = 0;
  let isBehind = false;
  const redraw = () => view.redraw();
  const act = async (/** @type {() => Promise<any>} */ action) => {
    try {
      await action();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { kind: "bad" });
      announce(/** @type {Error} */ (error).message);
    }
    await load();
  };
  /** The controls stay as they are, with their focus; the way back leads to what was shown before. @param {Partial<typeof filter>} values */
  const change = (values) => {
    filter = { ...filter, ...values };
    offset = 0;
    pushAddress("jobs", filter);
    view.draw();
    if (!isFiltering(filter)) focusOn(root); // the button that was pressed is gone
    void load();
  };
  const bulk = (/** @type {readonly string[]} */ keys) => bulkActions(app, jobs.filter(({ id }) => keys.includes(id)), act);
  const table = createTable(texts, { ...tableOf(app, choices.titles, act), bulk }, redraw);
  const empty = () => emptyState({
    drawing: "jobs",
    text: texts.t(isFiltering(filter) ? "page.jobs.none_such" : "page.jobs.none"),
    action: isFiltering(filter)
      ? { text: texts.t("page.jobs.filter.none"), click: () => change(EVERYTHING) }
      : { text: texts.t("page.jobs.first"), click: () => go("speak") },
  });
  const view = createView(root, () => html`${head(app, filter, redraw)} ${filterControls(texts, filter, choices, change)}
    <p class="fine" data-kept-h=${choices.keptH}>${texts.t("page.jobs.expiry", { time: hoursOf(texts, choices.keptH) })}</p>
    ${jobs.length === 0 ? empty() : table.draw(jobs)}
    ${total > PAGE
      ? pager(texts, { offset, shown: jobs.length, total, size: PAGE, onPage: (to) => go("jobs", { ...filter, offset: String(to) }) })
      : nothing}`);

  /** Answers may overtake each other: only the last one asked for is shown. */
  async function load() {
    loads += 1;
    const mine = loads;
    try {
      const page = await api.jobs({ limit: PAGE, offset, ...askedOf(filter) });
      if (mine !== loads) return;
      ({ jobs, total } = page);
      isBehind = false;
      view.draw();
    } catch {
      isBehind = true; // the banner says that the service is away
    }
  }
  const unlisten = sound.subscribe(redraw);
  return {
    load,
    /** Whether what was asked for last did not come. */
    isBehind: () => isBehind,
    /** @param {import("../events.js").ServiceEvent} event */
    hear(event) {
      if (event.kind === "job.sample") return;
      if (event.kind !== "job.progress") void load();
      else {
        jobs = jobs.map((/** @type {import("./job-view.js").Job} */ job) => afterEvent(job, event));
        redraw();
      }
    },
    close() {
      loads += 1;
      unlisten();
      view.close();
    },
  };
}

/** @param {import("../app.js").App} app @param {import("./jobs-filters.js").Filter} filter @param {() => void} redraw */
function head({ api, texts }, filter, redraw) {
  return html`<div class="page-head">
    <h1>${texts.t("page.nav.jobs")}</h1>
    <div class="action-row">
      ${notifyButton(texts, redraw)}
      <a class="btn btn-sm btn-quiet" href=${api.jobsTableUrl(askedOf(filter))} download="jobs.csv">${icon("download")}${texts.t("page.jobs.export")}</a>
    </div>
  </div>`;
}

/**
 * @param {import("../app.js").App} app
 * @param {Map<string, string>} titles by voice id
 * @param {(action: () => Promise<any>) => Promise<void>} act
 * @returns {import("../widgets/table.js").TableOptions<any>}
 */
function tableOf(app, titles, act) {
  const { texts } = app;
  const title = (/** @type {string} */ name) => texts.t(`page.jobs.${name}`);
  return {
    label: texts.t("page.nav.jobs"),
    key: ({ id }) => id,
    name: (job) => texts.t("page.jobs.select", { what: wordsOf(texts, job) }),
    data: (job) => ({ jobId: job.id, status: job.status }),
    columns: [
      { name: "text", title: title("text"), width: "wide", cells: "cut", cell: (job) => html`<span title=${wordsOf(texts, job)}>${wordsOf(texts, job)}</span>` },
      { name: "voice", title: title("voice"), cell: (job) => titles.get(job.voice_id) ?? job.voice_name ?? job.voice_id ?? "–" },
      {
        name: "status",
        title: title("status"),
        cell: (job) => html`${jobBadge(texts, job)} ${job.status === "processing" ? jobProgress(texts, job) : nothing}`,
      },
      { name: "duration", title: title("duration"), width: "narrow", cells: "fine", cell: (job) => (job.duration ? lengthOf(texts, job.duration) : "–") },
      { name: "time", title: title("time"), cells: "fine", cell: (job) => html`<span title=${job.expires_at ? texts.t("page.jobs.expires", { time: texts.time(job.expires_at) }) : nothing}>${texts.time(job.created_at)}</span>` },
    ],
    below: (job) => (job.status === "failed" ? html`<span class="field-error">${job.error_message}</span>` : nothing),
    actions: (job) => actions(app, job, act),
  };
}

/** Hours while they are few, then days. @param {import("../texts.js").Texts} texts @param {number} hours */
function hoursOf(texts, hours) {
  const [value, unit] = hours < 48 ? [hours, "hour"] : [hours / 24, "day"];
  return new Intl.NumberFormat(texts.language(), { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 }).format(value);
}

/** Seconds while they are few, then minutes. @param {import("../texts.js").Texts} texts @param {number} seconds */
function lengthOf(texts, seconds) {
  return seconds < 60 ? texts.t("page.fact.seconds", { seconds: texts.number(seconds, 1) }) : texts.clock(seconds);
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {(action: () => Promise<any>) => Promise<void>} act */
function actions(app, job, act) {
  const { api, go, sound, texts } = app;
  const button = (/** @type {string} */ name, /** @type {string} */ drawing, /** @type {(event: any) => void} */ click) =>
    html`<button type="button" class="btn btn-sm btn-quiet" title=${texts.t(`page.job.${name}`)} aria-label=${texts.t(`page.job.${name}`)} data-action=${name} @click=${click}>${icon(drawing)}</button>`;
  const isDone = hasSound(job);
  const isOn = sound.isOn(job.id);
  const track = { key: job.id, title: wordsOf(texts, job), src: api.downloadUrl(job.id, "wav") };
  const toggle = () => (isOn ? sound.stop() : sound.play(track));
  return html`<div class="action-row">
    ${SHOWN_BY_CLONE.includes(job.kind) ? button("open", "clone", () => go("clone", { job: job.id })) : nothing}
    ${isDone ? html`${button(isOn ? "stop" : "play", isOn ? "stop" : "play", toggle)} ${downloadMenu(app, job)}` : nothing}
    ${hasEnded(job) ? nothing : button("cancel", "cross", () => cancel(app, job, act))}
    <a class="btn btn-sm btn-quiet" href=${api.logUrl(job.id)} download="${job.id}.txt" title=${texts.t("page.job.log")} aria-label=${texts.t("page.job.log")} data-action="log">${icon("log")}</a>
    ${job.kind === SPEECH ? button("reuse", "reuse", () => reuse(app, job)) : nothing}
    ${hasEnded(job) || job.status === "pending" ? button("delete", "trash", (event) => remove(app, job, act, event.currentTarget)) : nothing}
  </div>`;
}

/** What took long asks before it is thrown away. @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {(action: () => Promise<any>) => Promise<void>} act */
async function cancel({ api, texts }, job, act) {
  if (job.kind !== SPEECH && job.status !== "pending" && !(await askToCancel(texts, job))) return;
  await act(() => api.cancelJob(job.id));
}

/** @param {import("../texts.js").Texts} texts @param {import("./job-view.js").Job} job @returns {Promise<boolean>} */
export function askToCancel(texts, job) {
  const question = texts.t("page.job.cancel_question", { what: wordsOf(texts, job), percent: Math.round(job.progress) });
  return confirm(texts, { question, cost: texts.t("page.job.cancel_cost"), action: texts.t("page.job.cancel_yes") });
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job */
function reuse({ go, store }, job) {
  const voice = job.voice_preset
    ? { voiceId: null, presetId: job.voice_preset }
    : { voiceId: job.voice_id, presetId: null };
  store.dispatch({ type: "draft", values: { text: job.text, language: job.source_language, ...voice } });
  go("speak");
}

/** @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {(action: () => Promise<any>) => Promise<void>} act @param {HTMLElement} button */
async function remove({ api, sound, texts }, job, act, button) {
  const refocus = focusAfterRow(button);
  // A failed or cancelled job holds nothing that was worked for.
  const isWorth = job.status === "completed" || job.status === "pending";
  const question = texts.t("page.job.delete_question", { what: wordsOf(texts, job) });
  if (isWorth && !(await confirm(texts, { question, action: texts.t("page.job.delete") }))) return;
  if (sound.state().key === job.id) sound.close();
  await act(() => api.deleteJob(job.id));
  refocus();
}
