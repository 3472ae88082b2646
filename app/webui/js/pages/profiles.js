/** The Quality profiles page: what each engine is set to, chosen, heard, changed, compared, and how much each is used. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors } from "../widgets/field.js";
import { alert } from "../widgets/states.js";
import { tabs } from "../widgets/tabs.js";
import { toast } from "../widgets/toast.js";
import { changed, completed, profileAbout, profileName } from "./profile-words.js";
import { changesOf, editOf, isEdited, newProfileOf, profileForm } from "./profiles-editor.js";
import { createHearing, PROFILES } from "./profiles-hearing.js";

export const slices = [PROFILES];

/**
 * @typedef {import("./profile-words.js").Profile} Profile
 * @typedef {Awaited<ReturnType<typeof ask>>} Data
 */

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, { path, query }) {
  return loadPage(root, app, () => ask(app, path[0]), (data) => show(root, app, data, query.profile)).close;
}

/** The engines that are here, and the profiles of one of them: the one asked for, or the usual one. @param {import("../app.js").App} app @param {string | undefined} wanted */
async function ask({ api, catalog }, wanted) {
  const [{ engines }, studio] = await Promise.all([api.engines(), catalog.load()]);
  const engine = engines.find(({ name }) => name === wanted) ?? engines.find((one) => one.is_default) ?? engines[0];
  const found = await api.profiles(engine.name);
  return { engines, engine, found, voices: studio.voices.filter((voice) => voice.engine === engine.name) };
}

/** @param {readonly Profile[]} profiles @param {string | undefined} id */
function chosenOf(profiles, id) {
  return profiles.find((one) => one.id === id) ?? profiles.find((one) => one.is_default) ?? profiles[0];
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {Data} data @param {string} [asked] the profile that is shown first */
function show(root, app, { engines, engine, found: first, voices }, asked) {
  const { announce, api, catalog, go, replaceAddress, texts } = app;
  let found = first;
  let profile = chosenOf(found.profiles, asked);
  /** What was changed and not saved, by profile. @type {Map<string, import("./profiles-editor.js").Edit>} */
  const edits = new Map();
  const state = { isSaving: false, refused: "" };
  const redraw = () => view.redraw();
  const errors = createErrors(app, redraw);
  const path = (/** @type {string} */ rest = "") => `/quality-profiles/${engine.name}${rest}`;
  const edit = () => edits.get(profile.id) ?? editOf(texts, found.parameters, profile);
  const values = () => changed(edit().values, completed(found.parameters, profile.parameters));
  const hearing = createHearing(
    app,
    { engine: engine.name, voices, values: () => ({ profile_id: profile.id, parameters: values() }), title: () => edit().name },
    redraw,
  );

  const choose = (/** @type {string} */ id) => {
    profile = chosenOf(found.profiles, id);
    replaceAddress(["profiles", engine.name], { profile: profile.id });
    errors.clear();
    redraw();
  };
  /** Asks anew, and shows the profile of `id`. */
  const load = async (/** @type {string} */ id) => {
    catalog.forgetProfiles(engine.name);
    found = await api.profiles(engine.name);
    choose(id);
  };
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

  async function save(/** @type {HTMLFormElement} */ form, /** @type {boolean} */ isNew) {
    errors.clear();
    state.isSaving = true;
    redraw();
    try {
      const kept = isNew
        ? await api.post(path(), newProfileOf(found.parameters, profile, edit()))
        : await api.patch(path(`/${profile.id}`), changesOf(found.parameters, profile, edit()));
      edits.delete(profile.id);
      await load(kept.id);
      say("saved", kept.name);
    } catch (error) {
      errors.show(/** @type {any} */ (error), form);
    }
    state.isSaving = false;
    redraw();
  }

  async function remove() {
    const name = profileName(texts, profile);
    const told = { question: texts.t("page.profiles.delete_question", { name }), cost: texts.t("page.profiles.delete_cost"), action: texts.t("page.profiles.delete") };
    if (!(await confirm(texts, told))) return;
    await act(async () => {
      await api.remove(path(`/${profile.id}`));
      edits.delete(profile.id);
      await load("");
      say("deleted", name);
    });
  }

  const duplicate = () =>
    act(async () => {
      const name = texts.t("page.profiles.copy_name", { name: profileName(texts, profile) });
      const copy = await api.post(`${path(`/${profile.id}/duplicate`)}?${new URLSearchParams({ new_name: name })}`);
      await load(copy.id);
      say("saved", copy.name);
    });

  const setDefault = () =>
    act(async () => {
      await api.post(path(`/${profile.id}/set-default`));
      await load(profile.id);
      say("is_usual", profileName(texts, profile));
    });

  async function bringIn(/** @type {File} */ file) {
    state.refused = "";
    try {
      const headers = { "Content-Type": "application/json" };
      const made = await (await api.send("/quality-profiles/import", { method: "POST", headers, body: file })).json();
      if (made.engine === engine.name) await load(made.id);
      else if (engines.some(({ name }) => name === made.engine)) go(["profiles", made.engine], { profile: made.id });
      say("saved", made.name);
    } catch (error) {
      const { message, errors: wrong = [] } = /** @type {import("../api.js").ApiError} */ (error);
      state.refused = [message, ...wrong.map((one) => `${one.field}: ${one.message}`)].join(" ");
      announce(state.refused);
    }
    redraw();
  }

  const change = (/** @type {Partial<import("./profiles-editor.js").Edit>} */ now) => {
    edits.set(profile.id, { ...edit(), ...now });
    if (now.values) hearing.changed();
    redraw();
  };
  const undo = () => {
    edits.delete(profile.id);
    errors.clear();
    hearing.changed();
  };
  const view = createView(root, () => {
    const editor = { parameters: found.parameters, templates: found.templates, profile, edit: edit(), isSaving: state.isSaving, errors, change, undo, save };
    return html`<div class="page-head"><h1>${texts.t("page.nav.profiles")}</h1></div>
      ${tabs({ label: texts.t("page.profiles.engines"), page: "profiles", tabs: engines.map(({ name, title }) => ({ name, text: title })), current: engine.name })}
      <div class="profiles">
        <div class="profiles-side">
          ${profileList(texts, { profiles: found.profiles, chosen: profile, isEdited: (one) => edits.has(one.id) && isEdited(texts, found.parameters, one, /** @type {any} */ (edits.get(one.id))), choose, bringIn, refused: state.refused })}
          ${voices.length > 0 && engine.available ? hearing.draw() : html`<p class="card fine" data-silent>${engine.available ? texts.t("page.profiles.no_voices") : engine.detail}</p>`}
        </div>
        <section class="card profile-card" aria-labelledby="profile-title">
          ${profileHead(texts, profile, { setDefault, duplicate, remove, exportUrl: path(`/${profile.id}/export`) })} ${profileForm(texts, editor)}
        </section>
      </div>`;
  });
  return all(hearing.close, app.sound.subscribe(redraw), view.close);
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {{ profiles: readonly Profile[], chosen: Profile, isEdited: (profile: Profile) => boolean, choose: (id: string) => void, bringIn: (file: File) => void, refused: string }} told
 */
function profileList(texts, { profiles, chosen, isEdited: hasEdits, choose, bringIn, refused }) {
  const t = (/** @type {string} */ name) => texts.t(`page.profiles.${name}`);
  const picked = (/** @type {any} */ event) => {
    const [file] = event.target.files;
    if (file) bringIn(file);
    event.target.value = "";
  };
  return html`<section class="card" aria-labelledby="profile-list-title">
    <h2 id="profile-list-title">${t("list")}</h2>
    <ul class="profile-list">
      ${repeat(
        profiles,
        ({ id }) => id,
        (one) => html`<li>
          <button type="button" class="profile-choice" data-profile=${one.id} aria-pressed=${one.id === chosen.id} @click=${() => choose(one.id)}>
            <span class="profile-name">${profileName(texts, one)}</span>
            <span class="profile-marks">${one.is_default ? html`<span class="badge" data-status="completed">${t("usual")}</span>` : nothing}
            ${hasEdits(one) ? html`<span class="badge" data-unsaved>${t("unsaved")}</span>` : nothing}
            <span class="fine">${t(one.is_built_in ? "built_in" : "own")}</span></span>
          </button>
        </li>`,
      )}
    </ul>
    ${refused ? alert(refused) : nothing}
    <input id="profile-file" type="file" class="visually-hidden" accept=".json,application/json" @change=${picked} />
    <label class="btn btn-sm btn-quiet" for="profile-file">${icon("upload")}${t("import")}</label>
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {Profile} profile @param {{ setDefault: () => void, duplicate: () => void, remove: () => void, exportUrl: string }} acts */
function profileHead(texts, profile, { setDefault, duplicate, remove, exportUrl }) {
  const t = (/** @type {string} */ name) => texts.t(`page.profiles.${name}`);
  const about = profileAbout(texts, profile);
  return html`<div class="profile-head">
    <div>
      <h2 id="profile-title">${profileName(texts, profile)}</h2>
      ${about ? html`<p class="fine">${about}</p>` : nothing}
    </div>
    <div class="action-row">
      <button type="button" class="btn btn-sm btn-quiet" data-act="default" ?disabled=${profile.is_default} @click=${setDefault}>${icon("check")}${t("make_usual")}</button>
      <button type="button" class="btn btn-sm btn-quiet" data-act="duplicate" @click=${duplicate}>${icon("batch")}${t("duplicate")}</button>
      <a class="btn btn-sm btn-quiet" data-act="export" href=${exportUrl} download="${profile.id}.json">${icon("download")}${t("export")}</a>
      ${profile.is_built_in ? nothing : html`<button type="button" class="btn btn-sm btn-quiet" data-act="delete" @click=${remove}>${icon("trash")}${t("delete")}</button>`}
    </div>
  </div>`;
}
