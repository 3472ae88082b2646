/** Files, chosen or dropped, and their way to the service with its share done. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { progress } from "./progress.js";

/**
 * Where files are dropped or chosen.
 * @param {import("../texts.js").Texts} texts
 * @param {{ id: string, title: string, hint?: string, accept?: string, isMultiple?: boolean, take: (files: File[]) => void }} options
 */
export function dropZone(texts, { id, title, hint, accept = "", isMultiple = false, take }) {
  const over = (/** @type {DragEvent} */ event, /** @type {boolean} */ is) => {
    event.preventDefault();
    /** @type {HTMLElement} */ (event.currentTarget).classList.toggle("over", is);
  };
  const dropped = (/** @type {DragEvent} */ event) => {
    over(event, false);
    take([...(event.dataTransfer?.files ?? [])]);
  };
  const chosen = (/** @type {any} */ event) => {
    take([...event.target.files]);
    event.target.value = "";
  };
  return html`<div
    class="drop-zone"
    @dragover=${(/** @type {DragEvent} */ event) => over(event, true)}
    @dragleave=${(/** @type {DragEvent} */ event) => over(event, false)}
    @drop=${dropped}
  >
    ${icon("upload")}
    <p><strong>${title}</strong></p>
    ${hint ? html`<p id="${id}-hint" class="fine">${hint}</p>` : nothing}
    <input id=${id} type="file" class="visually-hidden" accept=${accept} ?multiple=${isMultiple} aria-describedby="${id}-hint ${id}-error" @change=${chosen} />
    <label class="btn btn-quiet" for=${id}>${texts.t(isMultiple ? "page.upload.choose_many" : "page.upload.choose")}</label>
  </div>`;
}

/**
 * Sends a form and tells how far it is; `send` of `api.upload`. `draw()` shows it, `cancel()` ends it.
 * @param {import("../app.js").App} app
 * @param {() => void} redraw
 */
export function createUpload({ api, texts }, redraw) {
  /** @type {{ percent: number | null, abort: AbortController } | null} */
  let going = null;
  return {
    isGoing: () => going !== null,
    cancel: () => going?.abort.abort(),
    /** The answer of the service. @param {string} path @param {FormData} form @returns {Promise<any>} */
    async send(path, form) {
      const mine = { percent: /** @type {number | null} */ (0), abort: new AbortController() };
      going = mine;
      redraw();
      try {
        return await api.upload(path, form, {
          signal: mine.abort.signal,
          onProgress(share) {
            mine.percent = share >= 1 ? null : share * 100;
            redraw();
          },
        });
      } finally {
        going = null;
        redraw();
      }
    },
    draw() {
      if (!going) return nothing;
      const stage = texts.t(going.percent === null ? "page.upload.checking" : "page.upload.sending");
      return html`<div class="upload" role="status">
        ${progress(texts, { percent: going.percent, stage })}
        <button type="button" class="btn btn-sm btn-quiet" @click=${() => going?.abort.abort()}>${texts.t("page.job.cancel")}</button>
      </div>`;
    },
  };
}
