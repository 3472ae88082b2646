/** A recording as a waveform, to be heard and jumped in; by WaveSurfer. */

import { icon } from "../icons.js";
import { html, nothing, ref } from "../lit.js";
import { loadWaveSurfer } from "../libraries.js";

// The policy of the page names WaveSurfer's style by its hash, which holds this height.
const HEIGHT_PX = 64;
const colour = (/** @type {string} */ name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * `draw()` where it shall stand, `close()` when it goes. It begins to load when it is drawn.
 * @param {import("../app.js").App} app
 * @param {{ src: string, title: string, media?: HTMLMediaElement, onRange?: (seconds: number) => void, onPlay?: () => void }} options
 *   `media`: what plays `src` already and has its own controls; `onRange` hears where one jumped
 * @param {() => void} redraw
 */
export function createWaveform({ sound, texts }, { src, title, media, onRange = () => {}, onPlay = () => {} }, redraw) {
  /** @type {any} */
  let wave = null;
  const state = { isReady: false, isPlaying: false, atS: 0, durationS: 0, error: "" };
  let isClosed = false;
  const set = (/** @type {Partial<typeof state>} */ values) => {
    Object.assign(state, values);
    redraw();
  };
  const begin = async (/** @type {Element} */ place) => {
    try {
      const WaveSurfer = await loadWaveSurfer();
      if (isClosed || wave) return;
      wave = WaveSurfer.create({
        container: place,
        url: new URL(src, location.href).href,
        ...(media ? { media } : {}),
        height: HEIGHT_PX,
        waveColor: colour("--ink-soft"),
        progressColor: colour("--leaf"),
        cursorColor: colour("--coral"),
        barWidth: 2,
        barRadius: 1,
      });
      wave.on("ready", (/** @type {number} */ durationS) => set({ isReady: true, durationS }));
      wave.on("play", () => {
        set({ isPlaying: true });
        onPlay();
      });
      wave.on("pause", () => set({ isPlaying: false }));
      wave.on("timeupdate", (/** @type {number} */ atS) => set({ atS }));
      wave.on("interaction", onRange);
      wave.on("error", (/** @type {Error} */ error) => set({ error: error.message }));
    } catch (error) {
      set({ error: /** @type {Error} */ (error).message });
    }
  };
  const toggle = () => {
    sound.stop(); // one sound at a time
    void wave?.playPause();
  };
  const controls = () => html`<button type="button" class="btn btn-sm btn-quiet" ?disabled=${!state.isReady} aria-label=${texts.t("page.waveform.play", { title })} aria-pressed=${state.isPlaying} @click=${toggle}>
    ${icon(state.isPlaying ? "pause" : "play")}
  </button>`;
  return {
    pause: () => wave?.pause(),
    close() {
      isClosed = true;
      wave?.destroy();
      wave = null;
    },
    draw: () => html`<div class="waveform" data-ready=${state.isReady}>
      ${media ? nothing : controls()}
      <div class="waveform-place" aria-hidden=${media ? "true" : nothing} ${ref((place) => place && !wave && void begin(place))}></div>
      ${media ? nothing : html`<span class="fine">${texts.clock(state.atS)} / ${state.isReady ? texts.clock(state.durationS) : "–:––"}</span>`}
      ${state.error ? html`<p class="field-error" role="alert">${texts.t("page.player.failed")}</p>` : nothing}
    </div>`,
  };
}
