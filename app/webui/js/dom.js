import { icon as drawing } from "./icons.js";
import { render } from "./lit.js";

/**
 * The one place that makes DOM nodes. Data only ever becomes text or attribute values, never markup.
 * @typedef {Node | string | number | null | undefined | false} Child
 */

const PROPERTIES = new Set(["checked", "disabled", "hidden", "max", "required", "selected", "tabIndex", "value"]);

/**
 * An HTML element. `on` holds listeners by event type, `data` the data attributes; `null` and `undefined`
 * leave an attribute out; so does `false`, except that ARIA wants it said.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {any} the element
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  // A select has its value only once it has its options.
  append(node, children);
  for (const [name, value] of Object.entries(props)) setProp(node, name, value);
  return node;
}

/** @param {Element & Record<string, any>} node @param {string} name @param {any} value */
function setProp(node, name, value) {
  if (value === undefined || value === null) return;
  if (name.startsWith("aria-")) return node.setAttribute(name, String(value));
  if (name === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
  else if (name === "data") Object.assign(/** @type {any} */ (node).dataset, value);
  else if (PROPERTIES.has(name)) node[name] = value;
  else if (value !== false) setAttribute(node, name, value === true ? "" : String(value));
}

/** @param {Element} node @param {string} name @param {string} value */
function setAttribute(node, name, value) {
  if (/^(on|style$|srcdoc$)/i.test(name)) throw new Error(`attribute ${name} is not allowed`);
  if (/^(href|src|action)$/i.test(name) && /^\s*(javascript|data|vbscript):/i.test(value)) {
    throw new Error(`address ${value} is not allowed`);
  }
  node.setAttribute(name, value);
}

/** @param {Node} node @param {(Child | Child[])[]} children */
export function append(node, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** @param {Element} node @param {...(Child | Child[])} children */
export function replace(node, ...children) {
  delete (/** @type {any} */ (node)["_$litPart$"]);
  node.replaceChildren();
  append(node, children);
}

/** @param {string} name */
export function icon(name) {
  const place = document.createElement("span");
  render(drawing(name), place);
  return /** @type {Element} */ (place.querySelector("svg"));
}

/**
 * Listens, and returns what ends the listening.
 * @param {EventTarget} target
 * @param {string} type
 * @param {(event: any) => void} listener
 * @returns {() => void}
 */
export function on(target, type, listener) {
  target.addEventListener(type, listener);
  return () => target.removeEventListener(type, listener);
}

/** Runs all of them, so that a page has one thing to undo. @param {(() => void)[]} undo @returns {() => void} */
export function all(...undo) {
  return () => undo.forEach((one) => one());
}
