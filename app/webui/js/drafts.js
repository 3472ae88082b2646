/** What people are about to do on the Speak and Clone pages: kept while they look elsewhere, and over a reload. */

/**
 * What a person is about to have spoken. `presetId` or `voiceId` names the voice, never both.
 * @typedef {object} Draft
 * @property {string} text
 * @property {string | null} language
 * @property {string | null} presetId
 * @property {string | null} voiceId
 * @property {Readonly<Record<string, { presetId: string | null, voiceId: string | null }>>} chosen what was chosen last, by language
 * @property {string | null} profileId
 * @property {number | null} speed null: what the profile says
 * @property {string} wrapping what is done with line breaks: auto, keep or join
 * @property {boolean} checkWords whether what is spoken is heard again, and mended
 * @property {string | null} rvcModelId the RVC model that says it once more
 * @property {number} rvcPitch semitones that it is raised by
 * @property {string | null} jobId the job that the Speak page shows
 */

/** @type {import("./store.js").Slice<Draft>} */
export const SPEAK = {
  name: "draft",
  initial: {
    text: "",
    language: null,
    presetId: null,
    voiceId: null,
    chosen: {},
    profileId: null,
    speed: null,
    wrapping: "auto",
    checkWords: false,
    rvcModelId: null,
    rvcPitch: 0,
    jobId: null,
  },
  keep: ["text", "language", "presetId", "voiceId", "chosen", "profileId", "speed", "wrapping", "checkWords", "rvcModelId", "rvcPitch", "jobId"],
};

/**
 * A recording of a voice to be: of the microphone, or a file.
 * @typedef {object} Take
 * @property {string} id
 * @property {string} name
 * @property {Blob} blob
 * @property {number | null} durationS null: the browser cannot tell
 *
 * The voice that a person is making; kept through errors.
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

/** @type {import("./store.js").Slice<CloneDraft>} */
export const CLONE = {
  name: "clone",
  initial: {
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
  },
  // Recordings are too large for the browser's storage; a consent is given anew.
  keep: ["language", "text", "clips", "clipsOf", "name", "effort", "gender", "description"],
};
