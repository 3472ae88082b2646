/** The microphone: a button, a clock and a level. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { canRecord, Recorder } from "../recorder.js";
import { createView } from "../view.js";

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

/** @typedef {{ status: "idle" | "asking" | "recording", level: import("../recorder.js").Level | null, problem: string }} Heard */

/**
 * Leaving the page ends a recording and keeps it. It draws itself into `node`, so that twenty levels a second draw
 * nothing else.
 * @param {import("../app.js").App} app
 * @param {(blob: Blob, durationS: number) => void} add what was recorded: a WAV
 */
export function createMicrophone(app, add) {
  const { texts } = app;
  const node = document.createElement("div");
  node.className = "microphone";
  if (!canRecord()) {
    createView(node, () => html`<p class="fine" role="note">${texts.t("page.clone.microphone.insecure")}</p>`);
    return { node, isRecording: () => false, finish: async () => {}, close: () => {} };
  }
  /** @type {Recorder | null} */
  let recorder = null;
  /** @type {Heard} */
  const known = { status: "idle", level: null, problem: "" };
  const change = (/** @type {Partial<Heard>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const heard = (/** @type {import("../recorder.js").Level} */ level) => {
    change({ level });
    if (level.durationS >= LONGEST_S) void finish();
  };
  const finish = async () => {
    const done = recorder;
    if (!done) return;
    recorder = null;
    const { blob, durationS } = await done.stop();
    if (durationS > 0) add(blob, durationS);
    change({ status: "idle", level: null });
  };
  const start = async () => {
    const mine = new Recorder(heard);
    recorder = mine;
    change({ status: "asking", problem: "" });
    try {
      await mine.start();
      if (recorder === mine) change({ status: "recording" });
    } catch (error) {
      mine.close();
      recorder = null;
      change({ status: "idle", problem: reasonOf(texts, /** @type {Error} */ (error)) });
    }
  };
  const view = createView(node, () => drawn(texts, known, () => void (recorder ? finish() : start())));
  const close = () => {
    view.close();
    void finish();
  };
  return { node, isRecording: () => recorder !== null, finish, close };
}

/** @param {import("../texts.js").Texts} texts @param {Heard} known @param {() => void} turn */
function drawn(texts, { status, level, problem }, turn) {
  const isOn = status === "recording";
  const verdict = level && judged(level);
  const drawing = { idle: "mic", asking: "wait", recording: "stop" }[status];
  return html`<button type="button" class="btn ${isOn ? "btn-danger" : "btn-primary"}" data-record=${status} @click=${turn}>${icon(drawing)}${texts.t(`page.clone.record.${status}`)}</button>
    <div class="record-live" ?hidden=${!isOn}>
      <span class="record-clock">${texts.clock(level?.durationS ?? 0)}</span>
      <meter
        min=${FLOOR_DB}
        max="0"
        low=${QUIET_DB}
        high="-3"
        optimum="-20"
        aria-label=${texts.t("page.clone.level")}
        .value=${Math.max(FLOOR_DB, level?.db ?? FLOOR_DB)}
      ></meter>
      <span class="fine">${verdict ? texts.t(`page.clone.level.${verdict}`) : nothing}</span>
    </div>
    <p class="field-error" role="alert">${problem}</p>`;
}
