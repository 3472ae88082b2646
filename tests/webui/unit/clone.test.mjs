import assert from "node:assert/strict";
import test from "node:test";

import { choicesOf, isOfPauses, isUsed, usedOf } from "../../../app/webui/js/pages/clone-clips.js";
import { judged } from "../../../app/webui/js/widgets/microphone.js";
import { clipsOf, requestOf } from "../../../app/webui/js/pages/clone-name.js";
import { formOf, totalS } from "../../../app/webui/js/pages/clone-record.js";
import { rowsOf } from "../../../app/webui/js/pages/clone-report.js";
import { readingFor } from "../../../app/webui/js/reading.js";
import { CLONE, SPEAK } from "../../../app/webui/js/drafts.js";
import { createStore } from "../../../app/webui/js/store.js";
import { speaks } from "../../../app/webui/js/catalog.js";
import { aboutTime } from "../../../app/webui/js/widgets/progress.js";
import { levelDb, peakOf, SILENCE_DB, wavOf } from "../../../app/webui/js/wav.js";

const CLIPS = [
  { clip_id: "c001", text: "Olá.", is_usable: true, duration_s: 2.5 },
  { clip_id: "c002", text: "Bom dia.", is_usable: true, duration_s: 3 },
  { clip_id: "c003", text: "", is_usable: false, duration_s: 4 },
];

test("a WAV file holds the blocks in order, rounded to 16 bit and limited", () => {
  const bytes = wavOf([Float32Array.of(0, 0.5), Float32Array.of(-1.5, 1)], 24000);
  const view = new DataView(bytes);
  const tag = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  assert.deepEqual([tag(0), tag(8), tag(12), tag(36)], ["RIFF", "WAVE", "fmt ", "data"]);
  assert.deepEqual([view.getUint32(4, true), view.getUint32(40, true), bytes.byteLength], [44, 8, 52]);
  assert.deepEqual([view.getUint32(24, true), view.getUint32(28, true)], [24000, 48000]);
  const samples = [0, 1, 2, 3].map((index) => view.getInt16(44 + 2 * index, true));
  assert.deepEqual(samples, [0, 16384, -32767, 32767]);
});

test("level and peak of a block, and what is said of them", () => {
  assert.equal(levelDb(new Float32Array(10)), SILENCE_DB);
  assert.equal(levelDb(new Float32Array(0)), SILENCE_DB);
  assert.ok(Math.abs(levelDb(new Float32Array(10).fill(0.1)) + 20) < 1e-4);
  assert.equal(peakOf(Float32Array.of(0.25, -0.5)), 0.5);
  assert.equal(judged({ db: -20, peak: 0.5 }), "good");
  assert.equal(judged({ db: -60, peak: 0.01 }), "quiet");
  assert.equal(judged({ db: -10, peak: 1 }), "loud");
});

test("only what a person changed is sent of the clips, and nothing of those that cannot be used", () => {
  const changes = { c001: { text: "Oi." }, c002: { use: false, text: "Bom dia." }, c003: { use: true } };
  assert.deepEqual(choicesOf(CLIPS, changes), [
    { clip_id: "c001", use: true, text: "Oi." },
    { clip_id: "c002", use: false },
  ]);
  assert.deepEqual(choicesOf(CLIPS, {}), []);
  assert.deepEqual(choicesOf(CLIPS, { c001: { text: "  " } }), [{ clip_id: "c001", use: true }]);
  assert.deepEqual(
    CLIPS.map((clip) => isUsed(clip, changes)),
    [true, false, false],
  );
  assert.deepEqual(usedOf(CLIPS, changes), { count: 1, seconds: 2.5 });
  assert.deepEqual(usedOf(CLIPS, {}), { count: 2, seconds: 5.5 });
});

test("the request holds the statement in the words that were read", () => {
  const job = { id: "job_1", result: { clips: CLIPS } };
  const request = requestOf({ ...CLONE.initial, name: "Ana", consent: true }, clipsOf(job, {}), "Sou eu.");
  assert.deepEqual(request, {
    intake_job_id: "job_1",
    name: "Ana",
    clips: [],
    effort: "default",
    consent: true,
    consent_statement: "Sou eu.",
    gender: "unknown",
    description: "",
  });
});

test("takes are sent in their order, with their text only where there is one; they outlive other changes", async () => {
  const store = createStore();
  [CLONE, SPEAK].forEach(store.register);
  const takes = ["a", "b"].map((name) => ({ id: name, name: `${name}.wav`, blob: new Blob([name]), durationS: 2 }));
  store.dispatch({ type: "clone", values: { takes, language: "pt-BR" } });
  store.dispatch({ type: "draft", values: { text: "x" } });
  const { clone } = store.state();
  const form = formOf(clone);
  assert.deepEqual([...form.keys()], ["file", "file", "language"]);
  assert.deepEqual(await Promise.all(form.getAll("file").map((file) => file.text())), ["a", "b"]);
  assert.equal(formOf({ ...clone, text: " Olá " }).get("text"), " Olá ");
  assert.equal(totalS(clone.takes), 4);
  assert.equal(totalS([...takes, { ...takes[0], durationS: null }]), null);
});

test("an estimate is said in seconds or in minutes", () => {
  const texts = { t: (code, { count }) => `${code.split("_").pop()} ${count}`, number: String };
  assert.equal(aboutTime(texts, 2), "seconds 5");
  assert.equal(aboutTime(texts, 62), "seconds 60");
  assert.equal(aboutTime(texts, 480), "minutes 8");
});

test("a report's rows keep what is not known as null", () => {
  const contrast = { stock: null, fitted: 0 };
  const rows = rowsOf({
    similarity: { one: { before: 0.2, after: 0.7, ceiling: null, share: null } },
    word_error_rate: { stock: 0, fitted: 0.02 },
    overall: contrast,
    p808: { stock: 3, fitted: 4 },
  });
  assert.deepEqual(
    rows.map(({ key, values }) => [key, values]),
    [
      ["similarity", [0.2, 0.7, null]],
      ["words", [0, 0.02, null]],
      ["overall", [null, 0, null]],
      ["p808", [3, 4, null]],
    ],
  );
});

test("a cloned voice is offered for every language of its engine, a stock voice for its own", () => {
  const voice = { language: "pt-BR", languages: ["pt-BR", "en-US"], is_stock: false };
  assert.ok(speaks(voice, "en-US") && speaks(voice, "pt-BR") && !speaks(voice, "ja"));
  assert.ok(!speaks({ ...voice, is_stock: true }, "en-US"));
});

test("every language has about a minute to read, with questions and exclamations", () => {
  for (const tag of ["pt-BR", "en-US", "en-GB", "es", "fr", "it", "hi"]) {
    const text = readingFor(tag).join(" ");
    const words = text.split(/\s+/).length;
    assert.ok(words >= 140 && words <= 200, `${tag}: ${words}`);
    assert.ok(text.includes("?") && text.includes("!"), tag);
  }
  assert.deepEqual(readingFor("de"), []);
  assert.deepEqual(readingFor(null), []);
});

test("noise in the pauses around a clip is not told under the name of noise within it", () => {
  const measures = { snr_db: 27.04, pause_snr_db: 1.42 };
  assert.ok(isOfPauses({ measures }, { code: "noisy", values: { value: 1.4 } }));
  assert.ok(!isOfPauses({ measures: { snr_db: 9.04 } }, { code: "noisy", values: { value: 9 } }));
  assert.ok(!isOfPauses({ measures }, { code: "clipped", values: { value: 1.4 } }));
});
