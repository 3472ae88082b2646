/** The microphone, into a WAV file: as it hears, without what browsers do to calls. */

import { levelDb, peakOf, wavOf } from "./wav.js";

const WORKLET = new URL("./recorder-worklet.js", import.meta.url);
// Noise suppression and automatic gain change a voice; a clone would learn what they do.
const AS_IT_IS = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Whether this browser lets this page record: it does on this machine's own address and over HTTPS. */
export function canRecord() {
  return Boolean(navigator.mediaDevices?.getUserMedia) && typeof AudioWorkletNode === "function";
}

/**
 * One recording.
 * @typedef {{ db: number, peak: number, durationS: number }} Level of the newest block, and how much there is
 */
export class Recorder {
  /** @param {(level: Level) => void} onLevel about twenty times a second */
  constructor(onLevel) {
    this.onLevel = onLevel;
    /** @type {Float32Array[]} */
    this.blocks = [];
    this.count = 0;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {AudioWorkletNode | null} */
    this.node = null;
    this.isGone = false;
    /** @type {() => void} */
    this.whole = () => {};
  }

  /** Asks for the microphone. Throws DOMException: `NotAllowedError`, `NotFoundError`, `NotReadableError`. */
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: AS_IT_IS });
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule(WORKLET);
    if (this.isGone) return this.close();
    const source = this.context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(this.context, "pcm-recorder", { channelCount: 1, channelCountMode: "explicit" });
    this.node.port.onmessage = ({ data }) => this.take(data);
    // Only what leads to the output is run; the node's own output is silence.
    source.connect(this.node).connect(this.context.destination);
    await this.context.resume();
  }

  /** @param {Float32Array | null} samples null after the last */
  take(samples) {
    if (!samples) return this.whole();
    this.blocks.push(samples);
    this.count += samples.length;
    const durationS = this.count / /** @type {AudioContext} */ (this.context).sampleRate;
    this.onLevel({ db: levelDb(samples), peak: peakOf(samples), durationS });
  }

  /** @returns {Promise<{ blob: Blob, durationS: number }>} */
  async stop() {
    const { node, context } = this;
    if (node) {
      await new Promise((resolve) => {
        this.whole = () => resolve(null);
        node.port.postMessage("stop");
      });
    }
    const rate = context?.sampleRate ?? 48000;
    this.close();
    return { blob: new Blob([wavOf(this.blocks, rate)], { type: "audio/wav" }), durationS: this.count / rate };
  }

  /** Lets the microphone go; what was recorded and not stopped is dropped. */
  close() {
    this.isGone = true;
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.context && this.context.state !== "closed") void this.context.close();
  }
}
