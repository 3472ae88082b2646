import assert from "node:assert/strict";
import test from "node:test";

import { decoded, rowsOf } from "../../../app/webui/js/pages/batch-rows.js";

test("a first line of the service's columns makes a table", () => {
  for (const header of ["text", "text,language,voice", "Name; TEXT ;voice", '\uFEFF"text","speed"', "text,langage,voice"]) {
    const typed = `${header}\nOlá.`;
    assert.deepEqual(rowsOf(typed), { table: typed }, header);
  }
});

test("a sentence with the word text is a text", () => {
  for (const line of ["Read this text", "Leia o text", "Text, please", "text; and more", "O texto, a voz", "name,voice"]) {
    assert.deepEqual(rowsOf(`${line}\n\nOlá.\r\n`), { texts: [line, "Olá."] }, line);
  }
});

test("bytes that are no UTF-8 are not guessed at", () => {
  assert.equal(decoded(new TextEncoder().encode("\uFEFFtext\nOlá.")), "text\nOlá.");
  assert.equal(decoded(Uint8Array.from(Buffer.from("text\nOlá.", "latin1"))), null);
});
