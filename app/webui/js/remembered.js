/** Choices that are kept in this browser. */

/** @param {string} name @param {readonly string[]} [allowed] @returns {string | null} */
export function remembered(name, allowed) {
  try {
    const value = localStorage.getItem(`papagaio.${name}`);
    return value !== null && (!allowed || allowed.includes(value)) ? value : null;
  } catch {
    return null; // storage is switched off: every visit starts afresh
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(`papagaio.${name}`, value);
  } catch {
    // Storage is switched off: the choice holds until the page is closed.
  }
}
