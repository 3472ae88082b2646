/** The sound thread of a recording: hands on what the microphone gives, in blocks. */

const BLOCK = 2048;

/** Out: `Float32Array` of `BLOCK` samples, mono; the last one shorter, after `"stop"` came in, then `null`. */
class PcmRecorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.isStopped = false;
    this.port.onmessage = () => {
      this.flush();
      this.port.postMessage(null);
      this.isStopped = true;
    };
  }

  flush() {
    const samples = this.block.slice(0, this.filled);
    this.filled = 0;
    if (samples.length > 0) this.port.postMessage(samples, [samples.buffer]);
  }

  /** @param {Float32Array[][]} inputs @returns {boolean} whether to go on */
  process(inputs) {
    const samples = inputs[0][0];
    if (samples && !this.isStopped) {
      if (this.filled + samples.length > BLOCK) this.flush();
      this.block.set(samples, this.filled);
      this.filled += samples.length;
    }
    return !this.isStopped;
  }
}

registerProcessor("pcm-recorder", PcmRecorder);
