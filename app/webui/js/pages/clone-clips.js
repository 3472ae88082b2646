/** Step 2: the recordings as clips, each to be heard, corrected, left out. */

import { all, el, icon, replace } from "../dom.js";
import { alert, hasEnded, progressBar, statusBadge } from "./job-view.js";
import { watchJob } from "./job-watch.js";

const GOOD_S = 30; // of usable speech; less makes a voice less like its speaker

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountClips(place, app, wizard) {
  const player = new Audio();
  const errors = el("div");
  const body = el("div");
  replace(place, body, errors);
  let shown = "";
  const watch = watchJob(
    app,
    /** @type {import("./job-view.js").Job} */ (wizard.job),
    (job, progress) => {
      replace(errors);
      if (job.status === "completed" && shown !== "completed") replace(body, clipsView(app, wizard, job, player));
      else if (!hasEnded(job)) replace(body, working(app, wizard, job, progress?.note ?? ""));
      else if (shown !== job.status) replace(body, failed(app, wizard, job));
      shown = job.status;
    },
    (error) => replace(errors, alert(error.message)),
  );
  return all(watch.close, () => player.pause());
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job @param {string} note */
function working({ api, texts }, wizard, job, note) {
  const cancel = async () => {
    await api.cancelJob(job.id).catch(() => {});
    wizard.go({ new: "1" });
  };
  return el(
    "section",
    { class: "card", data: { jobId: job.id, status: job.status } },
    el("h2", {}, texts.t("page.clone.listening")),
    el("p", { class: "fine", role: "status" }, texts.has(note) ? texts.t(note) : texts.t("page.clone.listening_wait")),
    el("div", { class: "result-head" }, statusBadge(texts, job), progressBar(texts, job)),
    el(
      "div",
      { class: "action-row" },
      el(
        "button",
        { type: "button", class: "btn btn-sm btn-quiet", on: { click: cancel } },
        texts.t("page.job.cancel"),
      ),
    ),
  );
}

/** The takes are still there: only the intake failed. @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function failed({ texts }, wizard, job) {
  const back = el(
    "button",
    { type: "button", class: "btn btn-sm btn-danger", on: { click: () => wizard.go({ new: "1" }) } },
    texts.t("page.clone.back_to_takes"),
  );
  const text = job.status === "failed" ? job.error_message ?? "" : texts.t("page.status.cancelled");
  return el("section", { data: { jobId: job.id, status: job.status } }, alert(text, back));
}

/** @typedef {Readonly<Record<string, Readonly<{ text?: string, use?: boolean }>>>} Changes */

/** Whether a clip is used: as the person said, else when it is usable. @param {any} clip @param {Changes} changes */
export function isUsed(clip, changes) {
  return clip.is_usable && (changes[clip.clip_id]?.use ?? true);
}

/** Clips that are used, and their seconds of speech. @param {any[]} clips @param {Changes} changes */
export function usedOf(clips, changes) {
  const used = clips.filter((clip) => isUsed(clip, changes));
  return { count: used.length, seconds: used.reduce((sum, { duration_s }) => sum + duration_s, 0) };
}

/**
 * What `POST /voices/fit` is told of the clips: only what a person changed.
 * @param {any[]} clips
 * @param {Changes} changes
 */
export function choicesOf(clips, changes) {
  return clips
    .filter(({ clip_id, is_usable }) => is_usable && changes[clip_id])
    .map(({ clip_id, text }) => {
      const { text: said, use = true } = changes[clip_id];
      const isCorrected = said !== undefined && said.trim() !== "" && said !== text;
      return { clip_id, use, ...(isCorrected ? { text: said } : {}) };
    });
}

/** Changes to the clips of this intake; those of another are forgotten. @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @returns {Changes} */
export function changesOf({ store }, job) {
  if (store.state().clone.clipsOf !== job.id) {
    store.dispatch({ type: "clone", values: { clips: {}, clipsOf: job.id } });
  }
  return store.state().clone.clips;
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./clone.js").Wizard} wizard
 * @param {import("./job-view.js").Job} job
 * @param {HTMLAudioElement} player
 */
function clipsView(app, wizard, job, player) {
  const { store, texts } = app;
  const { clips } = job.result;
  changesOf(app, job);
  const totals = el("div", { class: "clip-totals", role: "status" });
  const next = el(
    "button",
    { type: "button", class: "btn btn-primary btn-lg", on: { click: () => wizard.go({ job: job.id, step: "name" }) } },
    texts.t("page.clone.next"),
  );
  const tell = () => {
    const { count, seconds } = usedOf(clips, store.state().clone.clips);
    const values = { used: count, clips: clips.length, time: texts.clock(seconds) };
    next.disabled = count === 0;
    replace(
      totals,
      el("strong", {}, texts.t("page.clone.totals", values)),
      seconds < GOOD_S && el("p", { class: "finding", data: { severity: "warning" } }, texts.t("page.clone.short")),
    );
  };
  const change = (/** @type {string} */ clipId, /** @type {{ text?: string, use?: boolean }} */ values) => {
    const { clips: changes } = store.state().clone;
    store.dispatch({ type: "clone", values: { clips: { ...changes, [clipId]: { ...changes[clipId], ...values } } } });
    tell();
  };
  tell();
  const back = el(
    "button",
    { type: "button", class: "btn btn-quiet", on: { click: () => wizard.go({ new: "1" }) } },
    texts.t("page.clone.back_to_takes"),
  );
  return el(
    "section",
    { class: "clips-view", data: { jobId: job.id, status: job.status } },
    el("p", {}, texts.t("page.clone.check_how")),
    el(
      "div",
      { class: "card table-card" },
      clipTable(
        texts,
        clips.map((/** @type {any} */ clip) => clipRow(app, job, clip, player, change)),
      ),
    ),
    el("div", { class: "wizard-foot" }, totals, back, next),
  );
}

/** @param {import("../texts.js").Texts} texts @param {HTMLElement[]} rows */
function clipTable(texts, rows) {
  const heads = ["use", "hear", "said", "measured", "findings"].map((name) =>
    el("th", { scope: "col" }, texts.t(`page.clone.column.${name}`)),
  );
  return el(
    "table",
    { class: "table jobs clips" },
    el("thead", {}, el("tr", {}, heads)),
    el("tbody", {}, rows),
  );
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./job-view.js").Job} job
 * @param {any} clip
 * @param {HTMLAudioElement} player
 * @param {(clipId: string, values: { text?: string, use?: boolean }) => void} change
 */
function clipRow(app, job, clip, player, change) {
  const { store, texts } = app;
  const id = clip.clip_id;
  const label = (/** @type {string} */ name) => ({ label: texts.t(`page.clone.column.${name}`) });
  const changes = store.state().clone.clips;
  const used = isUsed(clip, changes);
  const row = el("tr", { data: { clip: id, usable: clip.is_usable, used } });
  const choose = (/** @type {any} */ event) => {
    row.dataset.used = String(event.target.checked);
    change(id, { use: event.target.checked });
  };
  const box = el("input", {
    type: "checkbox",
    class: "form-check-input",
    checked: used,
    disabled: !clip.is_usable,
    "aria-label": texts.t("page.clone.use_clip", { clip: id }),
    on: { change: choose },
  });
  const words = el("textarea", {
    class: "form-control",
    rows: 2,
    lang: clip.language,
    disabled: !clip.is_usable,
    value: changes[id]?.text ?? clip.text,
    "aria-label": texts.t("page.clone.said_in", { clip: id }),
    on: { input: (/** @type {any} */ event) => change(id, { text: event.target.value }) },
  });
  row.append(
    el("td", { data: label("use") }, box),
    el("td", { data: label("hear") }, hearButton(app, job, clip, player)),
    el("td", { class: "clip-words", data: label("said") }, words),
    el("td", { class: "fine", data: label("measured") }, measured(texts, clip)),
    el("td", { data: label("findings") }, findings(texts, clip)),
  );
  return row;
}

/** One clip is heard at a time. @param {import("../app.js").App} app @param {import("./job-view.js").Job} job @param {any} clip @param {HTMLAudioElement} player */
function hearButton({ api, announce, texts }, job, clip, player) {
  const label = texts.t("page.clone.hear", { name: clip.clip_id });
  const address = new URL(api.clipUrl(job.id, clip.clip_id), location.href).href;
  const button = el("button", {
    type: "button",
    class: "btn btn-sm btn-quiet",
    "aria-label": label,
    title: label,
    data: { hear: clip.clip_id },
  });
  const draw = () => {
    const isPlaying = player.src === address && !player.paused && !player.ended;
    button.dataset.state = isPlaying ? "playing" : "idle";
    replace(button, icon(isPlaying ? "stop" : "play"));
  };
  ["play", "pause", "ended"].forEach((type) => player.addEventListener(type, draw));
  button.addEventListener("click", () => {
    if (button.dataset.state === "playing") return player.pause();
    player.src = address;
    player.play().catch((/** @type {Error} */ error) => error.name !== "AbortError" && announce(error.message));
  });
  draw();
  return button;
}

/** @param {import("../texts.js").Texts} texts @param {any} clip */
function measured(texts, { duration_s, measures }) {
  const values = [
    ["duration", duration_s, 1],
    ["level", measures.rms_db, 0],
    ["noise", measures.snr_db, 0],
    ["bandwidth", measures.bandwidth_hz === undefined ? undefined : measures.bandwidth_hz / 1000, 1],
  ];
  return values
    .filter(([, value]) => Number.isFinite(value))
    .map(([name, value, digits]) => {
      const number = texts.number(/** @type {number} */ (value), /** @type {number} */ (digits));
      return el("div", {}, texts.t(`page.clone.measure.${name}`, { value: number }));
    });
}

/** What is wrong with a clip, and what helps. @param {import("../texts.js").Texts} texts @param {any} clip */
function findings(texts, clip) {
  if (clip.findings.length === 0) return el("span", { class: "fine" }, texts.t("page.clone.no_finding"));
  return clip.findings.map((/** @type {any} */ finding) => findingLine(texts, finding, isOfPauses(clip, finding)));
}

/** Two measures find noise: within the clip, and in the pauses around it; each is told under its own name. @param {any} clip @param {any} finding */
export function isOfPauses({ measures }, { code, values }) {
  const { pause_snr_db: db } = measures;
  return code === "noisy" && db !== undefined && Math.abs(values.value - db) < 0.06;
}

/** @param {import("../texts.js").Texts} texts @param {{ code: string, severity: string, values: Record<string, any> }} finding @param {boolean} [ofPauses] */
export function findingLine(texts, { code, severity, values }, ofPauses = false) {
  const shown = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? shortNumber(texts, value) : value]),
  );
  return el(
    "div",
    { class: "finding", data: { severity, code } },
    el("strong", {}, texts.t(`page.clone.severity.${severity}`)),
    ` ${ofPauses ? texts.t("page.clone.noisy_pauses", shown) : texts.t(`clone.finding.${code}`, shown)} `,
    texts.has(`clone.hint.${code}`) && el("span", { class: "fine" }, texts.t(`clone.hint.${code}`)),
  );
}

/** @param {import("../texts.js").Texts} texts @param {number} value */
function shortNumber(texts, value) {
  return texts.number(value, Number.isInteger(value) ? 0 : Math.abs(value) < 1 ? 2 : 1);
}
