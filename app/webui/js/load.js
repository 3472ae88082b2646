/** The one way a page gets what it shows: says that it loads, what went wrong, and tries again. */

import { render } from "./lit.js";
import { alert, loading, retryButton } from "./widgets/states.js";

/**
 * `show` draws into `root` with lit and returns its undo. What failed is asked again by a button, and by itself as soon
 * as the service is back.
 * @template T
 * @param {HTMLElement} root
 * @param {import("./app.js").App} app
 * @param {() => Promise<T>} ask
 * @param {(data: T) => (() => void) | void} show
 * @param {(error: Error, again: () => void) => unknown} [refused] draws a failure; null: as everywhere
 * @returns {{ close: () => void, again: () => Promise<void> }}
 */
export function loadPage(root, app, ask, show, refused = () => null) {
  let undo = () => {};
  let isClosed = false;
  let hasFailed = false;
  let asked = 0;

  const again = async () => {
    asked += 1;
    const mine = asked;
    hasFailed = false;
    try {
      const data = await ask();
      if (isClosed || mine !== asked) return;
      undo();
      undo = show(data) ?? (() => {});
    } catch (error) {
      if (isClosed || mine !== asked) return;
      hasFailed = true;
      undo();
      undo = () => {};
      const told = refused(/** @type {Error} */ (error), again);
      render(told ?? alert(/** @type {Error} */ (error).message, retryButton(app.texts, again)), root);
    }
  };
  render(loading(app.texts), root);
  void again();
  const unwatch = app.store.watch(
    (state) => state.service,
    (service) => {
      if (hasFailed && service !== "unreachable") void again();
    },
  );
  return {
    again,
    close: () => {
      isClosed = true;
      unwatch();
      undo();
    },
  };
}
