/** A small Redux-like store, and the state of this page. */

/**
 * @template S, A
 * @typedef {object} Store
 * @property {() => S} state
 * @property {(action: A) => void} dispatch
 * @property {(listener: (state: S, before: S) => void) => () => void} subscribe
 * @property {<V>(selector: (state: S) => V, listener: (value: V) => void) => () => void} watch
 */

/**
 * `reduce` returns the same object when nothing changed: then nobody is told. The state is frozen all through.
 * @template S, A
 * @param {(state: S, action: A) => S} reduce
 * @param {S} initial
 * @returns {Store<S, A>}
 */
export function createStore(reduce, initial) {
  let current = deepFreeze(initial);
  /** @type {Set<(state: S, before: S) => void>} */
  const listeners = new Set();

  /** @param {(state: S, before: S) => void} listener */
  const subscribe = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  return {
    state: () => current,
    subscribe,
    dispatch(action) {
      const before = current;
      current = deepFreeze(reduce(before, action));
      if (current !== before) [...listeners].forEach((listener) => listener(current, before));
    },
    watch: (selector, listener) =>
      subscribe((state, before) => {
        const value = selector(state);
        if (!Object.is(value, selector(before))) listener(value);
      }),
  };
}

/** @template T @param {T} value @returns {T} */
function deepFreeze(value) {
  // A Blob cannot change, and is not ours to freeze.
  if (typeof value !== "object" || value === null || value instanceof Blob || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

/**
 * What a person is about to have spoken; kept while they look at other pages.
 * `presetId` or `voiceId` names the voice, never both.
 * @typedef {object} Draft
 * @property {string} text
 * @property {string | null} language
 * @property {string | null} presetId
 * @property {string | null} voiceId
 * @property {string | null} profileId
 * @property {number | null} speed null: what the profile says
 */

/**
 * A recording of a voice to be: of the microphone, or a file.
 * @typedef {object} Take
 * @property {string} id
 * @property {string} name
 * @property {Blob} blob
 * @property {number | null} durationS null: the browser cannot tell
 *
 * The voice that a person is making; kept while they look at other pages, and through errors.
 * @typedef {object} CloneDraft
 * @property {readonly Take[]} takes
 * @property {string | null} language
 * @property {string} text what is said in the takes, where it is known
 * @property {Readonly<Record<string, Readonly<{ text?: string, use?: boolean }>>>} clips what was changed, by clip
 * @property {string | null} clipsOf the intake that `clips` belong to
 * @property {string} name
 * @property {string} effort
 * @property {string} gender
 * @property {string} description
 * @property {boolean} consent
 */

/**
 * @typedef {object} State
 * @property {"auto" | "light" | "dark"} theme
 * @property {"unknown" | "healthy" | "degraded" | "unhealthy" | "unreachable"} service
 * @property {"connecting" | "open" | "lost"} live
 * @property {string | null} speakJobId the job that the Speak page shows
 * @property {Draft} draft
 * @property {CloneDraft} clone
 */

/** @type {CloneDraft} */
export const NO_CLONE = {
  takes: [],
  language: null,
  text: "",
  clips: {},
  clipsOf: null,
  name: "",
  effort: "default",
  gender: "unknown",
  description: "",
  consent: false,
};

/** @type {State} */
export const INITIAL = {
  theme: "auto",
  service: "unknown",
  live: "connecting",
  speakJobId: null,
  draft: { text: "", language: null, presetId: null, voiceId: null, profileId: null, speed: null },
  clone: NO_CLONE,
};

/**
 * @typedef {{ type: "set", values: Partial<State> } | { type: "draft", values: Partial<Draft> }
 *   | { type: "clone", values: Partial<CloneDraft> }} Action
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  if (action.type === "set") return changed(state, action.values);
  if (action.type === "draft") return changed(state, { draft: changed(state.draft, action.values) });
  if (action.type === "clone") return changed(state, { clone: changed(state.clone, action.values) });
  throw new Error(`unknown action ${JSON.stringify(action)}`);
}

/** @template {object} T @param {T} value @param {Partial<T>} values @returns {T} */
function changed(value, values) {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(value, name)) throw new Error(`unknown part of the state: ${name}`);
  }
  const same = Object.entries(values).every(([name, part]) => Object.is(/** @type {any} */ (value)[name], part));
  return same ? value : { ...value, ...values };
}
