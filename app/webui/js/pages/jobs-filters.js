/** Which jobs the Jobs page shows: what its address says, what the service is asked for, and the controls. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { options } from "../widgets/field.js";
import { STATUSES } from "./job-view.js";

const FIRST_DAY = "2000-01-01"; // a year that is still being typed is earlier

/** `from` and `until` are days of the reader's calendar, the last one included. @typedef {{ status: string, engine: string, language: string, from: string, until: string }} Filter */

/** @type {Readonly<Filter>} */
export const EVERYTHING = { status: "", engine: "", language: "", from: "", until: "" };

/** @param {Record<string, string>} query of the address @returns {Filter} what makes no sense is left out */
export function filterOf(query) {
  const day = (/** @type {string | undefined} */ text = "") => (isDay(text) ? text : "");
  const status = STATUSES.includes(query.status) ? query.status : "";
  return { status, engine: query.engine ?? "", language: query.language ?? "", from: day(query.from), until: day(query.until) };
}

/** @param {string} text @returns {boolean} */
function isDay(text) {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(new Date(`${text}T00:00:00`).getTime()) && text >= FIRST_DAY;
}

/** @param {Filter} filter @returns {boolean} whether anything is left out */
export const isFiltering = (filter) => Object.values(filter).some(Boolean);

/** As `GET /jobs` takes it; a day begins at the reader's midnight. @param {Filter} filter @returns {import("../api.js").JobFilter} */
export function askedOf({ status, engine, language, from, until }) {
  return { status, engine, language, created_from: from && midnight(from, 0), created_until: until && midnight(until, 1) };
}

/** @param {string} day @param {number} later days after it @returns {string} RFC 3339, UTC */
function midnight(day, later) {
  const date = new Date(`${day}T00:00:00`);
  date.setDate(date.getDate() + later);
  return date.toISOString();
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {Filter} filter
 * @param {{ engines: readonly [string, string][], languages: readonly string[] }} choices
 * @param {(values: Partial<Filter>) => void} change
 */
export function filterControls(texts, filter, { engines, languages }, change) {
  const t = (/** @type {string} */ name) => texts.t(`page.jobs.filter.${name}`);
  const choice = (/** @type {"status" | "engine" | "language"} */ name, /** @type {readonly [string, string][]} */ pairs) => {
    // What the address asks for is shown, even where the service offers it no more.
    const given = pairs.some(([value]) => value === filter[name]) || !filter[name] ? [] : [/** @type {[string, string]} */ ([filter[name], filter[name]])];
    return html`<label class="filter-field"><span>${t(name)}</span>
      <select id=${name} class="form-select" data-filter=${name} @change=${(/** @type {any} */ event) => change({ [name]: event.target.value })}>
        ${options([["", t("any")], ...pairs, ...given], filter[name])}
      </select></label>`;
  };
  const day = (/** @type {"from" | "until"} */ name) => html`<label class="filter-field"><span>${t(name)}</span>
    <input type="date" class="form-control" data-filter=${name} min=${name === "until" && filter.from ? filter.from : FIRST_DAY} .value=${filter[name]} @change=${(/** @type {any} */ event) => typed(event.target, (value) => change({ [name]: value }))} /></label>`;
  return html`<div class="job-filters" role="search" aria-label=${t("label")}>
    ${choice("status", STATUSES.map((one) => [one, texts.t(`page.status.${one}`)]))} ${choice("engine", engines)}
    ${choice("language", languages.map((tag) => [tag, texts.languageName(tag)]))} ${day("from")} ${day("until")}
    ${isFiltering(filter)
      ? html`<button type="button" class="btn btn-quiet" data-filter="none" @click=${() => change(EVERYTHING)}>${icon("cross")}${t("none")}</button>`
      : nothing}
  </div>`;
}

/** Hears a day when it is whole, and when it is taken away. @param {HTMLInputElement} input @param {(day: string) => void} take */
function typed(input, take) {
  if (input.validity.badInput || (input.value && input.value < FIRST_DAY)) return;
  take(input.value);
}
