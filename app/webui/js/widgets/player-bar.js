/** The frame's player: what sounds, where it is, and how to stop it. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";

/**
 * @param {import("../texts.js").Texts} texts
 * @param {import("../sound.js").Sound} sound
 */
export function playerBar(texts, sound) {
  const state = sound.state();
  if (state.kind === "none") return nothing;
  const isOn = ["playing", "starved"].includes(state.status);
  const firstMs = state.stream?.firstSoundMs ?? null;
  return html`<section
    class="player"
    aria-label=${texts.t("page.player.label")}
    data-kind=${state.kind}
    data-key=${state.key}
    data-player=${state.status}
    data-bytes=${state.stream?.bytes ?? ""}
    data-sample-rate=${state.stream?.sampleRate ?? ""}
    data-underruns=${state.stream?.underruns ?? ""}
    data-first-sound-ms=${firstMs === null ? "" : Math.round(firstMs)}
  >
    <div class="container-xl">
      <button type="button" class="btn btn-primary player-toggle" data-player-toggle aria-label=${texts.t(isOn ? "page.result.pause" : "page.job.play")} title=${texts.t(isOn ? "page.result.pause" : "page.job.play")} ?disabled=${state.status === "waiting"} @click=${sound.toggle}>
        ${icon(state.status === "waiting" ? "wait" : isOn ? "pause" : "play")}
      </button>
      <div class="player-what">
        <span class="player-title" title=${state.title}>${state.title}</span>
        <span class="fine" data-player-status>${state.status === "failed" ? state.error : texts.t(`page.player.${state.status}`)}${
          firstMs === null ? nothing : html` · <span data-first-sound>${texts.t("page.result.first_sound", { seconds: texts.number(firstMs / 1000, 2) })}</span>`
        }</span>
      </div>
      ${state.kind === "file" ? seekBar(texts, sound, state) : html`<span class="fine player-clock" data-clock>${texts.clock(state.positionS)}</span>`}
      <button type="button" class="btn btn-quiet" data-player-stop aria-label=${texts.t("page.result.stop")} title=${texts.t("page.result.stop")} ?hidden=${!isOn && state.status !== "paused"} @click=${sound.stop}>
        ${icon("stop")}
      </button>
      <button type="button" class="btn btn-quiet" data-player-close aria-label=${texts.t("page.player.close")} title=${texts.t("page.player.close")} @click=${sound.close}>
        ${icon("cross")}
      </button>
      ${sound.audio}
    </div>
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {import("../sound.js").Sound} sound @param {import("../sound.js").SoundState} state */
function seekBar(texts, sound, { positionS, durationS }) {
  const total = durationS === null ? "–:––" : texts.clock(durationS);
  return html`<input
      type="range"
      class="form-range player-seek"
      aria-label=${texts.t("page.player.seek")}
      aria-valuetext="${texts.clock(positionS)} / ${total}"
      min="0"
      max=${durationS ?? 0}
      step="0.1"
      ?disabled=${durationS === null}
      .value=${live(String(positionS))}
      @input=${(/** @type {any} */ event) => sound.seek(Number(event.target.value))}
    /><span class="fine player-clock" data-clock>${texts.clock(positionS)} / ${total}</span>`;
}

/**
 * A button that plays a sound in the frame's player, or stops it. Give the page's `redraw` to `sound.subscribe`.
 * @param {import("../app.js").App} app
 * @param {import("../sound.js").Track & { text?: string, label: string }} track `text` stands in the button, `label` names it
 */
export function hearButton({ sound, texts }, { key, title, src, text, label }) {
  const isOn = sound.isOn(key);
  const isWaiting = isOn && sound.state().status === "waiting";
  const failed = sound.state().key === key && sound.state().status === "failed";
  return html`<button
    type="button"
    class="btn btn-sm btn-quiet"
    data-hear=${key}
    data-state=${failed ? "failed" : isWaiting ? "loading" : isOn ? "playing" : "idle"}
    aria-label=${label}
    aria-pressed=${isOn}
    aria-busy=${isWaiting}
    title=${failed ? sound.state().error : label}
    @click=${() => (isOn ? sound.stop() : sound.play({ key, title, src }))}
  >
    ${icon(isWaiting ? "wait" : isOn ? "stop" : "play")}${text ?? nothing}
  </button>`;
}
