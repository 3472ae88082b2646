/** The timbre of one voice with the prosody of another, heard and kept; and a text on the way from one voice to another. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { options } from "../widgets/field.js";
import { alert } from "../widgets/states.js";

/**
 * @typedef {{ timbre: string, prosody: string, strength: number }} Style
 * @typedef {{ first: string, second: string }} Ends
 */

/** The body of `/voices/style`, but for the name. @param {Style} style */
export function styleOf({ timbre, prosody, strength }) {
  return { timbre_voice_id: timbre, prosody_voice_id: prosody, strength };
}

/** A mixture that begins with one voice and ends with the other, for `/voices/morph/preview`. @param {Ends} ends */
export function pathOf({ first, second }) {
  const point = (/** @type {number} */ at, /** @type {string} */ voice) => ({ at, voices: [{ voice_id: voice, weight: 1 }] });
  return { path: [point(0, first), point(1, second)] };
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../catalog.js").Voice[]} voices that are mixed
 * @param {(voice: import("../catalog.js").Voice) => import("../catalog.js").Voice[]} othersOf those that go with one
 * @param {{ text: () => string, ends: () => Ends, redraw: () => void }} page what is said, and between whom
 */
export function createStyle(app, voices, othersOf, page) {
  const { api, catalog, sound, texts } = app;
  /** @type {Style} */
  const style = { timbre: voices[0].id, prosody: othersOf(voices[0])[0]?.id ?? "", strength: 1 };
  const told = { error: "", kept: "", isWaiting: false };
  /** @type {Map<string, string>} */
  const made = new Map();
  const title = (/** @type {string} */ wanted) => voices.find(({ id }) => id === wanted)?.title ?? wanted;

  function change(/** @type {Partial<Style>} */ values) {
    Object.assign(style, values);
    const able = othersOf(voices.find(({ id }) => id === style.timbre) ?? voices[0]);
    if (!able.some(({ id }) => id === style.prosody)) style.prosody = able[0]?.id ?? "";
    Object.assign(told, { error: "", kept: "" });
    page.redraw();
  }

  async function attempt(/** @type {() => Promise<void>} */ act) {
    Object.assign(told, { error: "", kept: "", isWaiting: true });
    page.redraw();
    try {
      await act();
    } catch (error) {
      told.error = /** @type {Error} */ (error).message;
      app.announce(told.error);
    }
    told.isWaiting = false;
    page.redraw();
  }

  const hear = (/** @type {string} */ route, /** @type {Record<string, unknown>} */ asked, /** @type {string} */ name) =>
    attempt(async () => {
      const body = { ...asked, text: page.text() };
      const key = route + JSON.stringify(body);
      const src = made.get(key) ?? URL.createObjectURL(await api.sound(route, body));
      made.set(key, src);
      void sound.play({ key, title: name, src });
    });

  const keep = (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.target;
    return attempt(async () => {
      const voice = await api.post("/voices/style", { ...styleOf(style), name: new FormData(form).get("name") });
      catalog.forget();
      form.reset();
      told.kept = texts.t("page.morph.kept", { name: voice.title });
      app.announce(told.kept);
    });
  };

  /** @param {"timbre" | "prosody"} name @param {import("../catalog.js").Voice[]} offered */
  function select(name, offered) {
    const pairs = offered.map(({ id, title, language }) => /** @type {[string, string]} */ ([id, `${title} (${texts.languageName(language)})`]));
    return html`<div class="col-sm">
      <label for="style-${name}" class="form-label">${texts.t(`page.morph_style.${name}`)}</label>
      <select id="style-${name}" class="form-select" @change=${(/** @type {any} */ event) => change({ [name]: event.target.value })}>${options(pairs, style[name])}</select>
    </div>`;
  }

  const button = (/** @type {string} */ name, /** @type {() => unknown} */ click) =>
    html`<button type="button" class="btn btn-quiet" data-style=${name} ?disabled=${told.isWaiting} @click=${click}>${icon(told.isWaiting ? "wait" : "play")}${texts.t(`page.morph_style.${name}`)}</button>`;

  return {
    close: () => made.forEach((src) => URL.revokeObjectURL(src)),
    draw() {
      const { first, second } = page.ends();
      const names = { timbre: title(style.timbre), prosody: title(style.prosody) };
      const way = texts.t("page.morph_style.path_of", { first: title(first), second: title(second) });
      return html`<section class="card card-body mb-3" data-path>
          <h2>${texts.t("page.morph_style.path_title")}</h2>
          <p>${way} <span class="fine">${texts.t("page.morph_style.path_about")}</span></p>
          <div class="action-row start">${button("path", () => hear("/voices/morph/preview", pathOf({ first, second }), way))}</div>
        </section>
        <form class="card card-body mb-3" id="style-form" @submit=${keep}>
          <h2>${texts.t("page.morph_style.title")}</h2>
          <p>${texts.t("page.morph_style.about")}</p>
          <div class="row g-2">
            ${select("timbre", voices)} ${select("prosody", othersOf(voices.find(({ id }) => id === style.timbre) ?? voices[0]))}
            <div class="col-sm">
              <label for="style-strength" class="form-label">${texts.t("page.morph_style.strength")} <output>${texts.number(100 * style.strength)} %</output></label>
              <input id="style-strength" type="range" class="form-range" min="0" max="1" step="0.05" .value=${String(style.strength)} @input=${(/** @type {any} */ event) => change({ strength: Number(event.target.value) })} />
            </div>
          </div>
          <div class="row g-2">
            <div class="col-sm">
              <label for="style-name" class="form-label">${texts.t("page.morph.name")}</label>
              <input id="style-name" name="name" maxlength="80" class="form-control" required />
            </div>
            <div class="col-sm-auto align-self-end action-row">
              ${button("hear", () => hear("/voices/style/preview", styleOf(style), texts.t("page.morph_style.heard", names)))}
              <button type="submit" class="btn btn-primary" ?disabled=${told.isWaiting}>${texts.t("page.morph.keep")}</button>
            </div>
          </div>
          ${told.error ? alert(told.error) : nothing} ${told.kept ? html`<p role="status">${told.kept} <a href="#/voices">${texts.t("page.nav.voices")}</a></p>` : nothing}
        </form>`;
    },
  };
}
