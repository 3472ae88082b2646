/** How the text will be read, and what is done with its line breaks: beside the text field, when it is asked for. */

import { html, nothing, repeat } from "../lit.js";
import { options } from "../widgets/field.js";
import { alert } from "../widgets/states.js";
import { checkField } from "./speak-check.js";

export const WRAPPINGS = ["auto", "keep", "join"];

/**
 * @param {import("../app.js").App} app
 * @param {(values: Partial<import("../drafts.js").Draft>) => void} set
 * @param {() => void} redraw
 */
export function createReading(app, set, redraw) {
  const { store, texts } = app;
  /** @type {{ made: any, error: string, isBusy: boolean }} */
  const known = { made: null, error: "", isBusy: false };
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    redraw();
  };
  const ask = async () => {
    const { text, language, voiceId, wrapping } = store.state().draft;
    change({ isBusy: true, error: "" });
    try {
      const made = await app.api.post("/text/preview", { text, language: language ?? "", voice: voiceId ?? "", wrapping });
      change({ made, isBusy: false });
    } catch (error) {
      change({ made: null, isBusy: false, error: /** @type {Error} */ (error).message });
    }
  };
  const pairs = () => /** @type {[string, string][]} */ (WRAPPINGS.map((way) => [way, texts.t(`page.reading.wrapping.${way}`)]));
  const choose = (/** @type {any} */ event) => set({ wrapping: event.target.value });
  return {
    draw: () => html`<div class="reading">
      <div class="reading-head">
        <button type="button" class="btn btn-sm btn-quiet" ?disabled=${known.isBusy} @click=${ask}>${texts.t("page.reading.ask")}</button>
        <label for="wrapping">${texts.t("page.reading.wrapping")}</label>
        <select id="wrapping" class="form-select form-select-sm w-auto d-inline-block" @change=${choose}>${options(pairs(), store.state().draft.wrapping)}</select>
        ${checkField(texts, store.state().draft, set)}
      </div>
      ${known.error ? alert(known.error) : nothing} ${known.made ? shown(texts, known.made) : nothing}
    </div>`,
  };
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
