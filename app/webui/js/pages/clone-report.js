/** Step 5: how near the voice comes to its speaker, to be heard and read; and what to do with it. */

import { icon } from "../icons.js";
import { html, nothing, render } from "../lit.js";
import { loadPage } from "../load.js";
import { confirm } from "../widgets/confirm.js";
import { toast } from "../widgets/toast.js";
import { findingLine } from "./clone-clips.js";
import { consentLine } from "./consent.js";

const SIDES = ["stock", "fitted", "recording"];
const SCORES = ["overall", "p808"];
/** What is told of a checkpoint, and its digits; of a rate null. */
const EVIDENCE = /** @type {const} */ ([["validation_loss", 4], ["word_error_rate", null], ["similarity", 2], ["similarity_unseen", 2], ["opinion", 1], ["score", 2]]);

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
  // The voice may be newer than what Speak knows.
  app.catalog.forget();
  const ask = async () => {
    const voice = await app.api.voice(voiceId);
    return { voice, report: voice.has_report ? await app.api.voiceReport(voiceId) : null };
  };
  return loadPage(place, app, ask, ({ voice, report }) => void render(reportView(app, wizard, voice, report), place)).close;
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("../api.js").Voice} voice @param {any} report */
function reportView(app, wizard, voice, report) {
  const { texts } = app;
  const languages = report?.languages ?? [];
  const judged = report?.checkpoints ? texts.t("page.report.judges_chose", named(report.checkpoints.judges)) : texts.t("page.report.judges");
  const narrow = report?.compared_up_to_hz
    ? html`<p class="fine">${texts.t("clone.report.narrow", { khz: texts.number(report.compared_up_to_hz / 1000, 1) })}</p>`
    : nothing;
  return html`<div class="report" data-voice-id=${voice.id}>
    <section class="card">
      <h2>${voice.title}</h2>
      <p class="fine">${factsOf(texts, voice)}</p>
      ${voice.description ? html`<p>${voice.description}</p>` : nothing} ${consentLine(texts, voice.consent)} ${actions(app, wizard, voice)}
    </section>
    ${listening(app, voice)}
    <section class="card">
      <h2>${texts.t("page.report.measured")}</h2>
      <p class="fine">${languages.length > 0 ? judged : texts.t("page.report.unmeasured")}</p>
      ${narrow} ${languages.map((/** @type {any} */ each) => languageTable(texts, each))} ${notes(texts, report)}
    </section>
    ${report?.checkpoints ? checkpointTable(app, voice, report.checkpoints) : nothing}
  </div>`;
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
  const drop = async () => {
    if (await deleteVoice(app, voice)) app.go("voices");
  };
  const button = (/** @type {string} */ style, /** @type {string} */ name, /** @type {() => void} */ click, /** @type {string} */ text) =>
    html`<button type="button" class="btn btn-sm ${style}" data-voice=${name} @click=${click}>${text}</button>`;
  return html`<div class="action-row start">
    ${button("btn-primary", "use", () => app.go("speak", { voice: voice.id }), texts.t("page.voices.use"))} ${exportLinks(app, voice)}
    ${button("btn-quiet", "delete", drop, texts.t("page.voices.delete"))}
    ${button("btn-quiet", "another", wizard.restart, texts.t("page.clone.restart"))}
  </div>`;
}

/** The voice's file, and the same in a document; fine-tuned weights are in no file. @param {import("../app.js").App} app @param {{ id: string, has_weights?: boolean }} voice */
export function exportLinks({ api, texts }, { id, has_weights: hasWeights }) {
  const link = (/** @type {"file" | "json"} */ format, /** @type {string} */ file, /** @type {string} */ text) =>
    html`<a class="btn btn-sm btn-quiet" href=${api.voiceExportUrl(id, format)} download=${file} data-export=${format === "file" ? id : nothing} data-export-json=${format === "json" ? id : nothing}>${icon("download")}${text}</a>`;
  return html`${hasWeights ? nothing : link("file", `${id}.safetensors`, texts.t("page.voices.export"))}
    ${link("json", `${id}.json`, texts.t("page.voices.export_json"))}
    ${hasWeights ? html`<p class="fine w-100" data-no-file=${id}>${texts.t("page.voices.no_file")}</p>` : nothing}`;
}

/** Asks first; whether it is gone now. @param {import("../app.js").App} app @param {{ id: string, title: string }} voice */
export async function deleteVoice({ api, catalog, texts }, voice) {
  const question = texts.t("page.voices.delete_question", { title: voice.title });
  if (!(await confirm(texts, { question, action: texts.t("page.voices.delete") }))) return false;
  try {
    await api.deleteVoice(voice.id);
    catalog.forget();
    toast(texts.t("page.voices.deleted", { title: voice.title }));
    return true;
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: "bad" });
    return false;
  }
}

/** The same words by the stock voice, the cloned one and the speaker. @param {import("../app.js").App} app @param {import("../api.js").Voice} voice */
function listening({ api, texts }, voice) {
  const known = SIDES.filter((name) => voice.samples?.includes(name));
  if (known.length === 0) return nothing;
  const side = (/** @type {string} */ name) => {
    const title = texts.t(`page.report.side.${name}`);
    return html`<div data-side=${name}>
      <h3>${title}</h3>
      <audio controls preload="metadata" src=${api.keptSampleUrl(voice.id, name)} aria-label=${title}></audio>
    </div>`;
  };
  return html`<section class="card">
    <h2>${texts.t("page.report.listen")}</h2>
    <div class="sides">${known.map(side)}</div>
  </section>`;
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
    if (value === null) return html`<span class="fine">${texts.t("page.report.unknown")}</span>`;
    return kind === "percent" ? `${texts.number(100 * value, 1)} %` : texts.number(value, 2);
  };
  // Only of likeness does the speaker have a value of their own.
  const cell = (/** @type {number | null} */ value, /** @type {number} */ at, /** @type {string} */ kind) =>
    html`<td>${at === 2 && kind !== "similarity" ? "–" : shown(value, kind)}</td>`;
  const row = (/** @type {ReturnType<typeof rowsOf>[number]} */ { key, judge, values, kind }) => html`<tr data-measure=${judge ?? key}>
    <th scope="row">${texts.t(`page.report.row.${key}`, { judge: judge ?? "" })}</th>
    ${values.map((value, at) => cell(value, at, kind))}
  </tr>`;
  const name = texts.languageName(report.language);
  return html`<div class="table-scroll" tabindex="0" role="group" aria-label=${name}>
    <table class="table report-table">
      <caption>${name}</caption>
      <thead>
        <tr>${columns.map((column) => html`<th scope="col">${texts.t(`page.report.column.${column}`)}</th>`)}</tr>
      </thead>
      <tbody>${rowsOf(report).map(row)}</tbody>
    </table>
  </div>`;
}

/** Who chose the checkpoint that speaks, and who chose nothing. @param {{ choosing: string[], unseen: string[] }} judges */
function named({ choosing, unseen }) {
  return { choosing: choosing.join(", ") || "–", unseen: unseen.join(", ") || "–" };
}

/** What was kept of a dataset's fit on the way, the best first, and which of it speaks. @param {import("../app.js").App} app @param {import("../api.js").Voice} voice @param {any} checkpoints */
function checkpointTable({ api, texts }, voice, { ranking, hint, kept_step: kept, chosen_by: by }) {
  const shown = (/** @type {number | null} */ value, /** @type {number | null} */ digits) => {
    if (value === null) return html`<span class="fine">–</span>`;
    return digits === null ? `${texts.number(100 * value)} %` : texts.number(value, digits);
  };
  const hear = (/** @type {number} */ step) => {
    const name = `step-${String(step).padStart(6, "0")}`;
    const label = texts.t("page.report.checkpoint_sample", { step });
    return voice.samples?.includes(name) ? html`<audio controls preload="none" src=${api.keptSampleUrl(voice.id, name)} aria-label=${label}></audio>` : nothing;
  };
  const row = (/** @type {any} */ one) => html`<tr data-checkpoint-step=${one.step} data-kept=${one.step === kept}>
    <th scope="row">${one.step} ${one.step === kept ? html`<span class="badge" data-status="completed">${texts.t("page.report.checkpoint_speaks")}</span>` : nothing}</th>
    ${EVIDENCE.map(([name, digits]) => html`<td>${shown(one[name], digits)}</td>`)}
    <td>${hear(one.step)}</td>
  </tr>`;
  const title = texts.t("page.report.checkpoints");
  return html`<section class="card" data-checkpoint-table>
    <h2>${title}</h2>
    <p>${texts.t(`clone.checkpoint.kept.${by}`, { step: kept })} ${texts.t(`training.hint.${hint.code}`, { step: hint.step ?? "" })}</p>
    <div class="table-scroll" tabindex="0" role="group" aria-label=${title}>
      <table class="table report-table">
        <thead><tr><th scope="col">${texts.t("clone.checkpoint.step")}</th>${EVIDENCE.map(([name]) => html`<th scope="col">${texts.t(`clone.checkpoint.${name}`)}</th>`)}<th scope="col">${texts.t("page.report.checkpoint_heard")}</th></tr></thead>
        <tbody>${ranking.map(row)}</tbody>
      </table>
    </div>
  </section>`;
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
  const unmeasured = html`<h3>${texts.t("page.report.missing")}</h3>
    <ul>${[...missing].map((text) => html`<li>${text}</li>`)}</ul>`;
  const found = html`<h3>${texts.t("page.report.warnings")}</h3>
    ${distinct(texts, warnings)}`;
  return html`${missing.size > 0 ? unmeasured : nothing} ${warnings.length > 0 ? found : nothing}`;
}

/** Each kind of finding once. @param {import("../texts.js").Texts} texts @param {any[]} warnings */
function distinct(texts, warnings) {
  const first = new Map();
  warnings.forEach((warning) => first.has(warning.code) || first.set(warning.code, warning));
  return [...first.values()].map((warning) => findingLine(texts, warning));
}
