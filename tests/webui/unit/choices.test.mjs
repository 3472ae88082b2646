import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, createApi, url } from "../../../app/webui/js/api.js";
import { afterEvent } from "../../../app/webui/js/pages/job-view.js";
import { completed, countChars, requestOf } from "../../../app/webui/js/pages/speak.js";
import { filtered } from "../../../app/webui/js/pages/voices.js";
import { createTexts } from "../../../app/webui/js/texts.js";
import { SPEAK } from "../../../app/webui/js/drafts.js";
import { createCatalog, engineOf, nearestLanguage, sortLanguages, speaks, catalogOf } from "../../../app/webui/js/catalog.js";

const SPOKEN = ["en-US", "pt-BR", "ja"];
const VOICES = [
  { id: "af_heart", title: "Heart", language: "en-US", gender: "female", engine: "kokoro" },
  { id: "pm_alex", title: "Alex", language: "pt-BR", gender: "male", engine: "kokoro" },
  { id: "silence_male", title: "Silence", language: "pt-BR", gender: "male", engine: "silence" },
  { id: "jf_alpha", title: "Alpha", language: "ja", gender: "female", engine: "kokoro" },
].map((voice) => ({ ...voice, languages: SPOKEN }));
const PRESETS = [{ id: "female_generic", languages: ["en-US", "pt-BR"], engine: "kokoro", voices: { en: "af_heart", pt: "pf_dora" } }];
const STUDIO = catalogOf({ voices: { voices: VOICES }, presets: { presets: PRESETS } });
const DRAFT = SPEAK.initial;
const PT = { "page.gender.female": "feminina", "page.gender.male": "masculina", "page.gender.unknown": "não informado", "page.voices.category.narrator": "narração" };
const WORDS = createTexts(async () => PT);
await WORDS.load("pt-BR");

test("languages: those that voices speak, Portuguese and English first", () => {
  const foreign = { ...VOICES[3], id: "zf_xiaobei", language: "zh" };
  const studio = catalogOf({ voices: { voices: [...VOICES, foreign] }, presets: { presets: PRESETS } });
  assert.deepEqual(studio, STUDIO);
  assert.deepEqual(STUDIO.languages, ["pt-BR", "en-US", "ja"]);
  assert.deepEqual(sortLanguages(["es", "en-GB", "de", "es", "pt-BR"]), ["pt-BR", "en-GB", "de", "es"]);
  assert.equal(nearestLanguage(STUDIO.languages, "en"), "en-US");
  assert.equal(nearestLanguage(STUDIO.languages, "fr"), "pt-BR");
});

test("a draft is completed with what is offered", () => {
  assert.deepEqual(completed(DRAFT, STUDIO, "pt-BR"), {
    language: "pt-BR",
    voiceId: null,
    presetId: "female_generic",
  });
  // A language no preset speaks gets its first voice; a voice asked for brings its language.
  assert.deepEqual(completed({ ...DRAFT, language: "ja" }, STUDIO, "en"), {
    language: "ja",
    voiceId: "jf_alpha",
    presetId: null,
  });
  assert.deepEqual(completed({ ...DRAFT, language: "ja" }, STUDIO, "en", "pm_alex"), {
    language: "pt-BR",
    voiceId: "pm_alex",
    presetId: null,
  });
  // A cloned one leaves a text in its language, which it speaks with an accent.
  const clone = { ...VOICES[0], id: "claire", language: "fr", languages: [...SPOKEN, "fr"], is_stock: false };
  const studio = catalogOf({ voices: { voices: [...VOICES, clone] }, presets: { presets: PRESETS } });
  const draft = { ...DRAFT, language: "pt-BR" };
  assert.equal(completed({ ...draft, text: "Bom dia." }, studio, "en", "claire").language, "pt-BR");
  assert.equal(completed(draft, studio, "en", "claire").language, "fr");
  // A voice of another language is given up, one that is gone too.
  assert.equal(completed({ ...DRAFT, language: "en-US", voiceId: "pm_alex" }, STUDIO, "en").presetId, "female_generic");
  assert.equal(completed({ ...DRAFT, language: "en-US", voiceId: "gone" }, STUDIO, "en").voiceId, null);
});

test("a voice without a language of its own is offered for all of its engine's", () => {
  const ana = { id: "xtts_ana", title: "Ana", language: "mul", gender: "unknown", engine: "xtts", is_stock: true };
  const many = { ...ana, languages: ["pt-BR", "de"], is_commercial: false };
  const studio = catalogOf({ voices: { voices: [...VOICES, many] }, presets: { presets: PRESETS } });
  assert.deepEqual(studio.languages, ["pt-BR", "en-US", "de", "ja"]);
  assert.ok(speaks(many, "de") && speaks(many, "pt-BR") && !speaks(many, "ja"));
  // German has no preset and no voice of its own; a voice asked for keeps the draft's language, which it speaks.
  assert.equal(completed({ ...DRAFT, language: "de" }, studio, "en").voiceId, "xtts_ana");
  const asked = completed({ ...DRAFT, language: "pt-BR" }, studio, "en", "xtts_ana");
  assert.deepEqual(asked, { language: "pt-BR", voiceId: "xtts_ana", presetId: null });
  assert.equal(engineOf(studio, asked), "xtts");
  const filter = { search: "", category: "", tag: "" };
  assert.deepEqual(
    filtered([...VOICES, many], { ...filter, language: "de" }, WORDS).map(({ id }) => id),
    ["xtts_ana"],
  );
});

test("the request has one voice, its engine, and only what was chosen", () => {
  const draft = { ...DRAFT, text: "oi", language: "pt-BR", presetId: "female_generic" };
  assert.deepEqual(requestOf(draft, engineOf(STUDIO, draft)), {
    text: "oi",
    source_language: "pt-BR",
    mode: "dubbing",
    voice_preset: "female_generic",
    tts_engine: "kokoro",
  });
  const other = { ...draft, presetId: null, voiceId: "silence_male", profileId: "silence_balanced", speed: 1.5 };
  assert.deepEqual(requestOf(other, engineOf(STUDIO, other)), {
    text: "oi",
    source_language: "pt-BR",
    mode: "dubbing",
    voice_id: "silence_male",
    tts_engine: "silence",
    quality_profile_id: "silence_balanced",
    speed: 1.5,
  });
  const converted = requestOf({ ...draft, rvcModelId: "ana", rvcPitch: -3 }, "kokoro");
  assert.deepEqual([converted.enable_rvc, converted.rvc_model_id, converted.rvc_pitch], [true, "ana", -3]);
});

test("characters are counted as the service counts them", () => {
  assert.equal(countChars("olá"), 3);
  assert.equal(countChars("🦜🦜"), 2);
});

test("voices are filtered by word, language, category and tag together, by the reader's own words", () => {
  const told = { ...VOICES[3], tags: ["rádio"], category: "narrator" };
  const voices = [...VOICES.slice(0, 3), told];
  const ids = (filter) => filtered(voices, { search: "", language: "", category: "", tag: "", ...filter }, WORDS).map(({ id }) => id);
  assert.equal(ids({}).length, 4);
  assert.deepEqual(ids({ search: "ALEX" }), ["pm_alex"]);
  assert.deepEqual(ids({ language: "pt-BR", category: "male", search: "silence" }), ["silence_male"]);
  assert.deepEqual(ids({ language: "ja", category: "male" }), []);
  // A voice is in the category it was given, and in its gender's.
  assert.deepEqual([ids({ category: "narrator" }), ids({ category: "female" })], [["jf_alpha"], ["af_heart", "jf_alpha"]]);
  assert.deepEqual(ids({ tag: "rádio" }), ["jf_alpha"]);
  assert.deepEqual([ids({ search: "narração" }), ids({ search: "narracao radio japones" })], [["jf_alpha"], ["jf_alpha"]]);
  assert.deepEqual(ids({ search: "masculina" }), ["pm_alex", "silence_male"]);
});

test("a job follows its own events only, and never leaves its end", () => {
  const job = { id: "job_1", status: "pending", progress: 0 };
  const at = { kind: "job.progress", job_id: "job_1", progress: 40 };
  const running = { id: "job_1", status: "processing", progress: 40, stage: null, left_s: null };
  assert.deepEqual(afterEvent(job, at), running);
  assert.deepEqual(afterEvent(job, { ...at, note: "clone.stage.aligning", left_s: 9 }), { ...running, stage: "clone.stage.aligning", left_s: 9 });
  assert.equal(afterEvent(job, { ...at, job_id: "job_2" }), job);
  const done = { ...job, status: "completed", progress: 100 };
  assert.equal(afterEvent(done, at), done);
});

test("what was fetched is kept, what failed is fetched again", async () => {
  let calls = 0;
  const studio = createCatalog({
    profiles: async () => {
      calls += 1;
      if (calls === 1) throw new Error("down");
      return { profiles: [{ id: "a" }] };
    },
  });
  await assert.rejects(studio.profiles("kokoro"), /down/);
  assert.deepEqual(await studio.profiles("kokoro"), [{ id: "a" }]);
  await studio.profiles("kokoro");
  assert.equal(calls, 2);
});

test("a refusal carries detail and fields in the reader's language; no answer says so", async () => {
  const asked = [];
  const problem = {
    code: "invalid_request",
    detail: "Há um problema",
    errors: [{ field: "text", message: "é obrigatório" }],
  };
  const answer = (path, init) => {
    asked.push([path, init.headers["Accept-Language"]]);
    const headers = { "Content-Type": "application/problem+json" };
    return Promise.resolve(new Response(JSON.stringify(problem), { status: 422, headers }));
  };
  const options = { language: () => "pt-BR", unreachable: () => "sem resposta" };
  await assert.rejects(createApi({ ...options, fetch: answer }).addJob({}), (error) => {
    assert.ok(error instanceof ApiError);
    assert.deepEqual([error.status, error.code, error.message], [422, "invalid_request", "Há um problema"]);
    assert.deepEqual(error.errors, problem.errors);
    return true;
  });
  assert.deepEqual(asked, [["/jobs", "pt-BR"]]);
  const silent = () => Promise.reject(new TypeError("refused"));
  await assert.rejects(createApi({ ...options, fetch: silent }).job("x"), /sem resposta/);
  assert.equal(url("/jobs", { limit: 20, offset: 0, status: "" }), "/jobs?limit=20&offset=0");
  assert.equal(createApi(options).downloadUrl("../x", "wav"), "/jobs/..%2Fx/download?format=wav");
});
