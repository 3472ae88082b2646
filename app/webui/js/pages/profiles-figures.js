/** How much each quality profile was used, the most popular first, and what was voted on it. */

import { html } from "../lit.js";
import { createTable } from "../widgets/table.js";

/** @typedef {import("../api-types.js").ProfileUse} Use */

/** The mean of the votes and their number; a dash where nobody voted. @param {import("../texts.js").Texts} texts @param {Use} use */
export function scoreText(texts, { stars, votes }) {
  if (stars === null) return "–";
  return texts.t(votes === 1 ? "page.profiles.score_one" : "page.profiles.score", { stars: texts.number(stars, 1), votes: texts.number(votes) });
}

/** @param {import("../texts.js").Texts} texts @param {number} uses */
export function usesText(texts, uses) {
  return texts.t(uses === 1 ? "page.profiles.use" : "page.profiles.uses", { count: texts.number(uses) });
}

/**
 * @param {import("../app.js").App} app
 * @param {(engine: string) => string} engineTitle
 * @param {() => void} redraw
 */
export function createFigures({ texts }, engineTitle, redraw) {
  let most = 1;
  const t = (/** @type {string} */ name) => texts.t(`page.profiles.${name}`);
  const nameOf = (/** @type {Use} */ { name, title }) => (texts.has(`page.profile.${name}`) ? texts.t(`page.profile.${name}`) : (title ?? name));
  const table = createTable(
    texts,
    {
      label: t("figures"),
      key: (/** @type {Use} */ { name }) => name,
      columns: [
        { name: "profile", title: t("profile"), width: "wide", cell: nameOf, sortBy: nameOf },
        { name: "engine", title: t("engine"), cell: ({ engine }) => (engine === null ? "–" : engineTitle(engine)), sortBy: ({ engine }) => engine ?? "" },
        {
          name: "uses",
          title: t("jobs"),
          cell: ({ uses }) => html`<span class="uses-cell">${texts.number(uses)}<progress class="progress-line" max=${most} value=${uses} aria-hidden="true"></progress></span>`,
          sortBy: ({ uses }) => uses,
        },
        { name: "sound", title: t("sound"), cell: ({ duration_s: seconds }) => (seconds === null ? "–" : texts.clock(seconds)), sortBy: ({ duration_s: seconds }) => seconds ?? -1 },
        { name: "score", title: t("average"), cell: (use) => scoreText(texts, use), sortBy: ({ stars }) => stars ?? -1 },
      ],
      empty: html`<p class="fine">${t("no_figures")}</p>`,
    },
    redraw,
  );
  return {
    /** @param {readonly Use[]} uses as the service orders them */
    draw(uses) {
      most = Math.max(1, ...uses.map((one) => one.uses));
      return html`<section class="profile-figures" aria-labelledby="figures-title" data-figures>
        <h2 id="figures-title">${t("figures")}</h2>
        <p class="fine">${t("figures_about")}</p>
        ${table.draw(uses)}
      </section>`;
    },
  };
}
