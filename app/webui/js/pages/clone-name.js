/** Step 3: a name, how much effort, and that the speaker agreed. */

import { el, icon, on, replace } from "../dom.js";
import { changesOf, choicesOf } from "./clone-clips.js";
import { clearErrors, errorLine, showErrors } from "./form.js";
import { alert } from "./job-view.js";

const GENDERS = ["unknown", "female", "male"];
const STATEMENT = "clone.consent_statement";

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountNaming(place, app, wizard) {
  const { store, texts } = app;
  const job = /** @type {import("./job-view.js").Job} */ (wizard.job);
  if (job.status !== "completed") {
    const back = el(
      "button",
      { type: "button", class: "btn btn-sm btn-danger", on: { click: () => wizard.go({ job: job.id }) } },
      texts.t("page.clone.back_to_clips"),
    );
    replace(place, alert(texts.t("error.intake_not_ready", { job_id: job.id, status: job.status }), back));
    return () => {};
  }
  const set = (/** @type {Partial<import("../drafts.js").CloneDraft>} */ values) =>
    store.dispatch({ type: "clone", values });
  const button = el("button", { type: "submit", class: "btn btn-primary btn-lg" }, texts.t("page.clone.begin"));
  const form = drawForm(app, wizard, set, button);
  replace(place, form);
  const submit = async () => {
    clearErrors(form);
    if (!store.state().clone.consent) return showErrors(form, app, unconsented(texts));
    button.disabled = true;
    try {
      const fit = await app.api.fit(requestOf(store.state().clone, job, changesOf(app, job), texts.t(STATEMENT)));
      wizard.go({ job: fit.id });
    } catch (error) {
      showErrors(form, app, /** @type {any} */ (error));
    } finally {
      button.disabled = false;
    }
  };
  return on(form, "submit", (event) => {
    event.preventDefault();
    void submit();
  });
}

/**
 * What the service is asked for; the statement in exactly the words that were read.
 * @param {import("../drafts.js").CloneDraft} draft
 * @param {import("./job-view.js").Job} job the intake
 * @param {import("./clone-clips.js").Changes} changes
 * @param {string} statement
 */
export function requestOf(draft, job, changes, statement) {
  return {
    intake_job_id: job.id,
    name: draft.name,
    clips: choicesOf(job.result.clips, changes),
    effort: draft.effort,
    consent: draft.consent,
    consent_statement: statement,
    gender: draft.gender,
    description: draft.description,
  };
}

/** The same shape as a refusal of the service. @param {import("../texts.js").Texts} texts @returns {any} */
function unconsented(texts) {
  const message = texts.t("page.clone.consent_needed");
  return { message, errors: [{ field: "consent", message }] };
}

/**
 * @param {import("../app.js").App} app
 * @param {import("./clone.js").Wizard} wizard
 * @param {(values: Partial<import("../drafts.js").CloneDraft>) => void} set
 * @param {HTMLElement} button
 */
function drawForm({ store, texts }, wizard, set, button) {
  const draft = store.state().clone;
  const typed = (/** @type {"name" | "description" | "gender"} */ name) => (/** @type {any} */ event) =>
    set({ [name]: event.target.value });
  const field = (/** @type {"name" | "description" | "gender"} */ name, /** @type {HTMLElement} */ control) =>
    el(
      "div",
      { class: "field" },
      el("label", { for: name }, texts.t(`page.clone.field.${name}`)),
      control,
      errorLine(name),
    );
  const common = (/** @type {"name" | "description" | "gender"} */ name) => ({
    id: name,
    value: draft[name],
    "aria-describedby": `${name}-error`,
    on: { input: typed(name) },
  });
  const genders = GENDERS.map((gender) => el("option", { value: gender }, texts.t(`page.gender.${gender}`)));
  return el(
    "form",
    { class: "clone-name", novalidate: true },
    el(
      "section",
      { class: "card" },
      field("name", el("input", { ...common("name"), class: "form-control", maxlength: 80, autocomplete: "off" })),
      field("gender", el("select", { ...common("gender"), class: "form-select" }, genders)),
      field("description", el("textarea", { ...common("description"), class: "form-control", rows: 2 })),
    ),
    el("section", { class: "card" }, effortChoice(texts, wizard.efforts, draft.effort, set), consentBox(texts, draft, set)),
    el(
      "div",
      { class: "wizard-foot" },
      el("div", { data: { problem: "" } }),
      el(
        "button",
        { type: "button", class: "btn btn-quiet", on: { click: () => wizard.go({ job: wizard.job?.id ?? "" }) } },
        texts.t("page.clone.back_to_clips"),
      ),
      button,
    ),
  );
}

/**
 * @param {import("../texts.js").Texts} texts
 * @param {any[]} efforts
 * @param {string} chosen
 * @param {(values: Partial<import("../drafts.js").CloneDraft>) => void} set
 */
function effortChoice(texts, efforts, chosen, set) {
  return el(
    "fieldset",
    { class: "field efforts" },
    el("legend", {}, texts.t("page.clone.field.effort")),
    efforts.flatMap(({ effort, estimate_s, description }) => [
      el("input", {
        type: "radio",
        class: "btn-check",
        name: "effort",
        id: `effort-${effort}`,
        value: effort,
        checked: effort === chosen,
        on: { change: () => set({ effort }) },
      }),
      el(
        "label",
        { class: "preset-card", for: `effort-${effort}` },
        icon("wait"),
        el("span", {}, description, el("span", { class: "fine" }, aboutTime(texts, estimate_s))),
      ),
    ]),
    errorLine("effort"),
  );
}

/** An estimate, said no more exactly than it is. @param {import("../texts.js").Texts} texts @param {number} seconds */
export function aboutTime(texts, seconds) {
  const isShort = seconds < 90;
  const count = isShort ? Math.max(5, Math.round(seconds / 5) * 5) : Math.round(seconds / 60);
  return texts.t(isShort ? "page.clone.about_seconds" : "page.clone.about_minutes", { count: texts.number(count) });
}

/** @param {import("../texts.js").Texts} texts @param {import("../drafts.js").CloneDraft} draft @param {(values: Partial<import("../drafts.js").CloneDraft>) => void} set */
function consentBox(texts, draft, set) {
  return el(
    "fieldset",
    { class: "field" },
    el("legend", {}, texts.t("page.clone.field.consent")),
    el(
      "div",
      { class: "form-check" },
      el("input", {
        id: "consent",
        type: "checkbox",
        class: "form-check-input",
        checked: draft.consent,
        required: true,
        "aria-describedby": "consent-hint consent-error",
        on: { change: (/** @type {any} */ event) => set({ consent: event.target.checked }) },
      }),
      el("label", { class: "form-check-label", for: "consent" }, texts.t(STATEMENT)),
    ),
    el("p", { id: "consent-hint", class: "fine" }, texts.t("page.clone.consent_hint")),
    errorLine("consent"),
    errorLine("consent_statement"),
  );
}
