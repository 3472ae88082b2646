import assert from "node:assert/strict";
import test from "node:test";

import { PcmDecoder } from "../../../app/webui/js/player.js";
import { SampleQueue } from "../../../app/webui/js/sample-queue.js";

/** @param {number[]} samples */
const bytesOf = (samples) => new Uint8Array(Int16Array.from(samples).buffer);

test("s16le becomes floats, wherever the bytes are cut", () => {
  const samples = [0, 1, -1, 32767, -32768, 256, -257];
  const bytes = bytesOf(samples);
  const wanted = samples.map((sample) => sample / 32768);
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      const decoder = new PcmDecoder();
      const cut = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
      const heard = cut.flatMap((piece) => [...decoder.push(piece)]);
      assert.deepEqual(heard, wanted, `cut at ${first} and ${second}`);
    }
  }
});

test("a queue gives back what it got, in order, around its end, and silence when it is empty", () => {
  const queue = new SampleQueue(5);
  const block = new Float32Array(3);
  let next = 1;
  let expected = 1;
  for (let round = 0; round < 20; round += 1) {
    queue.push(Float32Array.of(next, next + 1, next + 2));
    next += 3;
    assert.equal(queue.pull(block), 3);
    assert.deepEqual([...block], [expected, expected + 1, expected + 2]);
    expected += 3;
  }
  queue.push(Float32Array.of(7));
  assert.equal(queue.pull(block), 1);
  assert.deepEqual([...block], [7, 0, 0]);
  assert.equal(queue.pull(block), 0);
  assert.deepEqual([...block], [0, 0, 0]);
});

test("a queue refuses what does not fit and keeps what it has", () => {
  const queue = new SampleQueue(4);
  queue.push(Float32Array.of(1, 2, 3));
  assert.throws(() => queue.push(Float32Array.of(4, 5)), RangeError);
  queue.push(Float32Array.of(4));
  const block = new Float32Array(4);
  queue.pull(block);
  assert.deepEqual([...block], [1, 2, 3, 4]);
});
