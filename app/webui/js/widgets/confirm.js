/** Asks before something is lost that cost something. */

import { html, nothing, render } from "../lit.js";

/**
 * Resolves with the answer; Escape means no, and the focus goes back to where it was.
 * @param {import("../texts.js").Texts} texts
 * @param {object} options
 * @param {string} options.question names the thing: "Delete the voice Ana?"
 * @param {string} [options.cost] what is lost with it
 * @param {string} options.action what the confirming button says
 * @param {boolean} [options.isHarmless] a question whose yes destroys nothing is not red
 * @returns {Promise<boolean>}
 */
export function confirm(texts, { question, cost, action, isHarmless = false }) {
  return new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.className = "ask";
    dialog.setAttribute("aria-labelledby", "ask-question");
    render(
      html`<p id="ask-question">${question}</p>
        ${cost ? html`<p class="fine">${cost}</p>` : nothing}
        <div class="ask-buttons">
          <button type="button" class="btn btn-quiet" autofocus @click=${() => dialog.close("")}>${texts.t("page.ask.keep")}</button>
          <button type="button" class="btn ${isHarmless ? "btn-primary" : "btn-danger"}" @click=${() => dialog.close("yes")}>${action}</button>
        </div>`,
      dialog,
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
