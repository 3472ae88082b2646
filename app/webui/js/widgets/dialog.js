/** A window over the page. */

import { html, render } from "../lit.js";

/** A dialog that draws itself; `draw` gets what closes it. @param {string} title @param {(close: () => void) => unknown} draw @returns {() => void} draws again */
export function dialogOf(title, draw) {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-label", title);
  const redraw = () => render(html`<h2>${title}</h2>${draw(() => dialog.close())}`, dialog);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  redraw();
  dialog.showModal();
  return redraw;
}
