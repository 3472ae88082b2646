/** Galleries of RVC models: added by URL or file; their models heard, brought with their licence agreed to, and rated. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { confirm } from "../widgets/confirm.js";
import { jobProgress } from "../widgets/job.js";
import { alert } from "../widgets/states.js";
import { focusAfterRow } from "../widgets/table.js";
import { hasEnded } from "./job-view.js";
import { watchJob } from "./job-watch.js";
import { ratingPart, sendRating } from "./rating.js";

const GALLERY = "/rvc/gallery";

/**
 * A part of a page, loaded when it is drawn first.
 * @param {import("../app.js").App} app @param {() => void} redraw @param {() => Promise<unknown>} brought called when a model came
 */
export function createGalleries(app, redraw, brought) {
  const { api, texts } = app;
  const known = { galleries: /** @type {any[]} */ ([]), models: /** @type {any[]} */ ([]), error: "", job: /** @type {any} */ (null) };
  let unwatch = () => {};
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    redraw();
  };
  const failed = (/** @type {unknown} */ error) => change({ error: /** @type {Error} */ (error).message });
  const load = async () => {
    const { galleries, models } = await api.get(GALLERY);
    change({ galleries, models, error: "" });
  };
  const tried = (/** @type {() => Promise<unknown>} */ step) => step().then(load).catch(failed);
  const add = (/** @type {any} */ event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    if (!(/** @type {File} */ (form.get("file")).size)) form.delete("file");
    if (!form.get("url")) form.delete("url");
    void tried(() => api.post(GALLERY, form).then(() => event.target.reset()));
  };
  const remove = async (/** @type {any} */ one, /** @type {any} */ event) => {
    const refocus = focusAfterRow(event.currentTarget, "[data-gallery]");
    const question = texts.t("page.gallery.remove_question", { title: one.title });
    if (!(await confirm(texts, { question, cost: texts.t("page.gallery.remove_cost"), action: texts.t("page.gallery.forget") }))) return;
    await tried(() => api.remove(`${GALLERY}/${one.id}`));
    refocus();
  };
  const route = (/** @type {any} */ one) => `${GALLERY}/${one.gallery_id}/models/${one.item_id}`;
  const bring = async (/** @type {any} */ one) => {
    try {
      const job = await api.post(`${route(one)}/download`, { accept_licence: one.licence });
      const ended = (/** @type {any} */ next) => {
        change({ job: next });
        if (hasEnded(next)) void Promise.all([load(), brought()]).catch(failed);
      };
      unwatch();
      change({ job, error: "" });
      unwatch = watchJob(app, job, ended, failed).close;
    } catch (error) {
      failed(error);
    }
  };
  const rate = (/** @type {any} */ one, /** @type {number} */ stars, /** @type {string} */ review) =>
    tried(() => sendRating(app, route(one), stars, review));
  const hear = (/** @type {any} */ one) => app.sound.play({ key: route(one), title: one.name, src: `${route(one)}/sample` }).catch(failed);
  void load().catch(failed);

  return {
    close: () => unwatch(),
    draw: () => html`<h2>${texts.t("page.gallery.title")}</h2>
      <p>${texts.t("page.gallery.about")}</p>
      ${known.error ? alert(known.error) : nothing} ${addForm(texts, add)} ${status(texts, known.job)}
      ${repeat(known.galleries, ({ id }) => id, (one) =>
        gallery(texts, one, {
          refresh: () => tried(() => api.post(`${GALLERY}/${one.id}/refresh`)),
          remove: (event) => remove(one, event),
        }))}
      ${known.models.map((one) => card(texts, one, { bring, rate, hear }))}`,
  };
}

/** @param {import("../texts.js").Texts} texts @param {any} job */
function status(texts, job) {
  if (!job || job.status === "completed") return nothing;
  if (!hasEnded(job)) return jobProgress(texts, job);
  return job.error_message ? alert(job.error_message) : nothing;
}

/** @param {import("../texts.js").Texts} texts @param {(event: any) => void} add */
function addForm(texts, add) {
  return html`<form class="card card-body field-row" id="gallery-form" @submit=${add}>
    <div class="col-sm">
      <label for="gallery-url" class="form-label">${texts.t("page.gallery.url")}</label>
      <input id="gallery-url" name="url" type="url" class="form-control" />
    </div>
    <div class="col-sm">
      <label for="gallery-file" class="form-label">${texts.t("page.gallery.file")}</label>
      <input id="gallery-file" name="file" type="file" accept=".json,application/json" class="form-control" />
    </div>
    <div class="col-sm-auto align-self-end"><button type="submit" class="btn btn-primary">${texts.t("page.gallery.add")}</button></div>
  </form>`;
}

/** One that came as a file has no address to be fetched from. @param {import("../texts.js").Texts} texts @param {any} one @param {Record<"refresh" | "remove", (event: Event) => unknown>} actions */
function gallery(texts, one, { refresh, remove }) {
  const button = (/** @type {string} */ label, /** @type {string} */ drawing, /** @type {(event: Event) => unknown} */ act) =>
    html`<button type="button" class="btn btn-sm btn-quiet" data-action=${drawing} title=${label} aria-label="${label}: ${one.title}" @click=${act}>${icon(drawing)}</button>`;
  return html`<p data-gallery=${one.id}>
    <strong>${one.title}</strong> <span class="fine">${one.url ?? ""} ${texts.t("page.gallery.count", { count: one.models })}</span>
    ${one.url ? button(texts.t("page.gallery.refresh"), "reuse", refresh) : nothing} ${button(texts.t("page.gallery.forget"), "trash", remove)}
  </p>`;
}

/**
 * @param {import("../texts.js").Texts} texts @param {any} one
 * @param {{ bring: (one: any) => unknown, rate: (one: any, stars: number, review: string) => unknown, hear: (one: any) => unknown }} actions
 */
function card(texts, one, { bring, rate, hear }) {
  const licence = one.licence_url ? html`<a href=${one.licence_url} rel="noopener noreferrer">${one.licence}</a>` : one.licence;
  return html`<div class="card card-body" data-gallery-item=${one.item_id}>
    <p><strong>${one.name}</strong> ${one.description}</p>
    <p class="fine">${licence} · ${texts.number(one.size_bytes / 1e6, 1)} MB · SHA-256 ${one.sha256.slice(0, 12)}…</p>
    <div class="action-row start">
      ${one.has_sample ? html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => hear(one)}>${icon("play")}${texts.t("page.gallery.hear")}</button>` : nothing}
      ${one.model_id
        ? html`<span>${icon("check")}${texts.t("page.gallery.here")}</span>`
        : html`<button type="button" class="btn btn-sm btn-primary" @click=${() => bring(one)}>${icon("download")}${texts.t("page.gallery.bring", { licence: one.licence })}</button>`}
    </div>
    <div>${ratingPart(texts, one, (stars, review) => rate(one, stars, review))}</div>
  </div>`;
}
