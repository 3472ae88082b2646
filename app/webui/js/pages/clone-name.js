/** Step 3: a name, how much effort, and that the speaker agreed. */

import { icon } from "../icons.js";
import { html, live, nothing } from "../lit.js";
import { all, createView } from "../view.js";
import { createErrors, errorLine, field, options } from "../widgets/field.js";
import { aboutTime } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { changesOf, choicesOf } from "./clone-clips.js";

const GENDERS = ["unknown", "female", "male"];
const STATEMENT = "clone.consent_statement";

/**
 * What the parts of the form get.
 * @typedef {object} Form
 * @property {import("../app.js").App} app
 * @property {import("./clone.js").Wizard} wizard
 * @property {import("../widgets/field.js").Errors} errors
 * @property {(values: Partial<import("../drafts.js").CloneDraft>) => void} set
 * @property {() => boolean} isSending
 */

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountNaming(place, app, wizard) {
  const { store, texts } = app;
  const job = wizard.job;
  if (job && job.status !== "completed") return createView(place, () => notReady(app, wizard, job)).close;
  let isSending = false;
  const redraw = () => view.redraw();
  const errors = createErrors(app, redraw);
  const set = (/** @type {Partial<import("../drafts.js").CloneDraft>} */ values) => {
    store.dispatch({ type: "clone", values });
    Object.keys(values).forEach(errors.corrected);
  };
  const submit = async (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.currentTarget;
    if (isSending) return;
    errors.clear();
    if (!store.state().clone.consent) return errors.show(unconsented(texts), form);
    isSending = true;
    try {
      const clips = job ? clipsOf(job, changesOf(app, job)) : datasetOf(wizard);
      const fit = await app.api.fit(requestOf(store.state().clone, clips, texts.t(STATEMENT)));
      wizard.go({ job: fit.id });
    } catch (error) {
      errors.show(/** @type {any} */ (error), form);
    } finally {
      isSending = false;
      redraw();
    }
  };
  /** @type {Form} */
  const form = { app, wizard, errors, set, isSending: () => isSending };
  const view = createView(place, () => drawForm(form, submit));
  return all(store.watch(({ clone }) => clone, redraw), view.close);
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {import("./job-view.js").Job} job */
function notReady({ texts }, wizard, job) {
  const back = html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => wizard.go({ job: job.id })}>${texts.t("page.clone.back_to_clips")}</button>`;
  return alert(texts.t("error.intake_not_ready", { job_id: job.id, status: job.status }), back);
}

/** Of an intake: which, and what a person changed. @param {import("./job-view.js").Job} job @param {import("./clone-clips.js").Changes} changes */
export function clipsOf(job, changes) {
  return { intake_job_id: job.id, clips: choicesOf(job.result.clips, changes) };
}

/** Of a dataset: which, and whose clips. @param {import("./clone.js").Wizard} wizard */
function datasetOf({ dataset }) {
  return { dataset: dataset?.name, speaker: dataset?.speaker };
}

/**
 * What the service is asked for; the statement in exactly the words that were read.
 * @param {import("../drafts.js").CloneDraft} draft
 * @param {Record<string, unknown>} clips what is learnt from
 * @param {string} statement
 */
export function requestOf(draft, clips, statement) {
  return {
    ...clips,
    name: draft.name,
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

/** @param {Form} form @param {(event: any) => void} submit */
function drawForm(form, submit) {
  const { app, wizard, errors, isSending } = form;
  const { texts } = app;
  const back = wizard.dataset
    ? html`<button type="button" class="btn btn-quiet" @click=${() => app.go(["training", "dataset"])}>${texts.t("page.clone.back_to_dataset")}</button>`
    : html`<button type="button" class="btn btn-quiet" @click=${() => wizard.go({ job: wizard.job?.id ?? "" })}>${texts.t("page.clone.back_to_clips")}</button>`;
  return html`<form class="clone-name" novalidate @submit=${submit}>
    <h2>${texts.t("page.clone.name_it")}</h2>
    ${wizard.dataset ? datasetCard(form, wizard.dataset) : nothing}
    <section class="card">${nameField(form)} ${genderField(form)} ${descriptionField(form)}</section>
    <section class="card">${effortChoice(form)} ${consentBox(form)}</section>
    <div class="wizard-foot">
      ${errors.drawWhole()}
      ${back}
      <button type="submit" class="btn btn-primary btn-lg" ?disabled=${isSending()}>${texts.t("page.clone.begin")}</button>
    </div>
  </form>`;
}

/** What is learnt from, and whose clips. @param {Form} form @param {NonNullable<import("./clone.js").Wizard["dataset"]>} dataset */
function datasetCard({ app, wizard, errors }, { name, speaker, speakers, seconds }) {
  const { texts } = app;
  const choose = (/** @type {any} */ event) => wizard.go({ dataset: name, speaker: event.target.value });
  const whose = field({
    name: "speaker",
    label: texts.t("page.clone.field.speaker"),
    errors,
    control: (a) => html`<select id=${a.id} class="form-select" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} @change=${choose}>
      ${options(speakers.map((one) => [one, one]), speaker)}
    </select>`,
  });
  return html`<section class="card" data-dataset=${name}>
    <p>${texts.t("page.clone.of_dataset", { name, time: texts.clock(seconds) })}</p>
    <p class="fine">${texts.t("page.clone.of_dataset_how")}</p>
    ${speakers.length > 1 ? whose : nothing} ${errorLine("dataset", errors)}
  </section>`;
}

/** @param {Form} form */
function nameField({ app, errors, set }) {
  return field({
    name: "name",
    label: app.texts.t("page.clone.field.name"),
    errors,
    control: ({ id, invalid, describedBy }) => html`<input
      id=${id}
      class="form-control"
      maxlength="80"
      autocomplete="off"
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      .value=${live(app.store.state().clone.name)}
      @input=${(/** @type {any} */ event) => set({ name: event.target.value })}
    />`,
  });
}

/** @param {Form} form */
function genderField({ app, errors, set }) {
  const { store, texts } = app;
  const pairs = /** @type {[string, string][]} */ (GENDERS.map((gender) => [gender, texts.t(`page.gender.${gender}`)]));
  return field({
    name: "gender",
    label: texts.t("page.clone.field.gender"),
    errors,
    control: ({ id, invalid, describedBy }) => html`<select
      id=${id}
      class="form-select"
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      @change=${(/** @type {any} */ event) => set({ gender: event.target.value })}
    >
      ${options(pairs, store.state().clone.gender)}
    </select>`,
  });
}

/** @param {Form} form */
function descriptionField({ app, errors, set }) {
  return field({
    name: "description",
    label: app.texts.t("page.clone.field.description"),
    errors,
    control: ({ id, invalid, describedBy }) => html`<textarea
      id=${id}
      class="form-control"
      rows="2"
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      .value=${live(app.store.state().clone.description)}
      @input=${(/** @type {any} */ event) => set({ description: event.target.value })}
    ></textarea>`,
  });
}

/** @param {Form} form */
function effortChoice({ app, wizard, errors, set }) {
  const { store, texts } = app;
  const chosen = store.state().clone.effort;
  return html`<fieldset class="field efforts">
    <legend>${texts.t("page.clone.field.effort")}</legend>
    ${wizard.efforts.map(
      ({ effort, estimate_s, description, steps }) => html`<input
          type="radio"
          class="btn-check"
          name="effort"
          id="effort-${effort}"
          value=${effort}
          .checked=${live(effort === chosen)}
          @change=${() => set({ effort })}
        />
        <label class="preset-card" for="effort-${effort}">${icon("wait")}<span>${description}<span class="fine">${aboutTime(texts, estimate_s)}${steps ? ` · ${texts.t("page.clone.steps_at_most", { steps: texts.number(steps) })}` : nothing}</span></span></label>`,
    )}
    ${errorLine("effort", errors)}
  </fieldset>`;
}

/** @param {Form} form */
function consentBox({ app, errors, set }) {
  const { store, texts } = app;
  return html`<fieldset class="field">
    <legend>${texts.t("page.clone.field.consent")}</legend>
    <div class="form-check">
      <input
        id="consent"
        type="checkbox"
        class="form-check-input"
        required
        aria-invalid=${errors.of("consent") ? "true" : nothing}
        aria-describedby="consent-hint consent-error"
        .checked=${live(store.state().clone.consent)}
        @change=${(/** @type {any} */ event) => set({ consent: event.target.checked })}
      />
      <label class="form-check-label" for="consent">${texts.t(STATEMENT)}</label>
    </div>
    <p id="consent-hint" class="fine">${texts.t("page.clone.consent_hint")}</p>
    ${errorLine("consent", errors)} ${errorLine("consent_statement", errors)}
  </fieldset>`;
}
