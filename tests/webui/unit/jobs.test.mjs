import assert from "node:assert/strict";
import test from "node:test";

import { askedOf, EVERYTHING, filterOf, isFiltering } from "../../../app/webui/js/pages/jobs-filters.js";

test("an address says what is shown; what makes no sense in it is left out", () => {
  const query = { status: "failed", engine: "xtts", language: "pt-BR", from: "2026-11-01", until: "2026-11-02" };
  assert.deepEqual(filterOf(query), query);
  assert.deepEqual(filterOf({ status: "gone", from: "yesterday", until: "2026-02-31x", offset: "20" }), EVERYTHING);
  assert.deepEqual(filterOf({ from: "2026-13-01", until: "0202-01-01" }), EVERYTHING);
  assert.deepEqual([isFiltering(filterOf(query)), isFiltering(filterOf({}))], [true, false]);
});

test("the last day is included, and a day begins at the reader's midnight", () => {
  const { created_from: from, created_until: until } = askedOf({ ...EVERYTHING, from: "2026-12-31", until: "2026-12-31" });
  assert.equal(from, new Date(2026, 11, 31).toISOString());
  assert.equal(until, new Date(2027, 0, 1).toISOString());
  assert.deepEqual(askedOf(EVERYTHING), { status: "", engine: "", language: "", created_from: "", created_until: "" });
});
