/** Two voices mixed: a grid of weights to be heard, timbre across and prosody down, and the mixture that is kept; a path
 * and a style below it. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { createErrors, errorLine, options } from "../widgets/field.js";
import { alert, emptyState } from "../widgets/states.js";
import { createStyle } from "./morph-style.js";

const STEPS = [0, 0.25, 0.5, 0.75, 1];

/**
 * What is mixed. `timbre` and `prosody` are the shares of the second voice.
 * @typedef {{ first: string, second: string, method: string, text: string, pitch: number, speed: number, tone: number, timbre: number, prosody: number }} Mixture
 */

/**
 * The body of `/voices/morph`, but for the name.
 * @param {Mixture} mixture
 */
export function bodyOf({ first, second, method, pitch, speed, tone, timbre, prosody }) {
  const shares = (/** @type {number} */ share) => [
    { voice_id: first, weight: 1 - share },
    { voice_id: second, weight: share },
  ];
  return { voices: shares(timbre), prosody: shares(prosody), method, pitch_semitones: pitch, speed, tone_db: tone };
}

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app) {
  app.catalog.forget();
  return loadPage(root, app, app.catalog.load, ({ voices }) => show(root, app, voices.filter((voice) => voice.mixed_by?.length))).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {import("../catalog.js").Voice[]} voices */
function show(root, app, voices) {
  const { api, catalog, sound, texts } = app;
  if (voices.length < 2) {
    const view = createView(root, () => emptyState({ drawing: "voices", text: texts.t("page.morph.none") }));
    return view.close;
  }
  /** @type {Mixture} */
  const mixture = {
    first: voices[0].id,
    second: others(voices, voices[0])[0]?.id ?? voices[1].id,
    method: "linear",
    text: texts.t("page.morph.sample"),
    pitch: 0,
    speed: 1,
    tone: 0,
    timbre: 0.5,
    prosody: 0.5,
  };
  const told = { error: "", kept: "", waiting: "" };
  /** @type {Map<string, string>} what was made already, by all that decides on it */
  const made = new Map();
  const errors = createErrors(app, () => view.redraw());
  const change = (/** @type {Partial<Mixture>} */ values) => {
    Object.assign(mixture, values);
    const first = voices.find(({ id }) => id === mixture.first) ?? voices[0];
    const able = others(voices, first);
    if (!able.some(({ id }) => id === mixture.second)) mixture.second = able[0]?.id ?? "";
    Object.assign(told, { error: "", kept: "" });
    view.redraw();
  };
  const hear = async (/** @type {number} */ timbre, /** @type {number} */ prosody) => {
    change({ timbre, prosody });
    const body = { ...bodyOf(mixture), text: mixture.text };
    const key = JSON.stringify(body);
    told.waiting = cellKey(timbre, prosody);
    view.redraw();
    try {
      const src = made.get(key) ?? URL.createObjectURL(await api.sound("/voices/morph/preview", body));
      made.set(key, src);
      void sound.play({ key, title: titleOf(texts, voices, mixture), src });
    } catch (error) {
      told.error = /** @type {Error} */ (error).message;
    }
    told.waiting = "";
    view.redraw();
  };
  const keep = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.target;
    errors.clear();
    told.kept = "";
    try {
      const voice = await api.post("/voices/morph", { ...bodyOf(mixture), name: new FormData(form).get("name") });
      catalog.forget();
      form.reset();
      Object.assign(told, { error: "", kept: texts.t("page.morph.kept", { name: voice.title }) });
      app.announce(told.kept);
    } catch (error) {
      errors.show(/** @type {any} */ (error), form);
    }
    view.redraw();
  };
  const style = createStyle(app, voices, (voice) => others(voices, voice), { text: () => mixture.text, ends: () => mixture, redraw: () => view.redraw() });
  const view = createView(
    root,
    () => html`<h1>${texts.t("page.nav.morph")}</h1>
      <p>${texts.t("page.morph.about")}</p>
      ${choices(texts, voices, mixture, change)} ${told.error ? alert(told.error) : nothing} ${grid(texts, mixture, told.waiting, hear)}
      ${keepForm(texts, voices, mixture, errors, keep, told.kept)} ${style.draw()}`,
  );
  return all(view.close, style.close, () => made.forEach((src) => URL.revokeObjectURL(src)));
}

/** Those that an engine mixes with `voice`. @param {import("../catalog.js").Voice[]} voices @param {import("../catalog.js").Voice} voice */
export function others(voices, voice) {
  return voices.filter((other) => other.id !== voice.id && other.mixed_by?.some((name) => voice.mixed_by?.includes(name)));
}

const cellKey = (/** @type {number} */ timbre, /** @type {number} */ prosody) => `${timbre} ${prosody}`;

/** @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice[]} voices @param {Mixture} mixture */
function titleOf(texts, voices, { first, second, timbre, prosody }) {
  const title = (/** @type {string} */ wanted) => voices.find(({ id }) => id === wanted)?.title ?? wanted;
  const shares = { timbre: texts.number(100 * timbre), prosody: texts.number(100 * prosody) };
  return texts.t("page.morph.title", { first: title(first), second: title(second), ...shares });
}

/** @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice[]} voices @param {Mixture} mixture @param {(values: Partial<Mixture>) => void} change */
function choices(texts, voices, mixture, change) {
  const pairs = (/** @type {import("../catalog.js").Voice[]} */ some) =>
    some.map(({ id, title, language }) => /** @type {[string, string]} */ ([id, `${title} (${texts.languageName(language)})`]));
  const first = voices.find(({ id }) => id === mixture.first) ?? voices[0];
  const select = (/** @type {"first" | "second" | "method"} */ name, /** @type {[string, string][]} */ offered) => html`<div class="col-sm">
    <label for="morph-${name}" class="form-label">${texts.t(`page.morph.${name}`)}</label>
    <select id="morph-${name}" class="form-select" @change=${(/** @type {any} */ event) => change({ [name]: event.target.value })}>
      ${options(offered, mixture[name])}
    </select>
  </div>`;
  const number = (/** @type {"pitch" | "speed" | "tone"} */ name, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ step) =>
    html`<div class="col-sm">
      <label for="morph-${name}" class="form-label">${texts.t(`page.morph.${name}`)} <output>${texts.number(mixture[name], 2)}</output></label>
      <input id="morph-${name}" type="range" class="form-range" min=${low} max=${high} step=${step} .value=${String(mixture[name])}
        @input=${(/** @type {any} */ event) => change({ [name]: Number(event.target.value) })} />
    </div>`;
  const methods = /** @type {[string, string][]} */ (["linear", "spherical"].map((name) => [name, texts.t(`page.morph.method.${name}`)]));
  return html`<div class="card card-body mb-3">
    <div class="row g-2">${select("first", pairs(voices))} ${select("second", pairs(others(voices, first)))} ${select("method", methods)}</div>
    <div class="row g-2">${number("pitch", -12, 12, 0.5)} ${number("speed", 0.5, 2, 0.05)} ${number("tone", -12, 12, 1)}</div>
    <label for="morph-text" class="form-label">${texts.t("page.morph.text")}</label>
    <input id="morph-text" class="form-control" maxlength="500" .value=${mixture.text}
      @change=${(/** @type {any} */ event) => change({ text: event.target.value })} />
  </div>`;
}

/**
 * @param {import("../texts.js").Texts} texts @param {Mixture} mixture @param {string} waiting
 * @param {(timbre: number, prosody: number) => void} hear
 */
function grid(texts, mixture, waiting, hear) {
  const share = (/** @type {number} */ value) => `${texts.number(100 * value)} %`;
  const cell = (/** @type {number} */ timbre, /** @type {number} */ prosody) => {
    const isChosen = mixture.timbre === timbre && mixture.prosody === prosody;
    const label = texts.t("page.morph.cell", { timbre: share(timbre), prosody: share(prosody) });
    const drawing = waiting === cellKey(timbre, prosody) ? "wait" : "play";
    return html`<td>
      <button type="button" class="btn btn-quiet" aria-label=${label} title=${label} aria-pressed=${isChosen} data-cell=${cellKey(timbre, prosody)}
        ?disabled=${waiting !== ""} @click=${() => hear(timbre, prosody)}>${icon(drawing)}</button>
    </td>`;
  };
  return html`<div class="card mb-3"><table class="morph-grid" aria-label=${texts.t("page.morph.grid")}>
    <caption class="fine">${texts.t("page.morph.hint")}</caption>
    <thead><tr><th scope="col">${texts.t("page.morph.axes")}</th>${STEPS.map((timbre) => html`<th scope="col">${share(timbre)}</th>`)}</tr></thead>
    <tbody>
      ${STEPS.map((prosody) => html`<tr><th scope="row">${share(prosody)}</th>${STEPS.map((timbre) => cell(timbre, prosody))}</tr>`)}
    </tbody>
  </table></div>`;
}

/**
 * @param {import("../texts.js").Texts} texts @param {import("../catalog.js").Voice[]} voices @param {Mixture} mixture
 * @param {import("../widgets/field.js").Errors} errors @param {(event: any) => void} keep @param {string} kept
 */
function keepForm(texts, voices, mixture, errors, keep, kept) {
  return html`<form class="card card-body mb-3" id="morph-form" @submit=${keep}>
    <p>${titleOf(texts, voices, mixture)}</p>
    <div class="row g-2">
      <div class="col-sm">
        <label for="name" class="form-label">${texts.t("page.morph.name")}</label>
        <input id="name" name="name" maxlength="80" class="form-control" required aria-invalid=${errors.of("name") ? "true" : nothing} aria-describedby="name-error" />
        ${errorLine("name", errors)}
      </div>
      <div class="col-sm-auto align-self-end"><button type="submit" class="btn btn-primary">${texts.t("page.morph.keep")}</button></div>
    </div>
    ${errors.drawWhole()} ${kept ? html`<p role="status">${kept} <a href="#/voices">${texts.t("page.nav.voices")}</a></p>` : nothing}
  </form>`;
}
