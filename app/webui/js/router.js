/** Addresses of the page: `#/speak`, `#/jobs?status=failed`, `#/voices`. */

import { on } from "./dom.js";

/**
 * @typedef {object} Route
 * @property {string} name
 * @property {Record<string, string>} query
 */

/**
 * The first of `names` is where an unknown address leads.
 * @param {string} hash
 * @param {readonly string[]} names
 * @returns {Route}
 */
export function parse(hash, names) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const name = names.includes(path) ? path : names[0];
  return { name, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @param {string} name @param {Record<string, string>} [query] @returns {string} */
export function address(name, query = {}) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${name}${text ? `?${text}` : ""}`;
}

/**
 * @param {readonly string[]} names
 * @param {(route: Route) => void} show
 */
export function createRouter(names, show) {
  const current = () => parse(window.location.hash, names);
  return {
    current,
    /** @param {string} name @param {Record<string, string>} [query] */
    go(name, query) {
      const wanted = address(name, query);
      if (window.location.hash === wanted) show(current());
      else window.location.hash = wanted;
    },
    /** @returns {() => void} */
    start() {
      show(current());
      return on(window, "hashchange", () => show(current()));
    },
  };
}
