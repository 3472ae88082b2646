/** The words of the page: the catalogue of the service, in the reader's language. */

import { MANY } from "./catalog.js";

export const LANGUAGES = ["en", "pt-BR"];

/**
 * The first of `wanted` (BCP 47) that the page has, by its base language; English when there is none.
 * @param {readonly (string | null | undefined)[]} wanted
 * @returns {string}
 */
export function chooseLanguage(wanted) {
  for (const tag of wanted) {
    const base = (tag ?? "").toLowerCase().split("-")[0];
    const found = LANGUAGES.find((language) => language.toLowerCase().split("-")[0] === base);
    if (found) return found;
  }
  return LANGUAGES[0];
}

/**
 * Fills `{placeholders}` as the service does: lists are joined with commas.
 * @param {string} template
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function fill(template, values = {}) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => {
    if (!Object.hasOwn(values, name)) return whole;
    const value = values[name];
    return Array.isArray(value) ? value.join(", ") : String(value);
  });
}

/**
 * @typedef {object} Texts
 * @property {() => string} language
 * @property {(code: string, values?: Record<string, unknown>) => string} t
 * @property {(code: string) => boolean} has
 * @property {(language: string) => Promise<void>} load
 * @property {(tag: string) => string} languageName
 * @property {(value: number, digits?: number) => string} number
 * @property {(seconds: number) => string} clock
 * @property {(value: string | number) => string} time
 */

/**
 * @param {(language: string) => Promise<Record<string, string>>} fetchCatalogue
 * @returns {Texts}
 */
export function createTexts(fetchCatalogue) {
  let language = LANGUAGES[0];
  /** @type {Record<string, string>} */
  let catalogue = {};
  /** @type {Map<string, Record<string, string>>} */
  const loaded = new Map();
  /** @type {Map<string, Intl.DisplayNames>} by language: to make one takes long */
  const names = new Map();

  return {
    language: () => language,
    has: (code) => Object.hasOwn(catalogue, code),
    t(code, values) {
      if (!Object.hasOwn(catalogue, code)) console.error(`no text ${code} in ${language}`);
      return fill(catalogue[code] ?? code, values);
    },
    async load(wanted) {
      const found = loaded.get(wanted) ?? (await fetchCatalogue(wanted));
      loaded.set(wanted, found);
      [language, catalogue] = [wanted, found];
    },
    languageName(tag) {
      if (tag === MANY) return catalogue["page.language.many"]; // browsers have no name for it
      const known = names.get(language) ?? new Intl.DisplayNames([language], { type: "language" });
      names.set(language, known);
      return sentenceCase(known.of(tag) ?? tag);
    },
    number: (value, digits = 0) =>
      new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value),
    clock,
    time: (value) =>
      new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" }).format(toDate(value)),
  };
}

/** The same with a capital first. @param {string} text */
export function sentenceCase(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

/** The same in small letters without accents, as one searches. @param {string} text */
export function plain(text) {
  return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
}

/** The API gives ISO 8601 text or seconds since the epoch. @param {string | number} value */
export function toDate(value) {
  return typeof value === "number" ? new Date(value * 1000) : new Date(value);
}

/** Minutes and seconds, as players show them. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
