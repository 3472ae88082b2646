/** A small Redux-like store: the state of the frame, and the slices that pages register. */

/**
 * @typedef {object} FrameState
 * @property {"auto" | "light" | "dark"} theme
 * @property {"unknown" | "healthy" | "degraded" | "unhealthy" | "unreachable"} service
 * @property {"connecting" | "open" | "lost"} live
 */

/** The frame's state, and under its name each slice. @typedef {FrameState & Readonly<Record<string, any>>} State */

/**
 * `set` changes the frame; any other type is the name of the slice that is changed.
 * @typedef {{ type: string, values: Record<string, unknown> }} Action
 */

/**
 * A page's part of the state. What `keep` names outlives a reload of the tab.
 * @template {object} S
 * @typedef {{ name: string, initial: S, keep?: readonly (keyof S & string)[] }} Slice
 */

/**
 * @typedef {object} Store
 * @property {() => State} state
 * @property {(action: Action) => void} dispatch
 * @property {(listener: (state: State, before: State) => void) => () => void} subscribe
 * @property {<V>(selector: (state: State) => V, listener: (value: V) => void) => () => void} watch
 * @property {(slice: Slice<any>) => void} register does nothing when the slice is there already
 */

/** @type {FrameState} */
export const INITIAL = { theme: "auto", service: "unknown", live: "connecting" };

/**
 * A change to what is there already tells nobody. The state is frozen all through.
 * @param {FrameState} initial
 * @param {Pick<Storage, "getItem" | "setItem"> | null} [storage] where drafts are kept; without it they end with the page
 * @returns {Store}
 */
export function createStore(initial = INITIAL, storage = null) {
  let current = /** @type {State} */ (deepFreeze(initial));
  /** @type {Set<(state: State, before: State) => void>} */
  const listeners = new Set();
  /** @type {Map<string, Slice<any>>} */
  const slices = new Map();

  /** @param {(state: State, before: State) => void} listener */
  const subscribe = (listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };

  /** @param {Slice<any>} slice */
  const register = (slice) => {
    if (slices.has(slice.name)) return;
    if (Object.hasOwn(current, slice.name)) throw new Error(`the frame has a part called ${slice.name}`);
    slices.set(slice.name, slice);
    current = deepFreeze({ ...current, [slice.name]: { ...slice.initial, ...kept(storage, slice) } });
  };

  /** @param {Action} action @returns {State} */
  const reduce = ({ type, values }) => {
    if (type === "set") return changed(current, values);
    if (!slices.has(type)) throw new Error(`unknown part of the state: ${type}`);
    return changed(current, { [type]: changed(current[type], values) });
  };

  return {
    state: () => current,
    subscribe,
    register,
    dispatch(action) {
      const before = current;
      current = deepFreeze(reduce(action));
      if (current === before) return;
      const slice = slices.get(action.type);
      if (slice) keep(storage, slice, current[slice.name]);
      [...listeners].forEach((listener) => listener(current, before));
    },
    watch: (selector, listener) =>
      subscribe((state, before) => {
        const value = selector(state);
        if (!Object.is(value, selector(before))) listener(value);
      }),
  };
}

/** @param {string} name */
const placeOf = (name) => `papagaio.draft.${name}`;

/** What was kept of a slice; names that it no longer has are left out. @param {Pick<Storage, "getItem"> | null} storage @param {Slice<any>} slice */
function kept(storage, { name, keep = [] }) {
  try {
    const found = JSON.parse(storage?.getItem(placeOf(name)) ?? "{}");
    return Object.fromEntries(Object.entries(found).filter(([part]) => keep.includes(part)));
  } catch {
    return {}; // storage is switched off, or holds what another version wrote
  }
}

/** @param {Pick<Storage, "setItem"> | null} storage @param {Slice<any>} slice @param {any} value */
function keep(storage, { name, keep = [] }, value) {
  if (!storage || keep.length === 0) return;
  try {
    storage.setItem(placeOf(name), JSON.stringify(Object.fromEntries(keep.map((part) => [part, value[part]]))));
  } catch {
    // Storage is switched off or full: the draft holds until the page is closed.
  }
}

/** @template T @param {T} value @returns {T} */
function deepFreeze(value) {
  // A Blob cannot change, and is not ours to freeze.
  if (typeof value !== "object" || value === null || value instanceof Blob || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}

/** @template {object} T @param {T} value @param {Partial<T>} values @returns {T} */
function changed(value, values) {
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(value, name)) throw new Error(`unknown part of the state: ${name}`);
  }
  const same = Object.entries(values).every(([name, part]) => Object.is(/** @type {any} */ (value)[name], part));
  return same ? value : { ...value, ...values };
}
