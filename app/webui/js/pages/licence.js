/** What the weights of a voice's engine allow: said wherever the voice is chosen, when it is not every use. */

import { el } from "../dom.js";

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../catalog.js").Voice | undefined} voice
 */
export function licenceLine(texts, voice) {
  if (!voice || voice.is_commercial !== false) return null;
  return el(
    "p",
    { class: "fine", data: { licence: voice.licence ?? "" } },
    `${texts.t("page.licence.noncommercial")} `,
    voice.licence_url && el("a", { href: voice.licence_url, target: "_blank", rel: "noopener" }, voice.licence ?? ""),
  );
}
