/** Quality profile and speed, of the engine whose voice was chosen. */

import { el, replace } from "../dom.js";
import { engineOf } from "../catalog.js";
import { errorLine } from "./form.js";

const SPEED = { min: 0.5, max: 2, step: 0.05 };

/** @typedef {(values: Partial<import("../drafts.js").Draft>) => void} Set */

/** @param {import("../app.js").App} app @param {import("../catalog.js").Catalog} studio @param {Set} set */
export function tuning(app, studio, set) {
  const { store } = app;
  const root = el("div", { class: "tuning" });
  const draw = async () => {
    const engine = engineOf(studio, store.state().draft);
    if (!engine) return;
    try {
      const profiles = await app.catalog.profiles(engine);
      if (engine === engineOf(studio, store.state().draft)) drawFields(root, app, profiles, set);
    } catch (error) {
      replace(root, el("p", { class: "field-error" }, /** @type {Error} */ (error).message));
    }
  };
  void draw();
  const undo = store.watch(
    ({ draft }) => engineOf(studio, draft),
    () => {
      if (!root.isConnected) undo();
      else {
        set({ profileId: null, speed: null });
        void draw();
      }
    },
  );
  return root;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {any[]} profiles @param {Set} set */
function drawFields(root, { store, texts }, profiles, set) {
  const usual = profiles.find((one) => one.is_default) ?? profiles[0];
  const chosen = () => profiles.find((one) => one.id === store.state().draft.profileId) ?? usual;
  const shown = el("output", { for: "speed", class: "fine" });
  const range = el("input", { id: "speed", type: "range", class: "form-range", ...SPEED });
  const showSpeed = () => {
    range.value = String(store.state().draft.speed ?? chosen().parameters.speed);
    replace(shown, `${texts.number(Number(range.value), 2)}×`);
  };
  const slide = () => {
    set({ speed: Number(range.value) });
    showSpeed();
  };
  const choose = (/** @type {any} */ event) => {
    set({ profileId: event.target.value, speed: null });
    showSpeed();
  };
  range.addEventListener("input", slide);
  const options = profiles.map((one) =>
    el("option", { value: one.id, title: one.description }, profileName(texts, one)),
  );
  const select = el(
    "select",
    {
      id: "quality_profile_id",
      class: "form-select",
      value: chosen().id,
      on: { change: choose },
    },
    options,
  );
  showSpeed();
  replace(
    root,
    el(
      "div",
      { class: "field" },
      el("label", { for: "quality_profile_id" }, texts.t("page.speak.profile")),
      select,
      errorLine("quality_profile_id"),
    ),
    el(
      "div",
      { class: "field" },
      el("div", { class: "field-head" }, el("label", { for: "speed" }, texts.t("page.speak.speed")), shown),
      range,
      errorLine("speed"),
    ),
  );
}

/** Built-in profiles have names in the reader's language; a person's own keep theirs. @param {import("../texts.js").Texts} texts @param {import("../api-types.js").ProfileView} profile */
function profileName(texts, profile) {
  const code = `page.profile.${profile.id}`;
  return profile.is_built_in && texts.has(code) ? texts.t(code) : profile.name;
}
