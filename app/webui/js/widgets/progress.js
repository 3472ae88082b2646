/** How far some work is: its stage by name, its share, and the time left as the service estimates it. */

import { html, nothing } from "../lit.js";

/** An estimate, said no more exactly than it is. @param {import("../texts.js").Texts} texts @param {number} seconds */
export function aboutTime(texts, seconds) {
  if (seconds >= 7200) return texts.t("page.progress.about_hours", { count: texts.number(seconds / 3600, seconds < 36000 ? 1 : 0) });
  const isShort = seconds < 90;
  const count = isShort ? Math.max(5, Math.round(seconds / 5) * 5) : Math.round(seconds / 60);
  return texts.t(isShort ? "page.clone.about_seconds" : "page.clone.about_minutes", { count: texts.number(count) });
}

/**
 * `percent` null: it works, and nobody knows how far it is. `leftS` comes from the service; null is said as nothing.
 * @param {import("../texts.js").Texts} texts
 * @param {{ percent: number | null, stage?: string, leftS?: number | null }} options
 */
export function progress(texts, { percent, stage = "", leftS = null }) {
  const label = stage || texts.t("page.job.progress");
  const bar =
    percent === null
      ? html`<progress class="progress-line" max="100" aria-label=${label}></progress>`
      : html`<progress class="progress-line" max="100" value=${percent} aria-label=${label}></progress><span class="fine">${Math.round(percent)}%</span>`;
  return html`<div class="progress-block">
    ${stage ? html`<span class="progress-stage">${stage}</span>` : nothing}
    <div class="progress-row">${bar}</div>
    ${leftS === null ? nothing : html`<span class="fine" data-left-s=${Math.round(leftS)}>${texts.t("page.progress.left", { time: aboutTime(texts, leftS) })}</span>`}
  </div>`;
}
