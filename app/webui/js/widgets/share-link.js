/** A link by which others hear something without an account: made where there is none, copied, drawn as a QR code, ended. */

import { html, nothing, svg } from "../lit.js";
import { loadQrCode } from "../libraries.js";
import { confirm } from "./confirm.js";
import { dialogOf } from "./dialog.js";
import { alert } from "./states.js";
import { toast } from "./toast.js";

const QUIET = 4; // modules of light around a QR code (ISO/IEC 18004)

/**
 * Shows the link in a dialog.
 * @param {import("../app.js").App} app
 * @param {object} options
 * @param {string} options.path where links to it are had, made and ended
 * @param {string} options.title what is shared
 * @param {string} options.about code of a text with {date}: what whoever has the link hears, until when
 */
export async function shareLink({ announce, api, texts }, { path, title, about }) {
  try {
    const known = (await api.get(path)).links[0];
    const link = known ?? (await api.post(path, {}));
    const code = await loadQrCode().then((make) => drawing(make, link.url, texts.t("page.voices.qr", { title })), (error) => alert(texts.t("page.voices.no_qr", { reason: error.message })));
    let said = "";
    const pass = async () => {
      try {
        if (navigator.share) await navigator.share({ title, url: link.url });
        else {
          await navigator.clipboard.writeText(link.url);
          said = texts.t("page.share.copied");
        }
      } catch (error) {
        if (/** @type {Error} */ (error).name !== "AbortError") said = texts.t("page.share.not_copied");
      }
      redraw();
    };
    const end = async (/** @type {() => void} */ close) => {
      const question = texts.t("page.voices.share_question", { title });
      if (!(await confirm(texts, { question, cost: texts.t("page.voices.share_cost"), action: texts.t("page.voices.share_end") }))) return;
      try {
        await api.remove(path);
      } catch (error) {
        said = /** @type {Error} */ (error).message;
        return redraw();
      }
      close();
      toast(texts.t("page.voices.share_ended"));
    };
    const redraw = dialogOf(
      `${texts.t("page.voices.share")}: ${title}`,
      (close) => html`<p>${texts.t(about, { date: link.expires_at.slice(0, 10) })}</p>
        <input id="share-url" class="form-control" readonly value=${link.url} aria-label=${texts.t("page.voices.share")} @focus=${(/** @type {any} */ event) => event.target.select()} />
        <p role="status" class="fine" data-share-said>${said || nothing}</p>
        ${code}
        <div class="ask-buttons">
          <button type="button" class="btn btn-danger" id="share-end" @click=${() => end(close)}>${texts.t("page.voices.share_end")}</button>
          <button type="button" class="btn btn-quiet" @click=${close}>${texts.t("page.voices.close")}</button>
          <button type="button" class="btn btn-primary" id="share-pass" @click=${pass}>${texts.t("share" in navigator ? "page.voices.share" : "page.share.copy")}</button>
        </div>`,
    );
  } catch (problem) {
    const { message } = /** @type {Error} */ (problem);
    announce(message);
    toast(message, { kind: "bad" });
  }
}

/** @param {any} make @param {string} url @param {string} label */
function drawing(make, url, label) {
  const code = make(0, "M");
  code.addData(url);
  code.make();
  const count = code.getModuleCount();
  const size = count + 2 * QUIET;
  const rows = [...Array(count).keys()];
  const path = rows.flatMap((row) => rows.filter((column) => code.isDark(row, column)).map((column) => `M${column + QUIET} ${row + QUIET}h1v1h-1z`)).join("");
  return html`<svg id="share-qr" viewBox="0 0 ${size} ${size}" width="240" height="240" role="img" aria-label=${label} shape-rendering="crispEdges">
    ${svg`<rect width=${size} height=${size} fill="#fff"/><path d=${path} fill="#000"/>`}
  </svg>`;
}
