import assert from "node:assert/strict";
import test from "node:test";

import { changed, completed } from "../../../app/webui/js/pages/profile-words.js";
import { changesOf, isEdited, newProfileOf, editOf } from "../../../app/webui/js/pages/profiles-editor.js";
import { firstVoice } from "../../../app/webui/js/catalog.js";

const PARAMETERS = [
  { name: "speed", default: 1 },
  { name: "denoise_audio", default: false },
  { name: "noise_reduction_strength", default: 0.7 },
];
const OWN = { id: "x_1", name: "Mine", description: "d", is_built_in: false, parameters: { speed: 0.987 } };
const texts = { t: (code, values = {}) => [code, ...Object.values(values)].join(" "), has: () => false };

test("what a profile does not name is shown as the default, and a value off the steps stays as it is", () => {
  assert.deepEqual(completed(PARAMETERS, OWN.parameters), { speed: 0.987, denoise_audio: false, noise_reduction_strength: 0.7 });
  assert.deepEqual(changed({ speed: 1, denoise_audio: false }, { speed: 2, denoise_audio: false }), { speed: 1 });
});

test("a form that nobody touched changes nothing, and only what was touched is sent", () => {
  const edit = editOf(texts, PARAMETERS, OWN);
  assert.equal(isEdited(texts, PARAMETERS, OWN, edit), false);
  assert.deepEqual(changesOf(PARAMETERS, OWN, edit), {});
  const louder = { ...edit, name: "Louder", values: { ...edit.values, denoise_audio: true } };
  assert.equal(isEdited(texts, PARAMETERS, OWN, louder), true);
  assert.deepEqual(changesOf(PARAMETERS, OWN, louder), { name: "Louder", parameters: { denoise_audio: true } });
  assert.deepEqual(newProfileOf(PARAMETERS, OWN, louder).parameters, { speed: 0.987, denoise_audio: true });
  const back = { ...louder, name: "Mine", values: edit.values };
  assert.equal(isEdited(texts, PARAMETERS, OWN, back), false);
});

test("a built-in profile is saved under a name of its own", () => {
  const builtIn = { ...OWN, is_built_in: true };
  assert.equal(editOf(texts, PARAMETERS, builtIn).name, "page.profiles.own_name Mine");
});

test("the first voice speaks the reader's language where one does", () => {
  const voices = [{ id: "a", language: "en-US" }, { id: "b", language: "pt-BR" }];
  assert.equal(firstVoice(voices, "pt-BR").id, "b");
  assert.equal(firstVoice(voices, "fr").id, "a");
});
