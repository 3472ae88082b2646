/** What a person adds to a voice: tags and a category, and a link with its QR code by which others hear it. */

import { html, nothing, render, svg } from "../lit.js";
import { loadQrCode } from "../libraries.js";
import { confirm } from "../widgets/confirm.js";
import { options } from "../widgets/field.js";
import { alert } from "../widgets/states.js";
import { toast } from "../widgets/toast.js";

export const CATEGORIES = ["female", "male", "child", "elder", "narrator", "character", "other"];
const QUIET = 4; // modules of light around a QR code (ISO/IEC 18004)

/** A dialog that draws itself; `draw` gets what closes it. @param {string} title @param {(close: () => void) => unknown} draw @returns {() => void} draws again */
function dialogOf(title, draw) {
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

/** Asks for tags and category of a voice. @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice @param {() => Promise<void>} load anew, after they are kept */
export function editTags({ api, catalog, texts }, voice, load) {
  let error = "";
  const pairs = /** @type {[string, string][]} */ (CATEGORIES.map((name) => [name, texts.t(`page.voices.category.${name}`)]));
  const save = async (/** @type {any} */ event, /** @type {() => void} */ close) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const tags = String(form.get("tags")).split(",").map((tag) => tag.trim()).filter(Boolean);
    try {
      await api.post(`/voices/${encodeURIComponent(voice.id)}/tags`, { tags, category: form.get("category") || null });
      close();
      catalog.forget();
      await load();
    } catch (problem) {
      error = /** @type {Error} */ (problem).message;
      redraw();
    }
  };
  const redraw = dialogOf(
    `${texts.t("page.voices.tags")}: ${voice.title}`,
    (close) => html`<form @submit=${(/** @type {Event} */ event) => save(event, close)}>
      ${error ? alert(error) : nothing}
      <label for="voice-tags" class="form-label">${texts.t("page.voices.tags_hint")}</label>
      <input id="voice-tags" name="tags" class="form-control" maxlength="400" value=${(voice.tags ?? []).join(", ")} />
      <label for="voice-category" class="form-label">${texts.t("page.voices.category")}</label>
      <select id="voice-category" name="category" class="form-select">${options([["", "–"], ...pairs], voice.category ?? "")}</select>
      <div class="ask-buttons">
        <button type="button" class="btn btn-quiet" @click=${close}>${texts.t("page.voices.close")}</button>
        <button type="submit" class="btn btn-primary">${texts.t("page.voices.save")}</button>
      </div>
    </form>`,
  );
}

/** The link of a voice, made when there is none, and its QR code. @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice */
export async function shareVoice({ announce, api, texts }, voice) {
  const path = `/voices/${encodeURIComponent(voice.id)}/share`;
  try {
    const known = (await api.get(path)).links[0];
    const link = known ?? (await api.post(path, {}));
    const code = await loadQrCode().then((make) => drawing(make, link.url, texts.t("page.voices.qr", { title: voice.title })), (error) => alert(texts.t("page.voices.no_qr", { reason: error.message })));
    const end = async (/** @type {() => void} */ close) => {
      const question = texts.t("page.voices.share_question", { title: voice.title });
      if (!(await confirm(texts, { question, cost: texts.t("page.voices.share_cost"), action: texts.t("page.voices.share_end") }))) return;
      await api.remove(path);
      close();
      toast(texts.t("page.voices.share_ended"));
    };
    dialogOf(
      `${texts.t("page.voices.share")}: ${voice.title}`,
      (close) => html`<p>${texts.t("page.voices.share_about", { date: link.expires_at.slice(0, 10) })}</p>
        <input id="share-url" class="form-control" readonly value=${link.url} aria-label=${texts.t("page.voices.share")} @focus=${(/** @type {any} */ event) => event.target.select()} />
        ${code}
        <div class="ask-buttons">
          <button type="button" class="btn btn-danger" id="share-end" @click=${() => end(close)}>${texts.t("page.voices.share_end")}</button>
          <button type="button" class="btn btn-quiet" @click=${close}>${texts.t("page.voices.close")}</button>
        </div>`,
    );
  } catch (problem) {
    const { message } = /** @type {Error} */ (problem);
    announce(message);
    toast(message);
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
