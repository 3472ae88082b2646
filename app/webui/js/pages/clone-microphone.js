/** The microphone of step 1: a button, a clock and a level. */

import { el, icon, replace } from "../dom.js";
import { canRecord, Recorder } from "../recorder.js";

const LONGEST_S = 300; // as the service takes at most
const QUIET_DB = -45;
const LOUD_PEAK = 0.98;
const FLOOR_DB = -70;

/** What to say of the level of what was just heard. @param {{ db: number, peak: number }} level */
export function judged({ db, peak }) {
  if (peak >= LOUD_PEAK) return "loud";
  return db < QUIET_DB ? "quiet" : "good";
}

/** @param {import("../texts.js").Texts} texts @param {Error} error @returns {string} */
function reasonOf(texts, error) {
  const known = { NotAllowedError: "denied", NotFoundError: "none", NotReadableError: "busy" };
  const reason = /** @type {Record<string, string>} */ (known)[error.name];
  return reason ? texts.t(`page.clone.microphone.${reason}`) : error.message;
}

/**
 * Leaving the page ends a recording and keeps it.
 * @param {import("../app.js").App} app
 * @param {(name: string, blob: Blob, durationS: number) => void} add
 */
export function microphone(app, add) {
  const { store, texts } = app;
  if (!canRecord()) {
    const node = el("p", { class: "fine", role: "note" }, texts.t("page.clone.microphone.insecure"));
    return { node, isRecording: () => false, finish: async () => {}, close: () => {} };
  }
  /** @type {Recorder | null} */
  let recorder = null;
  const view = drawn(texts);

  const show = (/** @type {string} */ state) => {
    view.button.dataset.record = state;
    view.button.classList.toggle("btn-danger", state === "recording");
    view.button.classList.toggle("btn-primary", state !== "recording");
    const word = texts.t(`page.clone.record.${state}`);
    replace(view.button, icon({ idle: "mic", asking: "wait", recording: "stop" }[state] ?? "mic"), word);
    view.live.hidden = state !== "recording";
  };
  const heard = (/** @type {import("../recorder.js").Level} */ level) => {
    view.meter.value = Math.max(FLOOR_DB, level.db);
    replace(view.clock, texts.clock(level.durationS));
    const verdict = judged(level);
    const said = texts.t(`page.clone.level.${verdict}`);
    if (view.word.textContent !== said) replace(view.word, said);
    if (level.durationS >= LONGEST_S) void finish();
  };
  const finish = async () => {
    const done = recorder;
    if (!done) return;
    recorder = null;
    const { blob, durationS } = await done.stop();
    const number = store.state().clone.takes.length + 1;
    if (durationS > 0) add(`${texts.t("page.clone.take_name", { number })}.wav`, blob, durationS);
    show("idle");
  };
  const start = async () => {
    const mine = new Recorder(heard);
    recorder = mine;
    replace(view.problem);
    show("asking");
    try {
      await mine.start();
      if (recorder === mine) show("recording");
    } catch (error) {
      mine.close();
      recorder = null;
      show("idle");
      replace(view.problem, reasonOf(texts, /** @type {Error} */ (error)));
    }
  };
  view.button.addEventListener("click", () => void (recorder ? finish() : start()));
  show("idle");
  return { node: view.node, isRecording: () => recorder !== null, finish, close: () => void finish() };
}

/** @param {import("../texts.js").Texts} texts */
function drawn(texts) {
  const button = el("button", { type: "button", class: "btn btn-primary", data: { record: "idle" } });
  const clock = el("span", { class: "record-clock" }, texts.clock(0));
  const meter = el("meter", {
    min: FLOOR_DB,
    max: 0,
    low: QUIET_DB,
    high: -3,
    optimum: -20,
    "aria-label": texts.t("page.clone.level"),
  });
  const word = el("span", { class: "fine" });
  const live = el("div", { class: "record-live", hidden: true }, clock, meter, word);
  const problem = el("p", { class: "field-error", role: "alert" });
  return { node: el("div", { class: "microphone" }, button, live, problem), button, clock, meter, word, live, problem };
}
