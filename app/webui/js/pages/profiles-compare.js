/** Two profiles side by side: the same text, voice and seed spoken by both, each with a player of its own. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { options } from "../widgets/field.js";
import { alert } from "../widgets/states.js";
import { createWaveform } from "../widgets/waveform.js";
import { profileName } from "./profile-words.js";

const LETTERS = /** @type {const} */ (["A", "B"]);

/**
 * @typedef {import("./profile-words.js").Profile} Profile
 * @typedef {{ letter: string, name: string, src: string, wave: ReturnType<typeof createWaveform> }} Side
 */

/**
 * @param {import("../app.js").App} app
 * @param {{ engine: string, profiles: () => readonly Profile[], said: () => { text: string, voice_id: string, language: string } }} told
 * @param {() => void} redraw
 */
export function createCompare(app, { engine, profiles, said }, redraw) {
  const { api, sound, texts } = app;
  const state = { chosen: ["", ""], isMaking: false, error: "", seed: /** @type {string | null} */ (null), text: "" };
  /** @type {Side[]} */
  let sides = [];
  let abort = new AbortController();
  const t = (/** @type {string} */ name, /** @type {Record<string, unknown>} */ values = {}) => texts.t(`page.profiles.ab.${name}`, values);
  const clear = () => {
    sides.forEach(({ src, wave }) => {
      wave.close();
      URL.revokeObjectURL(src);
    });
    sides = [];
  };
  /** What is chosen, as far as it is still there; else the usual profile and the one after it. @returns {Profile[]} */
  const chosen = () => {
    const all = profiles();
    const usual = all.find((one) => one.is_default) ?? all[0];
    const first = all.find(({ id }) => id === state.chosen[0]) ?? usual;
    const other = all.find(({ id }) => id !== first.id) ?? first;
    return [first, all.find(({ id }) => id === state.chosen[1]) ?? other];
  };
  const choose = (/** @type {number} */ place, /** @type {string} */ id) => {
    state.chosen = chosen().map((one, index) => (index === place ? id : one.id));
    redraw();
  };

  /** One after the other: the second gets the seed that was drawn for the first, where the engine has seeds. */
  async function begin() {
    abort.abort();
    const mine = (abort = new AbortController());
    clear();
    sound.stop();
    const request = said();
    Object.assign(state, { isMaking: true, error: "", seed: null, text: request.text });
    redraw();
    try {
      for (const [index, profile] of chosen().entries()) {
        const body = { ...request, profile_id: profile.id, ...(state.seed === null ? {} : { seed: Number(state.seed) }) };
        const response = await api.speak(`/quality-profiles/${engine}/preview`, body, mine.signal);
        const blob = await response.blob();
        if (mine.signal.aborted) return;
        state.seed = response.headers.get("X-Papagaio-Seed");
        add(LETTERS[index], profileName(texts, profile), URL.createObjectURL(blob));
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      state.error = /** @type {Error} */ (error).message;
    }
    state.isMaking = false;
    redraw();
  }

  function add(/** @type {string} */ letter, /** @type {string} */ name, /** @type {string} */ src) {
    const onPlay = () => sides.forEach((other) => other.letter !== letter && other.wave.pause());
    sides = [...sides, { letter, name, src, wave: createWaveform(app, { src, title: `${letter}: ${name}`, onPlay }, redraw) }];
    redraw();
  }

  const select = (/** @type {string} */ letter, /** @type {number} */ place) => html`<div class="field">
    <label for="compare-${letter}">${letter}</label>
    <select id="compare-${letter}" class="form-select" ?disabled=${state.isMaking} @change=${(/** @type {any} */ event) => choose(place, event.target.value)}>
      ${options(profiles().map((one) => /** @type {const} */ ([one.id, profileName(texts, one)])), chosen()[place].id)}
    </select>
  </div>`;

  return {
    close() {
      abort.abort();
      clear();
    },
    draw() {
      const [first, second] = chosen();
      return html`<section class="card profile-compare" aria-labelledby="compare-title" data-compare=${state.isMaking ? "making" : "idle"}>
        <h2 id="compare-title">${t("title")}</h2>
        <p class="fine">${t("about")}</p>
        <div class="compare-choice">
          ${LETTERS.map(select)}
          <button type="button" class="btn btn-primary" data-compare-begin aria-busy=${state.isMaking} ?disabled=${state.isMaking || first.id === second.id || !said().text.trim()} @click=${() => void begin()}>${icon(state.isMaking ? "wait" : "play")}${t("begin")}</button>
        </div>
        ${state.error ? alert(state.error) : nothing}
        ${sides.length > 0
          ? html`<div class="compare-sides">${sides.map(({ letter, name, src, wave }) => html`<div class="compare-side" data-side=${letter} data-src=${live(src)}><h3>${letter}: ${name}</h3>${wave.draw()}</div>`)}</div>
              <p class="fine" data-seed=${state.seed ?? ""}>${state.seed === null ? t("no_seed", { text: state.text }) : t("seed", { text: state.text, seed: state.seed })}</p>`
          : nothing}
      </section>`;
    },
  };
}
