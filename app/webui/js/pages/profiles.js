/** The Quality profiles page: what each engine is set to, chosen, heard, changed, compared, and how much each is used. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { createErrors } from "../widgets/field.js";
import { alert } from "../widgets/states.js";
import { tabs } from "../widgets/tabs.js";
import { ownValues, profileAbout, profileName } from "./profile-words.js";
import { createActs } from "./profiles-acts.js";
import { createCompare } from "./profiles-compare.js";
import { editOf, isEdited, profileForm } from "./profiles-editor.js";
import { createFigures, scoreText, usesText } from "./profiles-figures.js";
import { createHearing, PROFILES } from "./profiles-hearing.js";

export const slices = [PROFILES];
const USES = "/analytics/profiles-usage";
const ENDED = ["job.completed", "job.failed", "job.cancelled"];

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
  const [found, uses] = await Promise.all([api.profiles(engine.name), api.get(USES)]);
  return { engines, engine, found, uses, voices: studio.voices.filter((voice) => voice.engine === engine.name) };
}

/** @param {readonly Profile[]} profiles @param {string | undefined} id */
function chosenOf(profiles, id) {
  return profiles.find((one) => one.id === id) ?? profiles.find((one) => one.is_default) ?? profiles[0];
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {Data} data @param {string} [asked] the profile that is shown first */
function show(root, app, { engines, engine, found: first, uses: counted, voices }, asked) {
  const { api, catalog, replaceAddress, texts } = app;
  let found = first;
  /** @type {readonly import("./profiles-figures.js").Use[]} */
  let uses = counted;
  let profile = chosenOf(found.profiles, asked);
  /** What was changed and not saved, by profile. @type {Map<string, import("./profiles-editor.js").Edit>} */
  const edits = new Map();
  const canHear = voices.length > 0 && engine.available;
  const redraw = () => view.redraw();
  const errors = createErrors(app, redraw);
  const edit = () => edits.get(profile.id) ?? editOf(texts, found.parameters, profile);
  const values = () => ownValues(found.parameters, profile, edit().values);
  const hearing = createHearing(
    app,
    { engine: engine.name, voices: canHear ? voices : [], values: () => ({ profile_id: profile.id, parameters: values() }), title: () => edit().name },
    redraw,
  );

  const compare = createCompare(app, { engine: engine.name, profiles: () => found.profiles, said: hearing.said }, redraw);
  const figures = createFigures(app, (name) => engines.find((one) => one.name === name)?.title ?? name, redraw);
  const hear = async (/** @type {import("../events.js").ServiceEvent} */ { kind }) => {
    if (!ENDED.includes(kind)) return;
    uses = await api.get(USES).catch(() => uses); // the banner says that the service is away
    redraw();
  };

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
  const acts = createActs(app, {
    engines,
    engine: engine.name,
    parameters: () => found.parameters,
    profile: () => profile,
    edit,
    forget: () => void edits.delete(profile.id),
    load,
    errors,
    redraw,
  });

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
    const editor = { parameters: found.parameters, templates: found.templates, profile, edit: edit(), isSaving: acts.state.isSaving, errors, change, undo, save: acts.save };
    return html`<div class="page-head"><h1>${texts.t("page.nav.profiles")}</h1></div>
      ${tabs({ label: texts.t("page.profiles.engines"), page: "profiles", tabs: engines.map(({ name, title }) => ({ name, text: title })), current: engine.name })}
      <div class="profiles">
        <div class="profiles-side">
          ${profileList(texts, { profiles: found.profiles, uses, chosen: profile, isEdited: (one) => edits.has(one.id) && isEdited(texts, found.parameters, one, /** @type {any} */ (edits.get(one.id))), choose, bringIn: acts.bringIn, refused: acts.state.refused })}
          ${canHear ? hearing.draw() : silentPart(texts, engine)}
        </div>
        <section class="card profile-card" aria-labelledby="profile-title">
          ${profileHead(texts, profile, acts)} ${profileForm(texts, editor)}
        </section>
      </div>
      ${canHear && found.profiles.length > 1 ? compare.draw() : nothing} ${figures.draw(uses)}`;
  });
  const unlisten = app.events.listen((event) => void hear(event));
  return all(hearing.close, compare.close, unlisten, app.sound.subscribe(redraw), view.close);
}

/** Why nothing can be heard. @param {import("../texts.js").Texts} texts @param {Data["engine"]} engine */
function silentPart(texts, engine) {
  if (engine.available) return html`<p class="card fine" data-silent>${texts.t("page.profiles.no_voices")}</p>`;
  return html`<section class="card profile-silent" data-silent>
    <p>${texts.t("page.profiles.not_here", { engine: engine.title })}</p>
    <p class="fine">${engine.detail}</p>
    <a class="btn btn-sm btn-quiet" href="#/components">${icon("components")}${texts.t("page.nav.components")}</a>
  </section>`;
}

/** How often a profile was used, and what was voted. @param {import("../texts.js").Texts} texts @param {import("./profiles-figures.js").Use | undefined} use */
function useLine(texts, use) {
  if (!use) return nothing;
  return html`<span class="fine profile-uses">${usesText(texts, use.uses)}${use.stars === null ? nothing : ` · ${scoreText(texts, use)}`}</span>`;
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {{ profiles: readonly Profile[], uses: readonly import("./profiles-figures.js").Use[], chosen: Profile, isEdited: (profile: Profile) => boolean, choose: (id: string) => void, bringIn: (file: File) => void, refused: string }} told
 */
function profileList(texts, { profiles, uses, chosen, isEdited: hasEdits, choose, bringIn, refused }) {
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
            ${useLine(texts, uses.find(({ name }) => name === one.id))}
          </button>
        </li>`,
      )}
    </ul>
    ${refused ? alert(refused) : nothing}
    <input id="profile-file" type="file" class="visually-hidden" accept=".json,application/json" @change=${picked} />
    <label class="btn btn-sm btn-quiet" for="profile-file">${icon("upload")}${t("import")}</label>
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {Profile} profile @param {ReturnType<typeof createActs>} acts */
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
      <a class="btn btn-sm btn-quiet" data-act="export" href=${exportUrl()} download="${profile.id}.json">${icon("download")}${t("export")}</a>
      ${profile.is_built_in ? nothing : html`<button type="button" class="btn btn-sm btn-quiet" data-act="delete" @click=${remove}>${icon("trash")}${t("delete")}</button>`}
    </div>
  </div>`;
}
