import assert from "node:assert/strict";
import test from "node:test";

import { address, parse } from "../../../app/webui/js/router.js";
import { chooseLanguage, clock, createTexts, fill } from "../../../app/webui/js/texts.js";

test("the page's language is the first wanted one that exists, by its base", () => {
  assert.equal(chooseLanguage([null, "pt-PT", "en-US"]), "pt-BR");
  assert.equal(chooseLanguage(["fr-FR", "en-GB"]), "en");
  assert.equal(chooseLanguage(["fr-FR"]), "en");
  assert.equal(chooseLanguage(["pt-BR", "en"]), "pt-BR");
});

test("placeholders are filled once, lists are joined, unknown ones stay to be seen", () => {
  assert.equal(fill("{a} of {b}: {c}", { a: 1, b: ["x", "y"] }), "1 of x, y: {c}");
  assert.equal(fill("{a}", { a: "{b}", b: "no" }), "{b}");
  assert.equal(fill("{constructor}", {}), "{constructor}");
});

test("a catalogue is fetched once a language, and texts follow the language", async () => {
  const fetched = [];
  const texts = createTexts(async (language) => {
    fetched.push(language);
    return { "page.x": language === "en" ? "one {n}" : "um {n}" };
  });
  await texts.load("en");
  assert.equal(texts.t("page.x", { n: 1 }), "one 1");
  await texts.load("pt-BR");
  assert.equal(texts.t("page.x", { n: 1 }), "um 1");
  await texts.load("en");
  assert.deepEqual(fetched, ["en", "pt-BR"]);
  assert.equal(texts.number(1234.5, 1), "1,234.5");
});

test("seconds are shown as players show them", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(59.6), "0:59");
  assert.equal(clock(615), "10:15");
});

test("addresses carry a page and its query, there and back", () => {
  const names = ["speak", "jobs"];
  assert.deepEqual(parse("", names), { name: "speak", path: [], query: {} });
  assert.deepEqual(parse("#/nowhere", names), { name: "speak", path: [], query: {} });
  const there = address("jobs", { status: "failed", offset: "20", empty: "" });
  assert.equal(there, "#/jobs?status=failed&offset=20");
  assert.deepEqual(parse(there, names), { name: "jobs", path: [], query: { status: "failed", offset: "20" } });
  assert.deepEqual(parse("#/jobs/dataset/a%20b?x=1", names), { name: "jobs", path: ["dataset", "a b"], query: { x: "1" } });
  assert.equal(address(["jobs", "a/b"], { x: "1" }), "#/jobs/a%2Fb?x=1");
  assert.deepEqual(parse(address(["jobs", "a/b"]), names).path, ["a/b"]);
});
