/** A part of a page that draws itself from what is known now. */

import { render } from "./lit.js";

/**
 * `redraw` may be called as often as one likes: it draws once, before the next frame. After `close` it does nothing.
 * @typedef {{ draw: () => void, redraw: () => void, close: () => void }} View
 */

/**
 * Draws `template()` into `root`, at once.
 * @param {HTMLElement} root
 * @param {() => unknown} template
 * @returns {View}
 */
export function createView(root, template) {
  let isWaiting = false;
  let isClosed = false;
  const draw = () => {
    if (!isClosed) render(template(), root);
  };
  const redraw = () => {
    if (isWaiting) return;
    isWaiting = true;
    queueMicrotask(() => {
      isWaiting = false;
      draw();
    });
  };
  draw();
  return { draw, redraw, close: () => void (isClosed = true) };
}

/** Runs all of them, so that a page has one thing to undo. @param {(() => void)[]} undo @returns {() => void} */
export function all(...undo) {
  return () => undo.forEach((one) => one());
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

/** Puts the focus on a heading, or what `selector` finds: after a step, so that it never falls back to the body. @param {ParentNode} root @param {string} [selector] */
export function focusOn(root, selector = "h1, h2") {
  const found = /** @type {HTMLElement | null} */ (root.querySelector(selector));
  if (!found) return;
  if (found.tabIndex < 0) found.tabIndex = -1;
  found.focus();
}
