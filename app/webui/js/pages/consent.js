/** What the speaker of a cloned voice agreed to: shown wherever the voice is. */

import { html, nothing } from "../lit.js";

/**
 * @param {import("../texts.js").Texts} texts
 * @param {{ statement: string, given_at: string } | null | undefined} consent none for a stock voice
 */
export function consentLine(texts, consent) {
  if (!consent) return nothing;
  return html`<figure class="consent">
    <blockquote>${consent.statement}</blockquote>
    <figcaption class="fine">${texts.t("page.consent.given", { time: texts.time(consent.given_at) })}</figcaption>
  </figure>`;
}
