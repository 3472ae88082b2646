import assert from "node:assert/strict";
import test from "node:test";

import { createLearning, epochsOver, isPlaceOf, sentencesOf } from "../../../app/webui/js/notices.js";

const texts = /** @type {any} */ ({
  has: () => true,
  t: (code, values = {}) => [code.replace("page.notice.", ""), ...Object.values(values)].join(" "),
  number: String,
});
const ended = (id, kind, isGood = true) => ({ id, kind, isGood, owner: "local" });

test("one job is told by what it is about, many by their number, and a failure by its reason", () => {
  const said = (jobs, one = null) => sentencesOf(texts, { jobs, epochs: [] }, one).map(({ text, isGood, place }) => [text, isGood, place.join("/")]);
  const spoken = { kind: "dubbing", text: "Olá, mundo. ".repeat(20) };
  assert.deepEqual(said([ended("a", "dubbing")], spoken), [[`completed ${"Olá, mundo. ".repeat(5).trim()}…`, true, "jobs"]]);
  assert.deepEqual(said([ended("a", "training", false)], { kind: "training", error_message: "Disk full." }), [
    ["failed page.jobs.kind.training Disk full.", false, "training/training"],
  ]);
  const many = Array.from({ length: 100 }, (_, n) => ended(`j${n}`, "dubbing"));
  assert.deepEqual(said(many), [["many 100 0", true, "jobs"]]);
  assert.deepEqual(said([...many, ended("x", "dubbing", false)]), [["mixed 100 1", false, "jobs"]]);
  assert.deepEqual(said([]), []);
});

test("a page that shows a kind of job as it goes is its place; of voices that are cloned one by one it is not", () => {
  const at = (name, ...path) => ({ name, path, query: {} });
  assert.ok(isPlaceOf(at("training", "training"), "training") && isPlaceOf(at("training"), "dataset"));
  assert.ok(!isPlaceOf(at("training"), "training") && !isPlaceOf(at("speak"), "dubbing") && !isPlaceOf(at("clone"), "clone_voice"));
});

test("epochs follow from steps; what was over when the page came is not told, and nothing twice", async () => {
  assert.deepEqual([4, 5, 9, 10].map((done) => epochsOver({ done, total: 20 }, 4)), [0, 1, 1, 2]);
  const asked = [];
  const learning = createLearning(/** @type {any} */ ({ get: async (path) => (asked.push(path), { epochs: 4, dataset: "ana" }) }));
  const told = [];
  const hear = (done, note = "training.stage.learning") =>
    learning.hear({ kind: "job.progress", job_id: "job_1", done, total: 20, note }, ({ epoch }) => told.push(epoch));
  for (const done of [6, 7, 9, 10, 11, 3, 10, 16]) await hear(done);
  await hear(20, "training.stage.judging");
  assert.deepEqual(told, [2, 3]);
  assert.deepEqual(asked, ["/training/status?job_id=job_1"]);
});
