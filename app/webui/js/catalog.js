/** What the service can speak with: languages, presets, voices and quality profiles; fetched once and kept. */

/**
 * @typedef {object} Voice
 * @property {string} id
 * @property {string[]} [tags] in one's own words
 * @property {string | null} [category]
 * @property {string} title
 * @property {string} language its own, or MANY
 * @property {string[]} languages of its engine
 * @property {string} gender female, male or unknown
 * @property {string} engine
 * @property {string[]} [engines] all that can speak it
 * @property {string[]} [mixed_by] those of them that mix it with another
 * @property {string[]} [converters] that say a recording with it
 * @property {boolean} is_stock false: cloned here
 * @property {boolean} [has_weights] fine-tuned, of its own: in no voice file
 * @property {{ statement: string, given_at: string } | null} [consent] of a cloned voice's speaker
 * @property {string} [licence] of its engine's weights
 * @property {string | null} [licence_url]
 * @property {boolean} [is_commercial] false: the sound is for non-commercial use only
 *
 * @typedef {object} Preset
 * @property {string} id
 * @property {string[]} languages
 * @property {string} engine
 * @property {Record<string, string>} voices base language to the id of the voice that it is there
 *
 * @typedef {object} Catalog
 * @property {string[]} languages BCP 47; Brazilian Portuguese and English first
 * @property {Preset[]} presets
 * @property {Voice[]} voices
 */

/** BCP 47, of a voice that has no language of its own: it speaks all of its engine's. */
export const MANY = "mul";
const OLD_MS = 30_000;
const FIRST = ["pt-BR", "en-US", "en", "en-GB"];

/** `pt` of `pt-BR`. @param {string | null | undefined} tag */
export const baseOf = (tag) => (tag ?? "").split("-")[0];

/** The voice of a language, or the first. @param {readonly Voice[]} voices @param {string} language */
export function firstVoice(voices, language) {
  return voices.find((voice) => baseOf(voice.language) === baseOf(language)) ?? voices[0];
}

/** @param {string[]} tags @returns {string[]} each once, the first ones first, the rest by tag */
export function sortLanguages(tags) {
  const rank = (/** @type {string} */ tag) => (FIRST.includes(tag) ? FIRST.indexOf(tag) : FIRST.length);
  return [...new Set(tags)].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** The offered language nearest to the reader's own, or the first. @param {string[]} offered @param {string} own */
export function nearestLanguage(offered, own) {
  return offered.find((tag) => tag === own) ?? offered.find((tag) => baseOf(tag) === baseOf(own)) ?? offered[0];
}

/**
 * Whether a voice is offered for a text. A stock voice reads another language than its own with an accent; a cloned
 * one shall speak every language of its engine.
 * @param {Voice} voice @param {string | null} language
 */
export function speaks(voice, language) {
  const speaksAll = voice.is_stock === false || voice.language === MANY;
  return voice.language === language || (speaksAll && voice.languages.includes(language ?? ""));
}

/** The voice that a preset is in a language, by its id. @param {Preset} preset @param {string | null} language */
export const presetVoice = ({ voices }, language) => voices[baseOf(language)] ?? null;

/**
 * The answers of the service as the page wants them. A voice is offered when its engine speaks its own language:
 * another's text it could only read with an accent. One without a language of its own is offered for all of them.
 * @param {{ presets: any, voices: any }} answers
 * @returns {Catalog}
 */
export function catalogOf({ presets, voices }) {
  const own = (/** @type {Voice} */ { language, languages }) => (language === MANY ? languages : [language]);
  const offered = voices.voices.filter((/** @type {Voice} */ voice) => own(voice).every((tag) => voice.languages.includes(tag)));
  const languages = sortLanguages(offered.flatMap(own));
  return { presets: presets.presets, voices: offered, languages };
}

/**
 * Whose engine speaks the draft: its voice's, or its preset's.
 * @param {Catalog} studio
 * @param {import("./drafts.js").Draft} draft
 * @returns {string | null}
 */
export function engineOf({ voices, presets }, draft) {
  const chosen = voices.find(({ id }) => id === draft.voiceId) ?? presets.find(({ id }) => id === draft.presetId);
  return chosen?.engine ?? null;
}

/** @param {ReturnType<typeof import("./api.js").createApi>} api */
export function createCatalog(api) {
  /** @type {Map<string, Promise<any>>} */
  const kept = new Map();
  let voicesAt = 0; // ms, when they were asked for

  /**
   * What was fetched once is not fetched again; what failed is.
   * @template T @param {string} key @param {() => Promise<T>} fetchIt @returns {Promise<T>}
   */
  const once = (key, fetchIt) => {
    const known = kept.get(key);
    if (known) return known;
    const coming = fetchIt();
    kept.set(key, coming);
    coming.catch(() => kept.delete(key));
    return coming;
  };

  return {
    /** Asks for the voices and engines anew. */
    forget: () => ["voices", "engines"].forEach((key) => kept.delete(key)),
    /** The same where they are older than `OLD_MS`: another client may have changed them. */
    forgetOld: () => void (Date.now() - voicesAt > OLD_MS && kept.delete("voices")),
    /** @returns {Promise<Catalog>} */
    load: () =>
      once("voices", async () => {
        voicesAt = Date.now();
        const [presets, voices] = await Promise.all([api.presets(), api.voices()]);
        return catalogOf({ presets, voices });
      }),
    /** Asks for its profiles anew. @param {string} engine */
    forgetProfiles: (engine) => void kept.delete(`profiles ${engine}`),
    /** @param {string} engine @returns {Promise<any>} */
    profiles: (engine) => once(`profiles ${engine}`, async () => (await api.profiles(engine)).profiles),
    /** @returns {Promise<any>} */
    service: () => once("service", () => api.service()),
    /** @returns {Promise<any>} */
    engines: async () => (await once("engines", () => api.engines())).engines,
    /** @returns {Promise<any>} */
    converters: async () => (await once("engines", () => api.engines())).converters,
  };
}
