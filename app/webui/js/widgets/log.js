/** Lines of a log as they come: the last ones stay in sight, unless one has scrolled up to read. */

import { html, ref, repeat } from "../lit.js";

const KEPT = 2000;

/** @typedef {{ id: number, at: string, level: "info" | "warning" | "error", text: string }} Line */

/**
 * @param {import("../texts.js").Texts} texts
 * @param {{ label: string }} options
 * @param {() => void} redraw
 */
export function createLog(texts, { label }, redraw) {
  /** @type {Line[]} */
  let lines = [];
  let last = 0;
  let isAtEnd = true;
  /** @type {Element | undefined} */
  let place;
  const scrolled = () => {
    if (place) isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 24;
  };
  return {
    /** @param {string} text @param {{ at?: string | number, level?: Line["level"] }} [options] */
    add(text, { at = Date.now() / 1000, level = "info" } = {}) {
      last += 1;
      lines = [...lines.slice(-KEPT + 1), { id: last, at: texts.time(at), level, text }];
      redraw();
      queueMicrotask(() => queueMicrotask(() => isAtEnd && place?.scrollTo(0, place.scrollHeight)));
    },
    clear() {
      lines = [];
      redraw();
    },
    draw: () => html`<div class="log" role="log" tabindex="0" aria-label=${label} @scroll=${scrolled} ${ref((found) => (place = found))}>
      ${lines.length === 0
        ? html`<p class="fine">${texts.t("page.log.empty")}</p>`
        : repeat(lines, ({ id }) => id, ({ at, level, text }) => html`<div data-level=${level}><time>${at}</time> ${text}</div>`)}
    </div>`,
  };
}
