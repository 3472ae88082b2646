/** What waits to be played: pieces of sound in, blocks of any size out. Runs inside the audio worklet. */

export class SampleQueue {
  /** @param {number} capacity most samples it holds; what is pushed beyond that is an error of the caller */
  constructor(capacity) {
    this.ring = new Float32Array(capacity);
    this.first = 0;
    this.length = 0;
  }

  /** @param {Float32Array} samples */
  push(samples) {
    const capacity = this.ring.length;
    if (samples.length > capacity - this.length) throw new RangeError(`${samples.length} samples do not fit`);
    const start = (this.first + this.length) % capacity;
    const head = Math.min(samples.length, capacity - start);
    this.ring.set(samples.subarray(0, head), start);
    this.ring.set(samples.subarray(head), 0);
    this.length += samples.length;
  }

  /** Fills `block` from the front, the rest with silence. @param {Float32Array} block @returns {number} samples taken */
  pull(block) {
    const capacity = this.ring.length;
    const taken = Math.min(block.length, this.length);
    const head = Math.min(taken, capacity - this.first);
    block.set(this.ring.subarray(this.first, this.first + head), 0);
    block.set(this.ring.subarray(0, taken - head), head);
    block.fill(0, taken);
    this.first = (this.first + taken) % capacity;
    this.length -= taken;
    return taken;
  }
}
