/** Plays a PCM stream while it arrives: fetch reader, to samples, to the audio worklet. */

const WORKLET = new URL("./player-worklet.js", import.meta.url);
const CAPACITY_S = 60;
// The service may be far faster than speech: reading stops while this much waits, and TCP holds the rest back.
const AHEAD_S = 30;
// The default of the embedded engine; the stream's own header decides.
export const USUAL_SAMPLE_RATE = 24000;

/** Bytes of s16le mono, cut anywhere, to float samples in [-1, 1). */
export class PcmDecoder {
  constructor() {
    /** @type {number | null} the low byte of a sample whose high byte has not come */
    this.half = null;
  }

  /** @param {Uint8Array} bytes @returns {Float32Array<ArrayBuffer>} */
  push(bytes) {
    const lead = this.half === null ? 0 : 1;
    const samples = new Float32Array(Math.floor((bytes.length + lead) / 2));
    if (lead && bytes.length > 0) samples[0] = toFloat(/** @type {number} */ (this.half), bytes[0]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = lead; i < samples.length; i += 1) samples[i] = view.getInt16(i * 2 - lead, true) / 32768;
    if (bytes.length > 0) this.half = (bytes.length + lead) % 2 ? bytes[bytes.length - 1] : null;
    return samples;
  }
}

/** @param {number} low @param {number} high */
function toFloat(low, high) {
  return (((high << 8) | low) << 16) / 2 ** 31;
}

/**
 * How far a stream has come. Seconds are of sound; `firstSoundMs` counts from `prepare()`.
 * @typedef {object} PlayerState
 * @property {"idle" | "waiting" | "playing" | "paused" | "ended" | "stopped"} status
 * @property {number} playedS
 * @property {number} queuedS
 * @property {number} bytes received
 * @property {number} sampleRate
 * @property {number} underruns times the sound ran dry
 * @property {number | null} firstSoundMs
 */

/** @type {PlayerState} */
const IDLE = {
  status: "idle",
  playedS: 0,
  queuedS: 0,
  bytes: 0,
  sampleRate: 0,
  underruns: 0,
  firstSoundMs: null,
};

/** One stream at a time; `onChange` hears every new state. */
export class StreamPlayer {
  /** @param {(state: PlayerState) => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.state = IDLE;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Promise<void> | null} */
    this.ready = null;
    /** @type {AudioWorkletNode | null} */
    this.node = null;
    this.abort = new AbortController();
    this.startedAt = 0;
    this.sent = 0;
    this.wake = () => {};
  }

  /** Call inside the click: browsers let sound start only there. Returns the signal that ends the fetch. */
  prepare() {
    this.stop();
    this.startedAt = performance.now();
    this.abort = new AbortController();
    this.state = IDLE;
    this.sent = 0;
    this.open(USUAL_SAMPLE_RATE);
    this.change({ status: "waiting" });
    return this.abort.signal;
  }

  /** @param {number} sampleRate */
  open(sampleRate) {
    void this.context?.close();
    this.context = new AudioContext({ sampleRate });
    this.ready = this.context.audioWorklet.addModule(WORKLET);
    // Whoever awaits it gets the failure; nobody awaits it when the job was refused.
    this.ready.catch(() => {});
  }

  /**
   * Plays the body of `response` (raw s16le mono, rate in X-Sample-Rate) until its end or `stop()`.
   * @param {Response} response
   */
  async play(response) {
    const { signal } = this.abort;
    const sampleRate = Number(response.headers.get("X-Sample-Rate"));
    if (!(sampleRate > 0) || !response.body) throw new Error("the stream names no X-Sample-Rate");
    if (this.context?.sampleRate !== sampleRate) this.open(sampleRate);
    this.change({ sampleRate });
    await this.ready;
    if (signal.aborted || !this.context) return;
    this.node = this.connect(this.context);
    await this.context.resume();
    await this.pump(response.body.getReader(), signal);
  }

  /** @param {AudioContext} context */
  connect(context) {
    const processorOptions = { capacity: CAPACITY_S * context.sampleRate };
    const node = new AudioWorkletNode(context, "pcm-player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions,
    });
    node.port.onmessage = ({ data }) => this.hear(data, context.sampleRate);
    node.connect(context.destination);
    return node;
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {AbortSignal} signal */
  async pump(reader, signal) {
    const decoder = new PcmDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return;
      if (done) break;
      await this.feed(decoder.push(value), value.length, signal);
    }
    this.node?.port.postMessage({ kind: "end" });
  }

  /** @param {Float32Array<ArrayBuffer>} samples @param {number} bytes @param {AbortSignal} signal */
  async feed(samples, bytes, signal) {
    const { sampleRate } = this.state;
    const piece = (CAPACITY_S - AHEAD_S) * sampleRate;
    for (let start = 0; start < samples.length; start += piece) {
      const part = samples.slice(start, start + piece);
      while (this.state.queuedS > AHEAD_S && !signal.aborted) await this.level();
      if (signal.aborted) return;
      this.sent += part.length;
      this.change({ queuedS: this.sent / sampleRate - this.state.playedS });
      this.node?.port.postMessage({ kind: "samples", samples: part }, [part.buffer]);
    }
    this.change({ bytes: this.state.bytes + bytes });
  }

  /** Until the worklet has reported once more, or the player was stopped. @returns {Promise<void>} */
  level() {
    return new Promise((resolve) => (this.wake = resolve));
  }

  /** @param {any} data a message of the worklet @param {number} sampleRate */
  hear(data, sampleRate) {
    if (this.state.status === "stopped") return;
    if (data.kind === "sounding") {
      this.change({ status: "playing", firstSoundMs: performance.now() - this.startedAt });
    } else if (data.kind === "level") {
      // Counted from what was sent: the worklet's own count may be older than pieces on their way to it.
      const queuedS = (this.sent - data.played) / sampleRate;
      this.change({ playedS: data.played / sampleRate, queuedS, underruns: data.underruns });
      this.wake();
    } else if (data.kind === "ended") {
      this.change({ status: "ended" });
      this.release();
    }
  }

  async pause() {
    if (this.state.status !== "playing") return;
    this.change({ status: "paused" });
    await this.context?.suspend();
  }

  async resume() {
    if (this.state.status !== "paused") return;
    this.change({ status: "playing" });
    await this.context?.resume();
  }

  /** Ends sound and fetch; harmless when nothing plays. */
  stop() {
    this.abort.abort();
    this.wake();
    if (["waiting", "playing", "paused"].includes(this.state.status)) this.change({ status: "stopped" });
    this.release();
  }

  release() {
    this.node?.disconnect();
    this.node = null;
    void this.context?.close();
    this.context = null;
  }

  /** @param {Partial<PlayerState>} values */
  change(values) {
    this.state = { ...this.state, ...values };
    this.onChange(this.state);
  }
}
