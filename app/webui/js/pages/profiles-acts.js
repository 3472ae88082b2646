/** What is done with a quality profile: saved, copied, made the default, deleted, brought in from a file. */

import { url } from "../api.js";
import { confirm } from "../widgets/confirm.js";
import { toast } from "../widgets/toast.js";
import { profileName } from "./profile-words.js";
import { changesOf, newProfileOf } from "./profiles-editor.js";

/**
 * @param {import("../app.js").App} app
 * @param {object} told
 * @param {readonly { name: string }[]} told.engines that are here
 * @param {string} told.engine whose profiles they are
 * @param {() => readonly import("./profile-words.js").Parameter[]} told.parameters
 * @param {() => import("./profile-words.js").Profile} told.profile the one that is shown
 * @param {() => import("./profiles-editor.js").Edit} told.edit what stands in its form
 * @param {() => void} told.forget that edit
 * @param {(id: string) => Promise<void>} told.load asks anew, and shows that profile
 * @param {import("../widgets/field.js").Errors} told.errors
 * @param {() => void} told.redraw
 */
export function createActs(app, { engines, engine, parameters, profile, edit, forget, load, errors, redraw }) {
  const { announce, api, go, texts } = app;
  const path = (/** @type {string} */ rest = "") => `/quality-profiles/${engine}${rest}`;
  const state = { isSaving: false, refused: "" };
  const say = (/** @type {string} */ code, /** @type {string} */ name) => {
    const words = texts.t(`page.profiles.${code}`, { name });
    toast(words);
    announce(words);
  };
  const act = async (/** @type {() => Promise<unknown>} */ action) => {
    try {
      await action();
    } catch (error) {
      toast(/** @type {Error} */ (error).message, { kind: "bad" });
      announce(/** @type {Error} */ (error).message);
    }
  };
  return {
    state,
    exportUrl: () => path(`/${profile().id}/export`),
    /** @param {HTMLFormElement} form @param {boolean} isNew under a name of its own */
    async save(form, isNew) {
      const { id } = profile();
      errors.clear();
      state.isSaving = true;
      redraw();
      try {
        const kept = isNew
          ? await api.post(path(), newProfileOf(parameters(), profile(), edit()))
          : await api.patch(path(`/${id}`), changesOf(parameters(), profile(), edit()));
        forget();
        await load(kept.id);
        say("saved", kept.name);
      } catch (error) {
        errors.show(/** @type {any} */ (error), form);
      }
      state.isSaving = false;
      redraw();
    },
    async remove() {
      const name = profileName(texts, profile());
      const question = texts.t("page.profiles.delete_question", { name });
      const told = { question, cost: texts.t("page.profiles.delete_cost"), action: texts.t("page.profiles.delete") };
      if (!(await confirm(texts, told))) return;
      await act(async () => {
        await api.remove(path(`/${profile().id}`));
        forget();
        await load("");
        say("deleted", name);
      });
    },
    duplicate: () =>
      act(async () => {
        const name = texts.t("page.profiles.copy_name", { name: profileName(texts, profile()) });
        const copy = await api.post(url(path(`/${profile().id}/duplicate`), { new_name: name }));
        await load(copy.id);
        say("saved", copy.name);
      }),
    setDefault: () =>
      act(async () => {
        await api.post(path(`/${profile().id}/set-default`));
        await load(profile().id);
        say("is_usual", profileName(texts, profile()));
      }),
    /** A profile of another engine that is here is shown there. @param {File} file */
    async bringIn(file) {
      state.refused = "";
      try {
        const headers = { "Content-Type": "application/json" };
        const made = await (await api.send("/quality-profiles/import", { method: "POST", headers, body: file })).json();
        if (made.engine === engine) await load(made.id);
        else if (engines.some(({ name }) => name === made.engine)) go(["profiles", made.engine], { profile: made.id });
        say("saved", made.name);
      } catch (error) {
        const { message, errors: wrong = [] } = /** @type {import("../api.js").ApiError} */ (error);
        state.refused = [message, ...wrong.map((one) => `${one.field}: ${one.message}`)].join(" ");
        announce(state.refused);
      }
      redraw();
    },
  };
}
