/** A recording said by another voice: a voice of the service, or an RVC model of one's own; and those models. */

import { sortLanguages } from "../catalog.js";
import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { createGalleries } from "./rvc.js";
import { hasEnded } from "./job-view.js";
import { watchJob } from "./job-watch.js";
import { createLacking } from "./lacking.js";
import { ratingPart, sendRating } from "./rating.js";
import { confirm } from "../widgets/confirm.js";
import { jobProgress } from "../widgets/job.js";
import { options } from "../widgets/field.js";
import { createMicrophone } from "../widgets/microphone.js";
import { alert } from "../widgets/states.js";
import { createTable, focusAfterRow } from "../widgets/table.js";

const MODELS = "/rvc/models";
// Name, largest value, step and default of what only RVC takes; all begin at 0.
const NUMBERS = /** @type {const} */ ([
  ["index_rate", 1, 0.05, 0.75],
  ["filter_radius", 7, 1, 3],
  ["rms_mix_rate", 1, 0.05, 0.25],
  ["protect", 0.5, 0.01, 0.33],
]);
const METHODS = ["fcpe", "rmvpe", "crepe", "harvest", "dio", "pm"];

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app) {
  const ask = async () => {
    const [studio, converters, found] = await Promise.all([app.catalog.load(), app.catalog.converters(), app.api.get(`${MODELS}?sort_by=name`)]);
    return { studio, converters, models: found.models };
  };
  return loadPage(root, app, ask, (data) => show(root, app, data)).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {{ studio: import("../catalog.js").Catalog, converters: import("../api-types.js").ConverterHealth[], models: any[] }} data */
function show(root, app, data) {
  const { api, texts } = app;
  const known = { models: data.models, chosen: "", error: "", sent: /** @type {number | null} */ (null), job: /** @type {any} */ (null), source: "", recorded: /** @type {Blob | null} */ (null) };
  let unwatch = () => {};
  const change = (/** @type {Partial<typeof known>} */ values) => {
    Object.assign(known, values);
    view.redraw();
  };
  const failed = async (/** @type {unknown} */ error) => {
    const isOffered = await lacking.show(/** @type {Error} */ (error));
    change({ error: isOffered ? "" : /** @type {Error} */ (error).message, sent: null });
  };
  const tried = async (/** @type {() => Promise<unknown>} */ step) => {
    try {
      await step();
      const { models } = await api.get(`${MODELS}?sort_by=name`);
      change({ models, error: "", sent: null });
      return true;
    } catch (error) {
      await failed(error);
      return false;
    }
  };
  const add = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    if (!(/** @type {File} */ (form.get("index_file")).size)) form.delete("index_file");
    change({ sent: 0, error: "" });
    const onProgress = (/** @type {number} */ share) => change({ sent: share });
    if (await tried(() => api.upload("/rvc-models", form, { onProgress }))) event.target.reset();
  };
  const convert = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    if (!form.get("language")) form.delete("language"); // recognised, or nobody needs it
    try {
      await mic.finish();
      if (known.recorded) form.set("file", known.recorded, "microphone.wav");
      URL.revokeObjectURL(known.source);
      known.source = URL.createObjectURL(/** @type {File} */ (form.get("file")));
      const job = await api.post("/voices/convert", form);
      unwatch();
      change({ job, error: "" });
      unwatch = watchJob(app, job, (next) => change({ job: next }), failed).close;
    } catch (error) {
      await failed(error);
    }
  };
  const lacking = createLacking(app, () => view.redraw(), () => change({ error: "" }));
  const mic = createMicrophone(app, (recorded) => change({ recorded }));
  const actions = {
    check: (/** @type {any} */ model) => tried(() => api.post(`${MODELS}/${model.id}/validate`)),
    remove: async (/** @type {any} */ model, /** @type {any} */ event) => {
      const refocus = focusAfterRow(event.currentTarget);
      const question = texts.t("page.convert.delete_question", { name: model.name });
      if (!(await confirm(texts, { question, cost: texts.t("page.convert.delete_cost"), action: texts.t("page.convert.delete") }))) return;
      if (await tried(() => api.remove(`${MODELS}/${model.id}`))) refocus();
    },
    rate: (/** @type {any} */ model, /** @type {number} */ stars, /** @type {string} */ review) =>
      tried(() => sendRating(app, `${MODELS}/${model.id}`, stars, review)),
    hear: (/** @type {any} */ model) =>
      app.sound.play({ key: model.id, title: model.name, src: `${MODELS}/${model.id}/preview` }).catch(failed),
  };
  const table = createTable(texts, tableOf(texts, actions), () => view.redraw());
  const refresh = async () => change({ models: (await api.get(`${MODELS}?sort_by=name`)).models });
  const gallery = createGalleries(app, () => view.redraw(), refresh);
  const lookFor = () => {
    const converter = converterOf(data.studio, known);
    void lacking.look(converter ? `convert-${converter}` : "");
  };
  /** That the recording may be in, where the words in it count. */
  const languages = () => {
    const name = converterOf(data.studio, known);
    return sortLanguages([...(data.converters.find((one) => one.name === name && one.needs_text)?.languages ?? [])]);
  };
  const choose = (/** @type {string} */ chosen) => {
    change({ chosen });
    lookFor();
  };
  const view = createView(
    root,
    () => html`<h1>${texts.t("page.nav.convert")}</h1>
      ${known.error ? alert(known.error) : nothing} ${convertForm(texts, data.studio, known, languages(), mic.node, { convert, choose, drop: () => change({ recorded: null }) })} ${lacking.draw()} ${result(app, known)}
      <h2>${texts.t("page.convert.models")}</h2>
      <p>${texts.t("page.convert.about")}</p>
      ${addForm(texts, known.sent, add)} ${table.draw(known.models)} ${gallery.draw()}`,
  );
  lookFor();
  return all(
    () => unwatch(),
    mic.close,
    gallery.close,
    lacking.close,
    () => URL.revokeObjectURL(known.source),
    view.close,
  );
}

/** Whose voices a recording can be said with. @param {import("../catalog.js").Catalog} studio @param {{ models: any[] }} known */
function offeredBy(studio, { models }) {
  return { models, voices: studio.voices.filter(({ converters }) => converters?.length) };
}

/** What the chosen voice is converted by. @param {import("../catalog.js").Catalog} studio @param {{ models: any[], chosen: string }} known */
function converterOf(studio, known) {
  const { models, voices } = offeredBy(studio, known);
  const chosen = voiceOf(models, voices, known.chosen);
  return models.some(({ id }) => id === chosen) ? "rvc" : voices.find(({ id }) => id === chosen)?.converters?.[0];
}

/** The id of the chosen one, else of the first. @param {any[]} models @param {readonly import("../catalog.js").Voice[]} voices @param {string} chosen */
function voiceOf(models, voices, chosen) {
  const ids = [...models, ...voices].map(({ id }) => id);
  return ids.includes(chosen) ? chosen : (ids[0] ?? "");
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Catalog} studio
 * @param {{ models: any[], chosen: string, recorded: Blob | null }} known @param {readonly string[]} languages @param {HTMLElement} microphone
 * @param {{ convert: (event: any) => void, choose: (voiceId: string) => void, drop: () => void }} actions
 */
function convertForm(texts, studio, known, languages, microphone, { convert, choose, drop }) {
  const { recorded } = known;
  const { models, voices } = offeredBy(studio, known);
  const pairs = /** @type {[string, string][]} */ ([...models.map(({ id, name }) => [id, `${name} (RVC)`]), ...voices.map(({ id, title }) => [id, title])]);
  const voice = voiceOf(models, voices, known.chosen);
  return html`<form class="card card-body field-row" id="convert-form" @submit=${convert}>
    <div class="col-sm">
      <label for="convert-file" class="form-label">${texts.t("page.convert.recording")}</label>
      <input id="convert-file" name="file" type="file" accept="audio/*" class="form-control" ?required=${!recorded} ?disabled=${recorded !== null} />
      ${microphone}
      ${recorded
        ? html`<p class="fine" data-recorded>${texts.t("page.convert.recorded")}
            <button type="button" class="btn btn-sm btn-quiet" aria-label=${texts.t("page.convert.drop")} @click=${drop}>${icon("trash")}</button></p>`
        : nothing}
    </div>
    <div class="col-sm">
      <label for="convert-voice" class="form-label">${texts.t("page.convert.voice")}</label>
      <select id="convert-voice" name="voice_id" class="form-select" @change=${(/** @type {any} */ event) => choose(event.target.value)}>
        ${options(pairs, voice)}
      </select>
    </div>
    ${languages.length > 0 ? languageField(texts, languages) : nothing} ${models.some(({ id }) => id === voice) ? modelFields(texts) : nothing}
    <div class="col-sm-auto"><button type="submit" class="btn btn-primary">${icon("convert")}${texts.t("page.convert.go")}</button></div>
  </form>`;
}

/** Of the recording; by default it is heard in it. @param {import("../texts.js").Texts} texts @param {readonly string[]} languages */
function languageField(texts, languages) {
  return html`<div class="col-sm">
    <label for="convert-language" class="form-label">${texts.t("page.convert.language")}</label>
    <select id="convert-language" name="language" class="form-select">
      <option value="">${texts.t("page.convert.recognise")}</option>
      ${languages.map((tag) => html`<option value=${tag}>${texts.languageName(tag)}</option>`)}
    </select>
  </div>`;
}

/** What a model of RVC takes beside the recording. @param {import("../texts.js").Texts} texts */
function modelFields(texts) {
  const number = (/** @type {typeof NUMBERS[number]} */ [name, most, step, value]) => html`<div class="col-sm">
    <label for="convert-${name}" class="form-label">${texts.t(`page.convert.${name}`)}</label>
    <input id="convert-${name}" name=${name} type="number" min="0" max=${most} step=${step} value=${value} class="form-control" />
  </div>`;
  return html`<div class="col-sm">
      <label for="convert-pitch" class="form-label">${texts.t("page.convert.pitch")}</label>
      <input id="convert-pitch" name="pitch" type="number" min="-12" max="12" step="1" value="0" class="form-control" />
    </div>
    <details>
      <summary>${texts.t("page.convert.more")}</summary>
      <div class="field-row">
        ${NUMBERS.map(number)}
        <div class="col-sm">
          <label for="convert-f0_method" class="form-label">${texts.t("page.convert.f0_method")}</label>
          <select id="convert-f0_method" name="f0_method" class="form-select">${METHODS.map((name) => html`<option value=${name}>${name}</option>`)}</select>
        </div>
      </div>
    </details>`;
}

/** The recording and what it became, to be heard one after the other. @param {import("../app.js").App} app @param {{ job: any, source: string }} known */
function result({ api, texts }, { job, source }) {
  if (!job) return nothing;
  if (!hasEnded(job)) return jobProgress(texts, job);
  if (job.status !== "completed") return job.error_message ? alert(job.error_message) : nothing;
  const heard = (/** @type {string} */ label, /** @type {string} */ src) =>
    html`<p><label>${label} <audio controls preload="none" src=${src}></audio></label></p>`;
  return html`<div class="card card-body" id="convert-result">
    ${heard(texts.t("page.convert.before"), source)} ${heard(texts.t("page.convert.after"), api.downloadUrl(job.id, "wav"))}
  </div>`;
}

/** @param {import("../texts.js").Texts} texts @param {number | null} sent @param {(event: any) => void} add */
function addForm(texts, sent, add) {
  const file = (/** @type {string} */ name, /** @type {string} */ accept, /** @type {boolean} */ isNeeded) => html`<div class="col-sm">
    <label for="rvc-${name}" class="form-label">${texts.t(`page.convert.${name}`)}</label>
    <input id="rvc-${name}" name=${name} type="file" accept=${accept} class="form-control" ?required=${isNeeded} />
  </div>`;
  return html`<form class="card card-body field-row" id="rvc-form" @submit=${add}>
    <div class="col-sm">
      <label for="rvc-name" class="form-label">${texts.t("page.convert.name")}</label>
      <input id="rvc-name" name="name" maxlength="100" class="form-control" required />
    </div>
    <div class="col-sm">
      <label for="rvc-description" class="form-label">${texts.t("page.convert.description")}</label>
      <input id="rvc-description" name="description" maxlength="500" class="form-control" />
    </div>
    ${file("pth_file", ".pth", true)} ${file("index_file", ".index", false)}
    <div class="col-sm-auto">
      <button type="submit" class="btn btn-primary" ?disabled=${sent !== null}>${icon("upload")}${texts.t("page.convert.add")}</button>
      ${sent === null ? nothing : html`<progress max="1" .value=${sent} aria-label=${texts.t("page.convert.add")}></progress>`}
    </div>
  </form>`;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {Record<"check" | "remove" | "hear", (model: any, event: Event) => unknown> & { rate: (model: any, stars: number, review: string) => unknown }} actions
 */
function tableOf(texts, actions) {
  const head = (/** @type {string} */ name) => texts.t(`page.convert.${name}`);
  const button = (/** @type {any} */ model, /** @type {string} */ drawing, /** @type {string} */ label, /** @type {(model: any, event: Event) => unknown} */ act) =>
    html`<button type="button" class="btn btn-sm btn-quiet" aria-label="${label}: ${model.name}" data-action=${drawing} @click=${(/** @type {Event} */ event) => act(model, event)}>${icon(drawing)}</button>`;
  const verdict = (/** @type {any} */ { validation }) =>
    html`<span>${texts.t(`page.convert.status.${validation.status}`)}</span>
      ${validation.reasons.map((/** @type {any} */ { message }) => html`<br /><span class="fine">${message}</span>`)}`;
  return {
    label: head("models"),
    key: (/** @type {any} */ { id }) => id,
    matches: (/** @type {any} */ { name }, /** @type {readonly string[]} */ words) => words.every((word) => name.toLowerCase().includes(word)),
    pageSize: 20,
    columns: [
      { name: "name", title: head("name"), cell: (/** @type {any} */ m) => html`${m.name}${m.description ? html`<br /><span class="fine">${m.description}</span>` : nothing}`, sortBy: (/** @type {any} */ m) => m.name },
      { name: "kind", title: head("kind"), cell: (/** @type {any} */ m) => `${m.version}, ${texts.number(m.sample_rate / 1000)} kHz, ${texts.number(m.file_size_mb)} MB` },
      { name: "verdict", title: head("verdict"), cell: verdict },
      {
        name: "rating",
        title: texts.t("page.gallery.rating"),
        cell: (/** @type {any} */ m) => ratingPart(texts, m, (stars, review) => actions.rate(m, stars, review)),
        sortBy: (/** @type {any} */ m) => m.rating ?? 0,
      },
      { name: "uses", title: head("uses"), cell: (/** @type {any} */ m) => texts.number(m.usage_count), sortBy: (/** @type {any} */ m) => m.usage_count },
    ],
    actions: (/** @type {any} */ model) =>
      html`${button(model, "play", head("hear"), actions.hear)} ${button(model, "check", head("check"), actions.check)} ${button(model, "trash", head("delete"), actions.remove)}`,
    empty: html`<p class="fine">${head("none")}</p>`,
  };
}
