import assert from "node:assert/strict";
import test from "node:test";

import { createStore, INITIAL, reduce } from "../../../app/webui/js/store.js";

test("an action changes its part and leaves the state before as it was", () => {
  const store = createStore(reduce, INITIAL);
  const before = store.state();
  store.dispatch({ type: "draft", values: { text: "olá" } });
  assert.equal(store.state().draft.text, "olá");
  assert.equal(before.draft.text, "");
  assert.equal(store.state().theme, before.theme);
});

test("the state is frozen all through", () => {
  const state = createStore(reduce, INITIAL).state();
  assert.throws(() => (state.draft.text = "x"), TypeError);
  assert.throws(() => (state.theme = "dark"), TypeError);
});

test("listeners hear changes until they unsubscribe, and nothing when nothing changed", () => {
  const store = createStore(reduce, INITIAL);
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
  const store = createStore(reduce, INITIAL);
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
  const store = createStore(reduce, INITIAL);
  assert.throws(() => store.dispatch({ type: "set", values: { them: "dark" } }), /them/);
  assert.throws(() => store.dispatch({ type: "nothing" }), /unknown action/);
});
