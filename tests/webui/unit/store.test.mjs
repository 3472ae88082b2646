import assert from "node:assert/strict";
import test from "node:test";

import { SPEAK } from "../../../app/webui/js/drafts.js";
import { createStore, INITIAL } from "../../../app/webui/js/store.js";

/** @param {Storage | null} [storage] */
function made(storage = null) {
  const store = createStore(INITIAL, storage);
  store.register(SPEAK);
  return store;
}

test("an action changes its part and leaves the state before as it was", () => {
  const store = made();
  const before = store.state();
  store.dispatch({ type: "draft", values: { text: "olá" } });
  assert.equal(store.state().draft.text, "olá");
  assert.equal(before.draft.text, "");
  assert.equal(store.state().theme, before.theme);
});

test("the state is frozen all through", () => {
  const state = made().state();
  assert.throws(() => (state.draft.text = "x"), TypeError);
  assert.throws(() => (state.theme = "dark"), TypeError);
});

test("listeners hear changes until they unsubscribe, and nothing when nothing changed", () => {
  const store = made();
  let heard = 0;
  const undo = store.subscribe(() => (heard += 1));
  store.dispatch({ type: "set", values: { theme: "dark" } });
  store.dispatch({ type: "set", values: { theme: "dark" } });
  assert.equal(heard, 1);
  undo();
  store.dispatch({ type: "set", values: { theme: "light" } });
  assert.equal(heard, 1);
});

test("watch hears only its own part, also when a listener unsubscribes while being told", () => {
  const store = made();
  const seen = [];
  const undo = store.watch(
    ({ draft }) => draft.language,
    (language) => {
      seen.push(language);
      undo();
    },
  );
  store.watch(
    ({ theme }) => theme,
    (theme) => seen.push(theme),
  );
  store.dispatch({ type: "draft", values: { text: "a" } });
  store.dispatch({ type: "draft", values: { language: "pt-BR" } });
  store.dispatch({ type: "draft", values: { language: "en-US" } });
  store.dispatch({ type: "set", values: { theme: "dark" } });
  assert.deepEqual(seen, ["pt-BR", "dark"]);
});

test("a name that is not in the state is refused", () => {
  const store = made();
  assert.throws(() => store.dispatch({ type: "set", values: { them: "dark" } }), /them/);
  assert.throws(() => store.dispatch({ type: "nothing" }), /unknown part/);
});

test("what a slice keeps is there again after a reload, and nothing else of it", () => {
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const slice = { name: "form", initial: { text: "", takes: [] }, keep: ["text"] };
  const first = createStore(INITIAL, storage);
  first.register(slice);
  first.dispatch({ type: "form", values: { text: "olá", takes: [1] } });
  const second = createStore(INITIAL, storage);
  second.register(slice);
  assert.deepEqual(second.state().form, { text: "olá", takes: [] });
  second.register(slice); // a page that is opened again keeps what it had
  assert.equal(second.state().form.text, "olá");
  kept.set("papagaio.draft.form", "not JSON");
  const third = createStore(INITIAL, storage);
  third.register(slice);
  assert.equal(third.state().form.text, "");
  assert.throws(() => third.register({ name: "theme", initial: {} }), /theme/);
});
