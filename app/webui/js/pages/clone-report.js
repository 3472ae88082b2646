/** Step 5: how near the voice comes to its speaker, to be heard and read; and what to do with it. */

import { all, el, icon, replace } from "../dom.js";
import { findingLine } from "./clone-clips.js";
import { consentLine } from "./consent.js";
import { confirm } from "../widgets/confirm.js";
import { alert } from "./job-view.js";

const SIDES = ["stock", "fitted", "recording"];
const SCORES = ["overall", "p808"];

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard, query: Record<string, string>) => () => void} */
export function mountReport(place, app, wizard, query) {
  return showReport(place, app, query.voice, wizard);
}

/**
 * @param {HTMLElement} place
 * @param {import("../app.js").App} app
 * @param {string} voiceId
 * @param {import("./clone.js").Wizard} wizard
 * @returns {() => void}
 */
export function showReport(place, app, voiceId, wizard) {
  let isGone = false;
  // The voice may be newer than what Speak knows.
  app.catalog.forget();
  const load = async () => {
    try {
      const voice = await app.api.voice(voiceId);
      const report = voice.has_report ? await app.api.voiceReport(voiceId) : null;
      if (!isGone) replace(place, reportView(app, wizard, voice, report));
    } catch (error) {
      const again = el(
        "button",
        { type: "button", class: "btn btn-sm btn-danger", on: { click: load } },
        app.texts.t("page.retry"),
      );
      if (!isGone) replace(place, alert(/** @type {Error} */ (error).message, again));
    }
  };
  void load();
  return all(
    () => void (isGone = true),
    () => place.querySelectorAll("audio").forEach((audio) => audio.pause()),
  );
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("../api.js").Voice} voice @param {any} report */
function reportView(app, wizard, voice, report) {
  const { texts } = app;
  const languages = report?.languages ?? [];
  return el(
    "div",
    { class: "report", data: { voiceId: voice.id } },
    el(
      "section",
      { class: "card" },
      el("h2", {}, voice.title),
      el("p", { class: "fine" }, factsOf(texts, voice)),
      voice.description && el("p", {}, voice.description),
      consentLine(texts, voice.consent),
      actions(app, wizard, voice),
    ),
    listening(app, voice),
    el(
      "section",
      { class: "card" },
      el("h2", {}, texts.t("page.report.measured")),
      el("p", { class: "fine" }, texts.t(languages.length > 0 ? "page.report.judges" : "page.report.unmeasured")),
      report?.compared_up_to_hz &&
        el("p", { class: "fine" }, texts.t("clone.report.narrow", { khz: texts.number(report.compared_up_to_hz / 1000, 1) })),
      languages.map((/** @type {any} */ each) => languageTable(texts, each)),
      notes(texts, report),
    ),
  );
}

/** @param {import("../texts.js").Texts} texts @param {import("../api.js").Voice} voice */
function factsOf(texts, voice) {
  const facts = [texts.languageName(voice.language), texts.t(`page.gender.${voice.gender}`), voice.engine];
  if (voice.effort) facts.push(texts.t(`clone.effort.${voice.effort}`));
  if (voice.duration) facts.push(texts.t("page.report.reference", { time: texts.clock(voice.duration) }));
  return facts.join(" · ");
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("../api.js").Voice} voice */
function actions(app, wizard, voice) {
  const { texts } = app;
  const problem = el("div");
  const drop = async () => {
    if (await deleteVoice(app, voice, problem)) app.go("voices");
  };
  const button = (/** @type {string} */ style, /** @type {string} */ name, /** @type {() => void} */ click, /** @type {string} */ text) =>
    el("button", { type: "button", class: `btn btn-sm ${style}`, data: { voice: name }, on: { click } }, text);
  return [
    el(
      "div",
      { class: "action-row start" },
      button("btn-primary", "use", () => app.go("speak", { voice: voice.id }), texts.t("page.voices.use")),
      exportLink(app, voice),
      button("btn-quiet", "delete", drop, texts.t("page.voices.delete")),
      button("btn-quiet", "another", wizard.restart, texts.t("page.clone.restart")),
    ),
    problem,
  ];
}

/** @param {import("../app.js").App} app @param {{ id: string }} voice */
export function exportLink({ api, texts }, voice) {
  return el(
    "a",
    {
      class: "btn btn-sm btn-quiet",
      href: api.voiceExportUrl(voice.id),
      download: `${voice.id}.safetensors`,
      data: { export: voice.id },
    },
    icon("download"),
    texts.t("page.voices.export"),
  );
}

/**
 * Asks first; whether it is gone now.
 * @param {import("../app.js").App} app @param {{ id: string, title: string }} voice @param {HTMLElement} problem
 */
export async function deleteVoice({ api, announce, catalog, texts }, voice, problem) {
  const question = texts.t("page.voices.delete_question", { title: voice.title });
  if (!(await confirm(texts, { question, action: texts.t("page.voices.delete") }))) return false;
  try {
    await api.deleteVoice(voice.id);
    catalog.forget();
    return true;
  } catch (error) {
    replace(problem, alert(/** @type {Error} */ (error).message));
    announce(/** @type {Error} */ (error).message);
    return false;
  }
}

/** The same words by the stock voice, the cloned one and the speaker. @param {import("../app.js").App} app @param {import("../api.js").Voice} voice */
function listening({ api, texts }, voice) {
  const known = SIDES.filter((name) => voice.samples?.includes(name));
  if (known.length === 0) return null;
  return el(
    "section",
    { class: "card" },
    el("h2", {}, texts.t("page.report.listen")),
    el(
      "div",
      { class: "sides" },
      known.map((name) => {
        const title = texts.t(`page.report.side.${name}`);
        const src = api.keptSampleUrl(voice.id, name);
        return el(
          "div",
          { data: { side: name } },
          el("h3", {}, title),
          el("audio", { controls: true, preload: "metadata", src, "aria-label": title }),
        );
      }),
    ),
  );
}

/**
 * What a table says of one language: a name, and what stock voice, cloned voice and speaker have.
 * @param {any} report of one language
 * @returns {{ key: string, judge?: string, values: (number | null)[], kind: "similarity" | "percent" | "score" }[]}
 */
export function rowsOf(report) {
  const similarity = Object.entries(report.similarity).map(([judge, { before, after, ceiling }]) => ({
    key: "similarity",
    judge,
    values: [before, after, ceiling],
    kind: /** @type {const} */ ("similarity"),
  }));
  const wrong = report.word_error_rate;
  const scores = SCORES.map((key) => ({
    key,
    values: [report[key].stock, report[key].fitted, null],
    kind: /** @type {const} */ ("score"),
  }));
  const words = { key: "words", values: [wrong.stock, wrong.fitted, null], kind: /** @type {const} */ ("percent") };
  return [...similarity, words, ...scores];
}

/** @param {import("../texts.js").Texts} texts @param {any} report of one language */
function languageTable(texts, report) {
  const columns = ["measure", ...SIDES];
  const shown = (/** @type {number | null} */ value, /** @type {string} */ kind) => {
    if (value === null) return el("span", { class: "fine" }, texts.t("page.report.unknown"));
    return kind === "percent" ? `${texts.number(100 * value, 1)} %` : texts.number(value, 2);
  };
  const row = (/** @type {ReturnType<typeof rowsOf>[number]} */ { key, judge, values, kind }) =>
    el(
      "tr",
      { data: { measure: judge ?? key } },
      el("th", { scope: "row" }, texts.t(`page.report.row.${key}`, { judge: judge ?? "" })),
      // Only of likeness does the speaker have a value of their own.
      values.map((value, at) => el("td", {}, at === 2 && kind !== "similarity" ? "–" : shown(value, kind))),
    );
  return el(
    "div",
    { class: "table-scroll", tabIndex: 0, role: "group", "aria-label": texts.languageName(report.language) },
    el(
      "table",
      { class: "table report-table" },
      el("caption", {}, texts.languageName(report.language)),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          columns.map((name) => el("th", { scope: "col" }, texts.t(`page.report.column.${name}`))),
        ),
      ),
      el("tbody", {}, rowsOf(report).map(row)),
    ),
  );
}

/** What was not measured and why, and what was wrong with the recordings. @param {import("../texts.js").Texts} texts @param {any} report */
function notes(texts, report) {
  const reason = (/** @type {any} */ { code, values }) => {
    const key = [`report.missing.${code}`, `error.${code}`].find(texts.has);
    const named = values.language ? { ...values, language: texts.languageName(values.language) } : values;
    return key ? texts.t(key, named) : code;
  };
  const missing = new Set((report?.missing ?? []).map(reason));
  const warnings = report?.warnings ?? [];
  return [
    missing.size > 0 && [
      el("h3", {}, texts.t("page.report.missing")),
      el(
        "ul",
        {},
        [...missing].map((text) => el("li", {}, text)),
      ),
    ],
    warnings.length > 0 && [el("h3", {}, texts.t("page.report.warnings")), ...distinct(texts, warnings)],
  ]
    .filter(Boolean)
    .flat();
}

/** Each kind of finding once. @param {import("../texts.js").Texts} texts @param {any[]} warnings */
function distinct(texts, warnings) {
  const first = new Map();
  warnings.forEach((warning) => first.has(warning.code) || first.set(warning.code, warning));
  return [...first.values()].map((warning) => findingLine(texts, warning));
}
