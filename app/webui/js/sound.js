/** The one player of the page: a stream while it is made, or a file. It lives in the frame, so it goes on from page to page. */

import { StreamPlayer } from "./player.js";

/** Less than this of a stream waiting to sound is silence: the next piece is still being made. */
const STARVED_S = 0.02;

/**
 * @typedef {object} SoundState
 * @property {"none" | "stream" | "file"} kind
 * @property {string} key whose sound it is: a job, a voice, a clip; buttons compare it with theirs
 * @property {string} title
 * @property {"idle" | "waiting" | "starved" | "playing" | "paused" | "ended" | "stopped" | "failed"} status
 * @property {number} positionS
 * @property {number | null} durationS null: not known yet
 * @property {string} error why it failed
 * @property {import("./player.js").PlayerState | null} stream how far a stream has come
 *
 * What is played: `src` is the file; a stream has it for hearing again.
 * @typedef {{ key: string, title: string, src: string }} Track
 */

/** @type {SoundState} */
const SILENT = {
  kind: "none",
  key: "",
  title: "",
  status: "idle",
  positionS: 0,
  durationS: null,
  error: "",
  stream: null,
};

/** @typedef {ReturnType<typeof createSound>} Sound */

/** @param {import("./texts.js").Texts} texts */
export function createSound(texts) {
  /** @type {SoundState} */
  let state = SILENT;
  let src = "";
  /** @type {Set<(state: SoundState) => void>} */
  const listeners = new Set();
  const audio = new Audio();
  audio.preload = "metadata";

  /** @param {Partial<SoundState>} values */
  const change = (values) => {
    state = { ...state, ...values };
    [...listeners].forEach((listener) => listener(state));
  };
  const stream = new StreamPlayer((told) => {
    if (state.kind === "stream") change({ ...ofStream(told), stream: told });
  });
  listenTo(audio, () => state, change);

  const play = async (/** @type {Track} */ track) => {
    stream.stop();
    src = track.src;
    const wanted = new URL(src, location.href).href;
    change({ ...SILENT, kind: "file", key: track.key, title: track.title, status: "waiting" });
    if (audio.src !== wanted || audio.error) audio.src = wanted;
    else audio.currentTime = 0;
    try {
      await audio.play();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError" && state.key === track.key) {
        change({ status: "failed", error: texts.t("page.player.failed") });
      }
    }
  };
  const stop = () => {
    if (state.kind === "stream") stream.stop();
    else if (state.kind === "file" && !["ended", "failed"].includes(state.status)) {
      audio.pause();
      change({ status: "stopped" });
    }
  };

  return {
    /** The element of files; the frame puts it into the document. */
    audio,
    state: () => state,
    /** @param {(state: SoundState) => void} listener @returns {() => void} */
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    /** Whether the sound of `key` is on, or about to be. @param {string} key */
    isOn: (key) => state.key === key && ["waiting", "starved", "playing"].includes(state.status),
    play,
    stop,
    /** Call inside the click, before the job is there: browsers let sound start only then. Returns what ends the fetch. @param {Track} track */
    beginStream(track) {
      audio.pause();
      src = track.src;
      state = { ...SILENT, kind: "stream", key: track.key, title: track.title };
      return stream.prepare();
    },
    /** The job of a stream that began has its key and file now. @param {Partial<Track>} track */
    name(track) {
      src = track.src ?? src;
      change({ key: track.key ?? state.key, title: track.title ?? state.title });
    },
    /** @param {Response} response raw s16le mono, its rate in X-Sample-Rate */
    playStream: (response) => stream.play(response),
    /** @param {string} error */
    fail(error) {
      stream.stop();
      change({ status: "failed", error });
    },
    async toggle() {
      if (state.status === "paused") await (state.kind === "stream" ? stream.resume() : audio.play());
      else if (["playing", "starved"].includes(state.status)) await (state.kind === "stream" ? stream.pause() : audio.pause());
      else if (src) await play({ key: state.key, title: state.title, src });
    },
    /** @param {number} seconds */
    seek(seconds) {
      if (state.kind === "file") audio.currentTime = seconds;
    },
    /** Ends the sound and takes the player away. */
    close() {
      stop();
      audio.pause();
      change(SILENT);
    },
  };
}

/** @param {import("./player.js").PlayerState} told @returns {Partial<SoundState>} */
function ofStream(told) {
  const isStarved = told.status === "playing" && told.queuedS <= STARVED_S;
  return { status: isStarved ? "starved" : told.status, positionS: told.playedS };
}

/**
 * @param {HTMLAudioElement} audio
 * @param {() => SoundState} state
 * @param {(values: Partial<SoundState>) => void} change
 */
function listenTo(audio, state, change) {
  const told = (/** @type {() => Partial<SoundState>} */ values) => () => {
    if (state().kind === "file") change(values());
  };
  const durationS = () => (Number.isFinite(audio.duration) ? audio.duration : null);
  audio.addEventListener("playing", told(() => ({ status: "playing", durationS: durationS() })));
  audio.addEventListener("loadedmetadata", told(() => ({ durationS: durationS() })));
  audio.addEventListener("timeupdate", told(() => ({ positionS: audio.currentTime })));
  audio.addEventListener("ended", told(() => ({ status: "ended", positionS: audio.duration })));
  audio.addEventListener("pause", () => {
    if (state().kind === "file" && state().status === "playing" && !audio.ended) change({ status: "paused" });
  });
}
