/** Lines of a log as they come: the last ones stay in sight, unless one has scrolled up to read. */

import { html, live, nothing, ref, repeat } from "../lit.js";

const KEPT = 2000;

/**
 * @typedef {"info" | "warning" | "error"} Level
 * @typedef {{ id: number, at: string, level: Level, text: string }} Line
 */

/**
 * With `levels`, each of them can be left out, and following the end be switched off.
 * @param {import("../texts.js").Texts} texts
 * @param {{ label: string, levels?: readonly Level[] }} options
 * @param {() => void} redraw
 */
export function createLog(texts, { label, levels = [] }, redraw) {
  /** @type {Line[]} */
  let lines = [];
  let last = 0;
  let isAtEnd = true;
  let isFollowing = true;
  /** @type {Set<Level>} */
  const hidden = new Set();
  /** @type {Element | undefined} */
  let place;
  const scrolled = () => {
    if (place) isAtEnd = place.scrollHeight - place.scrollTop - place.clientHeight < 24;
  };
  const follow = () => queueMicrotask(() => queueMicrotask(() => isAtEnd && isFollowing && place?.scrollTo(0, place.scrollHeight)));
  const draw = () => {
    redraw();
    follow();
  };
  const toggle = (/** @type {Level} */ level) => {
    if (!hidden.delete(level)) hidden.add(level);
    draw();
  };
  const setFollowing = (/** @type {boolean} */ is) => {
    [isFollowing, isAtEnd] = [is, is];
    draw();
  };

  const tools = () => html`<div class="log-tools" role="group" aria-label=${label}>
    ${levels.map((level) => html`<button type="button" class="btn btn-sm btn-quiet" data-log-level=${level} aria-pressed=${!hidden.has(level)} @click=${() => toggle(level)}>${level.toUpperCase()} <span class="fine">${lines.filter((line) => line.level === level).length}</span></button>`)}
    <label class="form-check log-follow"><input type="checkbox" class="form-check-input" data-log-follow .checked=${live(isFollowing)} @change=${(/** @type {any} */ event) => setFollowing(event.target.checked)} /><span>${texts.t("page.log.follow")}</span></label>
  </div>`;

  return {
    /** @param {string} text @param {{ at?: string | number, level?: Level }} [options] */
    add(text, { at = Date.now() / 1000, level = "info" } = {}) {
      last += 1;
      lines = [...lines.slice(-KEPT + 1), { id: last, at: texts.time(at), level, text }];
      draw();
    },
    /** These instead of those that were there. @param {readonly Line[]} next */
    set(next) {
      lines = next.slice(-KEPT);
      draw();
    },
    clear() {
      lines = [];
      redraw();
    },
    draw() {
      const shown = lines.filter(({ level }) => !hidden.has(level));
      return html`${levels.length > 0 ? tools() : nothing}
        <div class="log" role="log" tabindex="0" aria-label=${label} @scroll=${scrolled} ${ref((found) => (place = found))}>
          ${shown.length === 0
            ? html`<p class="fine">${texts.t("page.log.empty")}</p>`
            : repeat(shown, ({ id }) => id, ({ at, level, text }) => html`<div data-level=${level}><time>${at}</time> ${text}</div>`)}
        </div>`;
    },
  };
}
