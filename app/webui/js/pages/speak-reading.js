/** How the text will be read, and what is done with its line breaks: beside the text field, when it is asked for. */

import { el } from "../dom.js";
import { html, nothing, repeat } from "../lit.js";
import { createView } from "../view.js";
import { alert } from "../widgets/states.js";
import { checkField } from "./speak-check.js";

export const WRAPPINGS = ["auto", "keep", "join"];

/**
 * @param {import("../app.js").App} app
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 */
export function readingBox(app, set) {
  const node = el("div", { class: "reading" });
  /** @type {{ made: any, error: string, isBusy: boolean }} */
  const known = { made: null, error: "", isBusy: false };
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const ask = async () => {
    const { text, language, voiceId, wrapping } = app.store.state().draft;
    change({ isBusy: true, error: "" });
    try {
      const made = await app.api.post("/text/preview", { text, language: language ?? "", voice: voiceId ?? "", wrapping });
      change({ made, isBusy: false });
    } catch (error) {
      change({ made: null, isBusy: false, error: /** @type {Error} */ (error).message });
    }
  };
  const view = createView(node, () => draw(app, known, ask, set));
  return node;
}

/** @param {import("../app.js").App} app @param {{ made: any, error: string, isBusy: boolean }} known @param {() => void} ask @param {(values: any) => void} set */
function draw({ store, texts }, { made, error, isBusy }, ask, set) {
  const chosen = store.state().draft.wrapping;
  return html`<div class="reading-head">
      <button type="button" class="btn btn-sm btn-quiet" ?disabled=${isBusy} @click=${ask}>${texts.t("page.reading.ask")}</button>
      <label for="wrapping">${texts.t("page.reading.wrapping")}</label>
      <select
        id="wrapping"
        class="form-select form-select-sm w-auto d-inline-block"
        @change=${(/** @type {any} */ event) => set({ wrapping: event.target.value })}
      >
        ${WRAPPINGS.map((way) => html`<option value=${way} ?selected=${way === chosen}>${texts.t(`page.reading.wrapping.${way}`)}</option>`)}
      </select>
      ${checkField(texts, store.state().draft, set)}
    </div>
    ${error ? alert(error) : nothing} ${made ? shown(texts, made) : nothing}`;
}

/** @param {import("../texts.js").Texts} texts @param {any} made */
function shown(texts, made) {
  return html`<ol class="reading-sentences" aria-label=${texts.t("page.reading.ask")}>
      ${made.sentences.map(
        (/** @type {any} */ { spoken, phonemes }) =>
          html`<li><span>${spoken}</span>${phonemes ? html` <small class="fine d-block">/${phonemes}/</small>` : nothing}</li>`,
      )}
    </ol>
    ${made.left_out.length > 0
      ? html`<p class="fine">${texts.t("page.reading.left_out")}</p>
          <ul class="fine">
            ${repeat(
              made.left_out,
              (_, index) => index,
              (/** @type {any} */ part) => html`<li><code>${part.text}</code> – ${part.message}</li>`,
            )}
          </ul>`
      : nothing}`;
}
