/** What the weights of a voice's engine allow: said wherever the voice is chosen, when it is not every use. */

import { html, nothing } from "../lit.js";

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Voice | undefined} voice
 */
export function licenceLine(texts, voice) {
  if (!voice || voice.is_commercial !== false) return nothing;
  const link = voice.licence_url ? html`<a href=${voice.licence_url} target="_blank" rel="noopener">${voice.licence ?? ""}</a>` : nothing;
  return html`<p class="fine" data-licence=${voice.licence ?? ""}>${texts.t("page.licence.noncommercial")} ${link}</p>`;
}
