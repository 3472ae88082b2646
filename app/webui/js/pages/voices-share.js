/** What a person adds to a voice: tags and a category, and a link by which others hear it. */

import { html, nothing } from "../lit.js";
import { dialogOf } from "../widgets/dialog.js";
import { options } from "../widgets/field.js";
import { shareLink } from "../widgets/share-link.js";
import { alert } from "../widgets/states.js";

export const CATEGORIES = ["female", "male", "child", "elder", "narrator", "character", "other"];

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

/** Its link, made when there is none. @param {import("../app.js").App} app @param {import("../catalog.js").Voice} voice */
export function shareVoice(app, { id, title }) {
  return shareLink(app, { path: `/voices/${encodeURIComponent(id)}/share`, title, about: "page.voices.share_about" });
}
