/** Addresses of the page: `#/speak`, `#/training/dataset`, `#/jobs?status=failed`. */

import { on } from "./view.js";

/**
 * @typedef {object} Route
 * @property {string} name of the page: the first segment
 * @property {string[]} path the segments after it
 * @property {Record<string, string>} query
 */

/**
 * The first of `names` is where an unknown address leads.
 * @param {string} hash
 * @param {readonly string[]} names
 * @returns {Route}
 */
export function parse(hash, names) {
  const [way, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first, ...path] = way.split("/").filter(Boolean).map(decoded);
  const asked = Object.fromEntries(new URLSearchParams(query));
  return names.includes(first) ? { name: first, path, query: asked } : { name: names[0], path: [], query: asked };
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The address of a page: `address("training/dataset", { q: "x" })`; segments that may hold anything are given as a list.
 * @param {string | readonly string[]} way
 * @param {Record<string, string>} [query] what is empty is left out
 * @returns {string}
 */
export function address(way, query = {}) {
  const path = typeof way === "string" ? way : way.map(encodeURIComponent).join("/");
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "")).toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

/**
 * @param {readonly string[]} names
 * @param {(route: Route) => void} show
 */
export function createRouter(names, show) {
  const current = () => parse(window.location.hash, names);
  return {
    current,
    /** @param {string | readonly string[]} way @param {Record<string, string>} [query] */
    go(way, query) {
      const wanted = address(way, query);
      if (window.location.hash === wanted) show(current());
      else window.location.hash = wanted;
    },
    /** The address of what is shown already: nothing is drawn anew. @param {string | readonly string[]} way @param {Record<string, string>} [query] */
    replace(way, query) {
      history.replaceState(null, "", address(way, query));
    },
    /** A step to which the reader may go back; nothing is drawn anew. @param {string | readonly string[]} way @param {Record<string, string>} [query] */
    push(way, query) {
      history.pushState(null, "", address(way, query));
    },
    /** @returns {() => void} */
    start() {
      show(current());
      return on(window, "hashchange", () => show(current()));
    },
  };
}
