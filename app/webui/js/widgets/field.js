/** A form whose errors stand at their fields, all at once, and go while one corrects. */

import { html, live, nothing } from "../lit.js";
import { sentenceCase } from "../texts.js";
import { alert } from "./states.js";

/**
 * What is wrong with a form, by field; give `redraw` of the view.
 * @param {import("../app.js").App} app
 * @param {() => void} redraw
 */
export function createErrors(app, redraw) {
  /** @type {Map<string, string>} */
  const messages = new Map();
  let whole = "";
  const forget = () => {
    messages.clear();
    whole = "";
  };

  return {
    /** @param {string} field @returns {string} */
    of: (field) => messages.get(field) ?? "",
    clear() {
      forget();
      redraw();
    },
    /** What was typed may be right now. @param {string} field */
    corrected(field) {
      if (!messages.delete(field) && !whole) return;
      whole = "";
      redraw();
    },
    /**
     * A refusal of the service, or one in its shape: each message at its field, the rest below the form. The first
     * wrong field of `form` gets the focus.
     * @param {Error & { errors?: { field: string, message: string }[] }} error
     * @param {HTMLElement} form
     */
    show(error, form) {
      forget();
      const errors = error.errors ?? [];
      const isPlaced = ({ field = "" }) => form.querySelector(`[data-error-for="${CSS.escape(field)}"]`) !== null;
      errors.filter(isPlaced).forEach(({ field, message }) => messages.set(field, sentenceCase(message)));
      if (errors.length === 0 || !errors.every(isPlaced)) whole = error.message;
      redraw();
      app.announce([...messages.values(), whole].filter(Boolean).join(" "));
      queueMicrotask(() => /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid=true]"))?.focus());
    },
    /** What belongs to no field, for the foot of the form. */
    drawWhole: () => html`<div data-problem="">${whole ? alert(whole) : nothing}</div>`,
  };
}

/** @typedef {ReturnType<typeof createErrors>} Errors */

/** @param {string} field @param {Errors} errors */
export function errorLine(field, errors) {
  return html`<div id="${field}-error" class="field-error" data-error-for=${field}>${errors.of(field)}</div>`;
}

/**
 * A label, a control, a hint and an error. The control is drawn by `control` with what it must carry:
 * `html\`<input id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />\``.
 * @param {object} options
 * @param {string} options.name as the service calls the field
 * @param {string} options.label
 * @param {string} [options.hint]
 * @param {unknown} [options.aside] beside the label: a count, a value
 * @param {Errors} options.errors
 * @param {(attributes: { id: string, invalid: "true" | typeof nothing, describedBy: string }) => unknown} options.control
 */
export function field({ name, label, hint, aside, errors, control }) {
  const invalid = errors.of(name) ? "true" : nothing;
  const describedBy = [hint && `${name}-hint`, `${name}-error`].filter(Boolean).join(" ");
  const title = html`<label for=${name}>${label}</label>`;
  return html`<div class="field">
    ${aside === undefined ? title : html`<div class="field-head">${title}${aside}</div>`}
    ${control({ id: name, invalid, describedBy })}
    ${hint ? html`<p id="${name}-hint" class="fine">${hint}</p>` : nothing} ${errorLine(name, errors)}
  </div>`;
}

/**
 * A `field` of a number that is slid, which stands beside its label.
 * @param {object} options
 * @param {string} options.name as the service calls the field
 * @param {string} options.label
 * @param {string} [options.hint]
 * @param {number} options.value
 * @param {string} options.shown the value as it is read
 * @param {{ min: number, max: number, step: number }} options.range
 * @param {boolean} [options.isOff] cannot be slid now
 * @param {Errors} options.errors
 * @param {(value: number) => void} options.change
 */
export function slider({ name, label, hint, value, shown, range, isOff = false, errors, change }) {
  const slide = (/** @type {any} */ event) => {
    change(Number(event.target.value));
    errors.corrected(name);
  };
  return field({
    name,
    label,
    hint,
    aside: html`<output for=${name} class="fine">${shown}</output>`,
    errors,
    control: ({ id, invalid, describedBy }) => html`<input
      id=${id}
      type="range"
      class="form-range"
      min=${range.min}
      max=${range.max}
      step=${range.step}
      ?disabled=${isOff}
      .value=${live(String(value))}
      aria-invalid=${invalid}
      aria-describedby=${describedBy}
      @input=${slide}
    />`,
  });
}

/**
 * The options of a select, the chosen one marked. @param {readonly (readonly [string, string, boolean?])[]} pairs value, text, and whether it cannot be chosen
 * @param {string | null} chosen
 */
export function options(pairs, chosen) {
  return pairs.map(([value, text, isOff]) => html`<option value=${value} ?disabled=${isOff === true} .selected=${live(value === chosen)}>${text}</option>`);
}
