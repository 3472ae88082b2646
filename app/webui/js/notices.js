/** Tells what ended where the reader does not see it: jobs, and epochs of trainings; several of them in one sentence. */

import { url } from "./api.js";
import { notify, notifying } from "./notify.js";
import { on } from "./view.js";
import { kindWords, wordsOf } from "./widgets/job.js";
import { toast } from "./widgets/toast.js";

const GATHER_MS = 1500;
const LONGEST_MS = 60_000;
const LEARNING = "training.stage.learning";
const CUT = 60; // characters of a text
/** Where jobs of a kind are shown as they go, and lead to. */
const PLACES = /** @type {Readonly<Record<string, readonly string[]>>} */ ({
  clone_voice: ["clone"],
  comparison: ["training", "inference"],
  conversion: ["convert"],
  dataset: ["training", "dataset"],
  install: ["components"],
  intake: ["clone"],
  judging: ["training", "training"],
  rvc_download: ["convert"],
  training: ["training", "training"],
});

/**
 * @typedef {import("./app.js").App} App
 * @typedef {{ id: string, owner: string, kind: string, isGood: boolean }} Ended
 * @typedef {{ id: string, owner: string, epoch: number, epochs: number, dataset: string }} Over `epoch`: from 1
 * @typedef {{ jobs: readonly Ended[], epochs: readonly Over[] }} Gathered
 * @typedef {{ text: string, isGood: boolean, tag: string, place: readonly string[], query?: Record<string, string> }} Sentence
 */

/**
 * Whether the page of an address shows what becomes of any job of a kind; others say which jobs they show by
 * `data-job-id` and `data-job-ids`. @param {import("./router.js").Route} route @param {string} kind
 */
export function isPlaceOf({ name, path }, kind) {
  const [page, tab] = PLACES[kind] ?? [];
  return page === name && page !== "clone" && (tab === undefined || tab === (path[0] ?? "dataset"));
}

/** How many epochs are over after `done` of `total` steps. @param {{ done: number, total: number }} progress @param {number} epochs */
export function epochsOver({ done, total }, epochs) {
  return total > 0 ? Math.floor((done * epochs) / total) : 0;
}

/**
 * What is said of what was gathered. `one`: the job, where there is one alone.
 * @param {import("./texts.js").Texts} texts @param {Gathered} gathered @param {import("./pages/job-view.js").Job | null} one @returns {Sentence[]}
 */
export function sentencesOf(texts, { jobs, epochs }, one) {
  const said = epochs.map(({ id, epoch, epochs: count, dataset }) => ({
    text: texts.t("page.notice.epoch", { dataset, epoch, epochs: count }),
    isGood: true,
    tag: `${id}.epoch`,
    place: PLACES.training,
  }));
  const failed = jobs.filter(({ isGood }) => !isGood).length;
  if (jobs.length === 1) {
    const [{ id, kind, isGood }] = jobs;
    const what = cut(one ? wordsOf(texts, one) : kindWords(texts, kind));
    const text = isGood ? texts.t("page.notice.completed", { what }) : texts.t("page.notice.failed", { what, why: one?.error_message ?? "" }).trim();
    const query = PLACES[kind]?.[0] === "clone" ? { job: id } : undefined;
    return [...said, { text, isGood, tag: id, place: PLACES[kind] ?? ["jobs"], query }];
  }
  if (jobs.length === 0) return said;
  const done = jobs.length - failed;
  const name = failed === 0 ? "many" : done === 0 ? "many_failed" : "mixed";
  const text = texts.t(`page.notice.${name}`, { done: texts.number(done), failed: texts.number(failed) });
  return [...said, { text, isGood: failed === 0, tag: "jobs", place: ["jobs"] }];
}

/** @param {string} text */
function cut(text) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > CUT ? `${line.slice(0, CUT).trimEnd()}…` : line;
}

/**
 * Listens as long as the page is there. A tab that is looked at tells the others what it heard, so that none of them
 * says it again.
 * @param {import("./app.js").App} app
 * @param {() => import("./router.js").Route} route of the page that is open
 */
export function createNotices(app, route) {
  const { api, events, go, texts } = app;
  /** @type {Map<string, Ended>} */
  const jobs = new Map();
  /** @type {Map<string, Over>} the last of each training */
  const epochs = new Map();
  /** @type {Set<string>} what a tab that is looked at has heard */
  const heardElsewhere = new Set();
  const learning = createLearning(api);
  const others = new BroadcastChannel("papagaio.notices");
  let timer = 0;
  let wait = GATHER_MS;
  let toldAt = 0;

  const isSeen = () => document.visibilityState === "visible";
  const isShown = (/** @type {string} */ id, /** @type {string} */ kind) => {
    const name = CSS.escape(id);
    return isSeen() && (isPlaceOf(route(), kind) || document.querySelector(`main :is([data-job-id="${name}"], [data-job-ids~="${name}"])`) !== null);
  };
  on(others, "message", ({ data: { key, id } }) => {
    heardElsewhere.add(key);
    jobs.delete(id);
    epochs.delete(id);
  });
  on(document, "visibilitychange", () => isSeen() && jobs.size + epochs.size > 0 && later());

  /** The longer it goes on, the longer is gathered. */
  function later() {
    if (timer) return;
    wait = Date.now() - toldAt > 2 * wait ? GATHER_MS : Math.min(LONGEST_MS, 2 * wait);
    timer = window.setTimeout(tell, wait);
  }

  async function tell() {
    timer = 0;
    if (!isSeen() && notifying() !== "on") return; // until it is looked at
    const gathered = await mine();
    if (gathered.jobs.length + gathered.epochs.length === 0) return;
    const one = gathered.jobs.length === 1 ? await api.job(gathered.jobs[0].id).catch(() => null) : null;
    toldAt = Date.now();
    for (const { text, isGood, tag, place, query } of sentencesOf(texts, gathered, one)) {
      const open = () => go(place, query);
      if (!isSeen() && notify({ text, tag, language: texts.language(), click: open })) continue;
      toast(text, { kind: isGood ? "good" : "bad", action: { text: texts.t("page.job.open"), click: open } });
    }
  }

  /** What is to be told, taken out: an administrator hears of everyone's jobs, and is told of their own. @returns {Promise<Gathered>} */
  async function mine() {
    const me = await api.get("/auth/me").catch(() => ({ user_id: null }));
    const isDue = (/** @type {Ended | Over} */ one, /** @type {string} */ kind) => (!me.user_id || one.owner === me.user_id) && !isShown(one.id, kind);
    const found = {
      jobs: [...jobs.values()].filter((one) => isDue(one, one.kind)),
      epochs: [...epochs.values()].filter((one) => isDue(one, "training")),
    };
    jobs.clear();
    epochs.clear();
    return found;
  }

  /** @param {string} id @param {string} kind of its job @param {string} key the same in every tab @param {() => void} keep */
  function take(id, kind, key, keep) {
    if (isSeen()) others.postMessage({ key, id });
    if (heardElsewhere.delete(key) || isShown(id, kind)) return;
    keep();
    later();
  }

  return events.listen((event) => {
    const { job_id: id, job_kind: kind = "", user_id: owner } = event;
    if (event.kind === "job.completed" || event.kind === "job.failed") {
      take(id, kind, id, () => void jobs.set(id, { id, kind, owner, isGood: event.kind === "job.completed" }));
    } else if (event.kind === "job.deleted") jobs.delete(id);
    else {
      void learning.hear(event, (over) => take(id, "training", `${id}.${over.epoch}`, () => void epochs.set(id, { id, owner, ...over })));
    }
  });
}

/** Follows trainings by their progress: the service tells steps, and here they become epochs. @param {App["api"]} api */
export function createLearning(api) {
  /** @type {Map<string, { asked: Promise<any>, over: number | null }>} */
  const known = new Map();
  const ask = (/** @type {string} */ id) => api.get(url("/training/status", { job_id: id })).catch(() => null);
  return {
    /** @param {import("./events.js").ServiceEvent} event @param {(over: { epoch: number, epochs: number, dataset: string }) => void} tell */
    async hear(event, tell) {
      const id = event.job_id;
      if (event.kind !== "job.progress" || event.note !== LEARNING) return;
      const one = known.get(id) ?? { asked: ask(id), over: null };
      known.set(id, one);
      const state = await one.asked;
      if (!state?.epochs) return;
      const over = epochsOver(/** @type {any} */ (event), state.epochs);
      // What was over when this page came is no news.
      if (one.over !== null && over > one.over) tell({ epoch: over, epochs: state.epochs, dataset: state.dataset ?? "" });
      one.over = Math.max(over, one.over ?? 0);
    },
  };
}
