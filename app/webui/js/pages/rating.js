/** Stars and a review of a model, and stars of what was spoken; they stay on this machine. */

import { html } from "../lit.js";

const STARS = [1, 2, 3, 4, 5];

/**
 * @typedef {{ name: string, rating: number | null, review: string | null }} Rated
 * @typedef {(stars: number, review: string) => unknown} Rate
 */

/** Over what was there. @param {import("../app.js").App} app @param {string} route of what is rated @param {number} stars @param {string} review */
export function sendRating({ api }, route, stars, review) {
  return api.put(`${route}/rating`, { stars, ...(review ? { review } : {}) });
}

/**
 * One to five, the one that was given pressed.
 * @param {import("../texts.js").Texts} texts @param {{ name: string, rating: number | null }} one @param {(stars: number) => unknown} give
 */
export function starsPart(texts, one, give) {
  const star = (/** @type {number} */ count) => html`<button type="button" class="btn btn-sm btn-quiet" data-stars=${count} aria-pressed=${count === one.rating}
    aria-label="${texts.t("page.gallery.stars", { count })}: ${one.name}" @click=${() => give(count)}>${count}</button>`;
  return html`<span role="group" aria-label="${texts.t("page.gallery.rating")}: ${one.name}">${STARS.map(star)}</span>`;
}

/** A review comes with stars, so they are given first. @param {import("../texts.js").Texts} texts @param {Rated} one @param {Rate} rate */
export function ratingPart(texts, one, rate) {
  const known = one.review ?? "";
  const write = (/** @type {any} */ event) => {
    event.preventDefault();
    if (one.rating !== null) rate(one.rating, String(new FormData(event.target).get("review") ?? "").trim());
  };
  return html`${starsPart(texts, one, (count) => rate(count, known))}
    <details class="review-part">
      <summary>${known || texts.t("page.gallery.review")}</summary>
      <form @submit=${write}>
        <textarea name="review" class="form-control" rows="2" maxlength="2000" aria-label="${texts.t("page.gallery.review")}: ${one.name}" .value=${known}></textarea>
        <button type="submit" class="btn btn-sm btn-quiet" ?disabled=${one.rating === null}>${texts.t("page.gallery.save_review")}</button>
        ${one.rating === null ? html`<span class="fine">${texts.t("page.gallery.stars_first")}</span>` : ""}
      </form>
    </details>`;
}
