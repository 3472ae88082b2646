/** Turns the browser's notifications on and off; the browser asks after the click, never before. */

import { icon } from "../icons.js";
import { html } from "../lit.js";
import { notifying, turnNotifying } from "../notify.js";
import { toast } from "./toast.js";

/** @param {import("../texts.js").Texts} texts @param {() => void} redraw */
export function notifyButton(texts, redraw) {
  const isOn = notifying() === "on";
  const turn = async () => {
    await turnNotifying(!isOn);
    const now = notifying();
    if (now === "blocked" || now === "impossible") toast(texts.t(`page.notify.${now}`), { kind: "bad" });
    redraw();
  };
  return html`<button type="button" class="btn btn-sm btn-quiet" data-notify title=${texts.t("page.notify.about")} aria-pressed=${isOn} @click=${turn}>${icon("bell")}${texts.t("page.notify.label")}</button>`;
}
