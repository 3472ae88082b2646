/** What a quality profile sets: its name, templates, and a slider or a switch for each parameter of the engine. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { field, slider } from "../widgets/field.js";
import { changed, completed, ownValues, parameterName, profileAbout, profileName, valueText } from "./profile-words.js";

/**
 * @typedef {import("./profile-words.js").Profile} Profile
 * @typedef {import("./profile-words.js").Parameter} Parameter
 * @typedef {import("./profile-words.js").Value} Value
 * @typedef {{ name: string, description: string, values: Record<string, Value> }} Edit what stands in the form
 */

/** The form as the profile is stored; a built-in one is left as it is, and saved under another name. @param {import("../texts.js").Texts} texts @param {readonly Parameter[]} parameters @param {Profile} profile @returns {Edit} */
export function editOf(texts, parameters, profile) {
  const name = profileName(texts, profile);
  return {
    name: profile.is_built_in ? texts.t("page.profiles.own_name", { name }) : name,
    description: profileAbout(texts, profile),
    values: completed(parameters, profile.parameters),
  };
}

/** Whether the form holds anything that is not stored. @param {import("../texts.js").Texts} texts @param {readonly Parameter[]} parameters @param {Profile} profile @param {Edit} edit */
export function isEdited(texts, parameters, profile, edit) {
  const stored = editOf(texts, parameters, profile);
  const hasValues = Object.keys(changed(edit.values, stored.values)).length > 0;
  return hasValues || edit.name !== stored.name || edit.description !== stored.description;
}

/**
 * What PATCH gets: that which is not as it is stored.
 * @param {readonly Parameter[]} parameters @param {Profile} profile @param {Edit} edit
 * @returns {Record<string, unknown>}
 */
export function changesOf(parameters, profile, { name, description, values }) {
  const parametersChanged = ownValues(parameters, profile, values);
  return {
    ...(name === profile.name ? {} : { name }),
    ...(description === profile.description ? {} : { description }),
    ...(Object.keys(parametersChanged).length > 0 ? { parameters: parametersChanged } : {}),
  };
}

/**
 * What POST gets for a new profile: the old values and the changed ones, no step of processing that neither names.
 * @param {readonly Parameter[]} parameters @param {Profile} profile @param {Edit} edit
 */
export function newProfileOf(parameters, profile, { name, description, values }) {
  return { name, description, parameters: { ...profile.parameters, ...ownValues(parameters, profile, values) } };
}

/**
 * @typedef {object} Editor
 * @property {readonly Parameter[]} parameters
 * @property {readonly import("../api-types.js").TemplateView[]} templates
 * @property {Profile} profile
 * @property {Edit} edit
 * @property {boolean} isSaving
 * @property {import("../widgets/field.js").Errors} errors
 * @property {(values: Partial<Edit>) => void} change
 * @property {() => void} undo
 * @property {(form: HTMLFormElement, isNew: boolean) => void} save
 */

/** @param {import("../texts.js").Texts} texts @param {Editor} editor */
export function profileForm(texts, editor) {
  const { edit, parameters, profile, errors, change } = editor;
  const t = (/** @type {string} */ name) => texts.t(`page.profiles.${name}`);
  const hasChanged = isEdited(texts, parameters, profile, edit);
  const isNew = profile.is_built_in;
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    editor.save(event.currentTarget, isNew);
  };
  const typed = (/** @type {"name" | "description"} */ name) => (/** @type {any} */ event) => {
    change({ [name]: event.target.value });
    errors.corrected(name);
  };
  return html`<form class="profile-form" novalidate data-profile-form=${profile.id} @submit=${submit}>
    ${templateButtons(texts, editor)} ${parameterFields(texts, editor)}
    <div class="profile-words">
      ${field({
        name: "name",
        label: t("name"),
        hint: isNew ? t("built_in_stays") : undefined,
        errors,
        control: (a) => html`<input id=${a.id} class="form-control" maxlength="200" required aria-invalid=${a.invalid} aria-describedby=${a.describedBy} .value=${live(edit.name)} @input=${typed("name")} />`,
      })}
      ${field({
        name: "description",
        label: t("description"),
        errors,
        control: (a) => html`<input id=${a.id} class="form-control" maxlength="2000" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} .value=${live(edit.description)} @input=${typed("description")} />`,
      })}
    </div>
    ${errors.drawWhole()}
    <div class="action-row">
      ${isNew ? nothing : html`<button type="button" class="btn btn-quiet" data-save-new ?disabled=${editor.isSaving} @click=${(/** @type {any} */ event) => editor.save(event.currentTarget.form, true)}>${t("save_new")}</button>`}
      <button type="button" class="btn btn-quiet" data-undo ?disabled=${!hasChanged || editor.isSaving} @click=${editor.undo}>${icon("reuse")}${t("undo")}</button>
      <button type="submit" class="btn btn-primary" data-save ?disabled=${editor.isSaving || (!isNew && !hasChanged)}>${icon("check")}${t(isNew ? "save_own" : "save")}</button>
    </div>
  </form>`;
}

/** @param {import("../texts.js").Texts} texts @param {Editor} editor */
function templateButtons(texts, { parameters, templates, edit, change }) {
  const isIt = (/** @type {Record<string, Value>} */ values) => Object.keys(changed(values, edit.values)).length === 0;
  const button = (/** @type {import("../api-types.js").TemplateView} */ template) => {
    const values = completed(parameters, template.parameters);
    return html`<button type="button" class="btn btn-sm btn-quiet" data-template=${template.name} aria-pressed=${isIt(values)} title=${texts.t(`page.template.about.${template.name}`)} @click=${() => change({ values })}>${texts.t(`page.template.${template.name}`)}</button>`;
  };
  return html`<div class="profile-templates" role="group" aria-labelledby="templates-label">
    <span id="templates-label">${texts.t("page.profiles.templates")}</span>${templates.map(button)}
  </div>`;
}

/** @param {import("../texts.js").Texts} texts @param {Editor} editor */
function parameterFields(texts, editor) {
  const { parameters } = editor;
  const part = (/** @type {string} */ group, /** @type {unknown} */ fields) => html`<fieldset data-group=${group}>
    <legend>${texts.t(`page.profiles.group.${group}`)}</legend>
    <div class="profile-fields">${fields}</div>
  </fieldset>`;
  const own = parameters.filter(({ group }) => group === "engine");
  const steps = parameters.filter((one) => one.group === "processing" && one.switch === null);
  const amounts = (/** @type {string} */ name) => parameters.filter((one) => one.switch === name);
  return html`${own.length > 0 ? part("engine", own.map((one) => html`<div class="profile-step">${control(texts, editor, one)}</div>`)) : nothing}
  ${part(
    "processing",
    steps.map(
      (one) => html`<div class="profile-step">
        ${control(texts, editor, one)} ${amounts(one.name).map((amount) => control(texts, editor, amount, editor.edit.values[one.name] !== true))}
      </div>`,
    ),
  )}`;
}

/** @param {import("../texts.js").Texts} texts @param {Editor} editor @param {Parameter} parameter @param {boolean} [isOff] its switch is off */
function control(texts, { edit, errors, change }, parameter, isOff = false) {
  const { name } = parameter;
  const value = edit.values[name];
  const set = (/** @type {Value} */ chosen) => change({ values: { ...edit.values, [name]: chosen } });
  if (parameter.kind === "switch") {
    return html`<div class="form-check form-switch">
      <input id=${name} type="checkbox" role="switch" class="form-check-input" data-parameter=${name} .checked=${live(value === true)} @change=${(/** @type {any} */ event) => set(event.target.checked)} />
      <label class="form-check-label" for=${name}>${parameterName(texts, name)}</label>
    </div>`;
  }
  return slider({
    name,
    label: parameterName(texts, name),
    hint: parameter.has_effect ? undefined : texts.t("page.profiles.no_effect"),
    value: Number(value),
    shown: valueText(texts, parameter, value),
    range: { min: parameter.minimum ?? 0, max: parameter.maximum ?? 1, step: parameter.step ?? 1 },
    isOff,
    errors,
    change: set,
  });
}
