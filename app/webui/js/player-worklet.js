/** The sound thread: plays what `player.js` posts to it and reports how it goes. */

import { SampleQueue } from "./sample-queue.js";

const REPORT_S = 0.1;
// After running dry, wait for this much sound, so that a slow engine stutters rarely rather than at every block.
const REFILL_S = 0.2;

/**
 * In: `{kind: "samples", samples}` and `{kind: "end"}`. Out: `{kind: "level", played, underruns}` about
 * every 0.1 s, `{kind: "sounding"}` at the first sample played, `{kind: "ended"}` after the last.
 */
class PcmPlayer extends AudioWorkletProcessor {
  /** @param {{ processorOptions: { capacity: number } }} options samples the queue holds */
  constructor(options) {
    super();
    this.queue = new SampleQueue(options.processorOptions.capacity);
    this.played = 0;
    this.underruns = 0;
    this.isLast = false;
    this.isDry = false;
    this.nextReport = 0;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "samples") this.queue.push(data.samples);
      else if (data.kind === "end") this.isLast = true;
    };
  }

  /** @param {Float32Array[][]} inputs @param {Float32Array[][]} outputs @returns {boolean} whether to go on */
  process(inputs, outputs) {
    const block = outputs[0][0];
    if (this.isDry && (this.isLast || this.queue.length >= REFILL_S * sampleRate)) this.isDry = false;
    const taken = this.isDry ? 0 : this.queue.pull(block);
    if (taken > 0 && this.played === 0) this.port.postMessage({ kind: "sounding" });
    this.played += taken;
    if (taken < block.length && !this.isDry && !this.isLast && this.played > 0) {
      this.isDry = true;
      this.underruns += 1;
    }
    const hasEnded = this.isLast && this.queue.length === 0;
    if (hasEnded || currentTime >= this.nextReport) this.report();
    if (hasEnded) this.port.postMessage({ kind: "ended" });
    return !hasEnded;
  }

  report() {
    this.nextReport = currentTime + REPORT_S;
    const { played, underruns } = this;
    this.port.postMessage({ kind: "level", played, underruns });
  }
}

registerProcessor("pcm-player", PcmPlayer);
