/** Sound as samples: how loud it is, and as a WAV file. */

/** What a silent block counts as; a logarithm has no value for 0. */
export const SILENCE_DB = -100;

/** Root mean square against full scale. @param {Float32Array} samples @returns {number} dB, 0 at most for a square */
export function levelDb(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum > 0 ? Math.max(SILENCE_DB, 10 * Math.log10(sum / samples.length)) : SILENCE_DB;
}

/** @param {Float32Array} samples @returns {number} 0 to 1 */
export function peakOf(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

/**
 * 16 bit mono, RIFF WAVE.
 * @param {readonly Float32Array[]} blocks one after the other
 * @param {number} sampleRate Hz
 * @returns {ArrayBuffer}
 */
export function wavOf(blocks, sampleRate) {
  const count = blocks.reduce((sum, block) => sum + block.length, 0);
  const bytes = new ArrayBuffer(44 + 2 * count);
  const view = new DataView(bytes);
  const tag = (/** @type {number} */ at, /** @type {string} */ text) =>
    [...text].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  tag(0, "RIFF");
  view.setUint32(4, 36 + 2 * count, true);
  tag(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * sampleRate, true); // bytes a second
  view.setUint16(32, 2, true); // bytes a sample
  view.setUint16(34, 16, true); // bits a sample
  tag(36, "data");
  view.setUint32(40, 2 * count, true);
  let at = 44;
  for (const block of blocks) {
    for (const sample of block) {
      view.setInt16(at, Math.round(Math.max(-1, Math.min(1, sample)) * 32767), true);
      at += 2;
    }
  }
  return bytes;
}
