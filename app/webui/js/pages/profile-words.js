/** Quality profiles and what they set, in the reader's words; and which values a form has changed. */

/**
 * @typedef {import("../api-types.js").ProfileView} Profile
 * @typedef {import("../api-types.js").ParameterView} Parameter
 * @typedef {number | boolean} Value
 */

/** Built-in profiles have names in the reader's language; a person's own keep theirs. @param {import("../texts.js").Texts} texts @param {Profile} profile */
export function profileName(texts, profile) {
  const code = `page.profile.${profile.id}`;
  return profile.is_built_in && texts.has(code) ? texts.t(code) : profile.name;
}

/** @param {import("../texts.js").Texts} texts @param {Profile} profile */
export function profileAbout(texts, profile) {
  const code = `page.profile.about.${profile.id}`;
  return profile.is_built_in && texts.has(code) ? texts.t(code) : profile.description;
}

/** An engine may come with parameters that the page has no word for. @param {import("../texts.js").Texts} texts @param {string} name */
export function parameterName(texts, name) {
  const code = `page.parameter.${name}`;
  return texts.has(code) ? texts.t(code) : name;
}

/** A value with the digits that its steps have. @param {import("../texts.js").Texts} texts @param {Parameter} parameter @param {Value} value */
export function valueText(texts, parameter, value) {
  const step = parameter.step ?? 1;
  return texts.number(Number(value), step < 1 ? Math.round(-Math.log10(step)) : 0);
}

/** What a profile is spoken with: its own values, and the defaults of what it does not name. @param {readonly Parameter[]} parameters @param {Readonly<Record<string, Value>>} given @returns {Record<string, Value>} */
export function completed(parameters, given) {
  return Object.fromEntries(parameters.map(({ name, default: usual }) => [name, /** @type {Value} */ (given[name] ?? usual)]));
}

/** Those of `values` that are not a profile's. @param {readonly Parameter[]} parameters @param {Profile} profile @param {Readonly<Record<string, Value>>} values @returns {Record<string, Value>} */
export const ownValues = (parameters, profile, values) => changed(values, completed(parameters, profile.parameters));

/** Those of `values` that are not as in `stored`. @param {Readonly<Record<string, Value>>} values @param {Readonly<Record<string, Value>>} stored @returns {Record<string, Value>} */
export function changed(values, stored) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== stored[name]));
}
