/** The service's HTTP API, as far as the page uses it. */

/**
 * What the service answers, by OpenAPI.
 * @typedef {import("./pages/job-view.js").Job} Job
 * @typedef {import("./api-types.js").VoiceProfile} Voice
 * @typedef {{ status: string, engine: string, language: string, created_from: string, created_until: string }} JobFilter
 */

/** A refusal of the service (RFC 9457 problem details), or no answer at all (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail in the reader's language
   * @param {{ field: string, message: string }[]} errors
   * @param {string} component that brings what is lacking, where that is why
   */
  constructor(status, code, detail, errors = [], component = "") {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.component = component;
  }
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] what is empty is left out
 * @returns {string}
 */
export function url(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text ? `${path}?${text}` : path;
}

/** @param {Response} response @returns {Promise<ApiError>} */
async function refusal(response) {
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  const body = isJson ? await response.json() : {};
  return new ApiError(
    response.status,
    body.code ?? "",
    body.detail ?? `${response.status} ${response.statusText}`,
    body.errors ?? [],
    body.component ?? "",
  );
}

const job = (/** @type {string} */ jobId) => `/jobs/${encodeURIComponent(jobId)}`;
const voice = (/** @type {string} */ voiceId) => `/voices/${encodeURIComponent(voiceId)}`;

/**
 * @param {object} options
 * @param {() => string} options.language what answers are asked for in
 * @param {() => string} options.unreachable what a person reads when there is no answer
 * @param {typeof fetch} [options.fetch]
 */
export function createApi({ language, unreachable, fetch = globalThis.fetch.bind(globalThis) }) {
  /**
   * @param {string} path
   * @param {RequestInit} [init]
   * @returns {Promise<Response>} an answer below 400
   */
  async function send(path, init = {}) {
    let response;
    try {
      response = await fetch(path, { ...init, headers: { "Accept-Language": language(), ...init.headers } });
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") throw error;
      throw new ApiError(0, "unreachable", unreachable());
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** @param {string} path @param {RequestInit} [init] @returns {Promise<any>} */
  const json = async (path, init) => {
    const response = await send(path, init);
    return response.status === 204 ? null : response.json();
  };

  /** A request with a JSON body. @param {"POST" | "PUT" | "PATCH"} method @param {Record<string, unknown>} body @returns {RequestInit} */
  const sent = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

  /** @param {string} path @param {FormData | Record<string, unknown>} [body] @returns {Promise<any>} */
  const post = (path, body) => {
    if (body === undefined) return json(path, { method: "POST" });
    return json(path, body instanceof FormData ? { method: "POST", body } : sent("POST", body));
  };

  /** @param {string} path @param {Record<string, unknown>} body @returns {Promise<any>} */
  const put = (path, body) => json(path, sent("PUT", body));

  /** What a request is answered with as sound, with what its headers say. @param {string} path @param {Record<string, unknown>} body @param {AbortSignal} [signal] @returns {Promise<Response>} */
  const speak = (path, body, signal) => send(path, { ...sent("POST", body), signal });

  return {
    get: json,
    post,
    put,
    /** What a request is answered with as sound. @param {string} path @param {Record<string, unknown>} body @returns {Promise<Blob>} */
    sound: async (path, body) => (await speak(path, body)).blob(),
    speak,
    /** An answer that is no JSON. @param {string} path @param {RequestInit} [init] @returns {Promise<Response>} */
    send,
    /** @param {string} path @param {Record<string, unknown>} body @returns {Promise<any>} */
    patch: (path, body) => json(path, sent("PATCH", body)),
    /** @param {string} path @returns {Promise<any>} */
    remove: (path) => json(path, { method: "DELETE" }),
    /**
     * A form whose way is watched, which fetch cannot. `share` goes from 0 to 1.
     * @param {string} path @param {FormData} form
     * @param {{ onProgress?: (share: number) => void, signal?: AbortSignal }} [options]
     * @returns {Promise<any>}
     */
    upload: (path, form, options = {}) => upload(path, form, { language, unreachable, ...options }),
    /** @returns {Promise<import("./api-types.js").ServiceInfo>} */
    service: () => json("/"),
    // An unhealthy service answers 503 with the same body, but for one whose database is away. A refusal, such as to who
    // has not signed in, does not tell how it is.
    /** @returns {Promise<import("./api-types.js").Health>} */
    health: async () => {
      const response = await fetch("/health");
      const body = await response.json();
      return body.code ? { ...body, status: response.status === 503 ? "unhealthy" : "unknown" } : body;
    },
    /** @returns {Promise<import("./api-types.js").EnginesHealth>} */
    engines: () => json("/health/engines"),
    /** @returns {Promise<import("./api-types.js").Presets>} */
    presets: () => json("/presets"),
    /** @returns {Promise<import("./api-types.js").Voices>} */
    voices: () => json(url("/voices", { limit: 1000 })),
    /** @param {string} engine @returns {Promise<import("./api-types.js").EngineProfiles>} */
    profiles: (engine) => json(`/quality-profiles/${encodeURIComponent(engine)}`),
    /** @param {Record<string, unknown>} request @returns {Promise<Job>} */
    addJob: (request) => post("/jobs", request),
    /** @param {{ limit: number, offset: number } & Partial<JobFilter>} page @returns {Promise<{ jobs: Job[], total: number }>} */
    jobs: (page) => json(url("/jobs", page)),
    /** @param {string} jobId @returns {Promise<Job>} */
    job: (jobId) => json(job(jobId)),
    /** A vote, 1 to 5, in the place of an earlier one. @param {string} jobId @param {number} stars @returns {Promise<Job>} */
    rateJob: (jobId, stars) => put(`${job(jobId)}/rating`, { stars }),
    /** @param {string} jobId @returns {Promise<Job>} */
    cancelJob: (jobId) => post(`${job(jobId)}/cancel`),
    /** @param {string} jobId @returns {Promise<Job>} */
    pauseJob: (jobId) => post(`${job(jobId)}/pause`),
    /** @param {string} jobId @returns {Promise<Job>} */
    resumeJob: (jobId) => post(`${job(jobId)}/resume`),
    /** @param {string} jobId */
    deleteJob: (jobId) => json(job(jobId), { method: "DELETE" }),
    /** Those that still run stay. @param {readonly string[]} ids @returns {Promise<import("./api-types.js").BulkDeleted>} */
    deleteJobs: (ids) => post("/jobs/delete", { job_ids: ids }),
    /** Their sounds as a ZIP. @param {readonly string[]} ids @param {string} format @returns {string} */
    archiveUrl: (ids, format) => url("/jobs/archive", { ids: ids.join(","), format }),
    /** The list as a table. @param {Partial<JobFilter>} filter @returns {string} */
    jobsTableUrl: (filter) => url("/jobs/export", filter),
    /** @param {string} jobId @param {AbortSignal} signal */
    streamJob: (jobId, signal) => send(`${job(jobId)}/stream`, { signal }),
    /** `name`: of the file, without its ending. @param {string} jobId @param {string} format @param {string} [name] @returns {string} */
    downloadUrl: (jobId, format, name) => url(`${job(jobId)}/download`, { format, name }),
    /** What happened to it, as text. @param {string} jobId @returns {string} */
    logUrl: (jobId) => `${job(jobId)}/log`,
    ...cloning(json, post),
  };
}

/**
 * @param {string} path @param {FormData} form
 * @param {{ language: () => string, unreachable: () => string, onProgress?: (share: number) => void, signal?: AbortSignal }} options
 * @returns {Promise<any>}
 */
function upload(path, form, { language, unreachable, onProgress = () => {}, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Accept-Language", language());
    request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0));
    request.addEventListener("error", () => reject(new ApiError(0, "unreachable", unreachable())));
    request.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    request.addEventListener("load", () => {
      const type = request.getResponseHeader("Content-Type") ?? "";
      const answer = new Response(request.responseText, { status: request.status, headers: { "Content-Type": type } });
      if (answer.ok) answer.json().then(resolve, reject);
      else refusal(answer).then(reject, reject);
    });
    signal?.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/**
 * What is asked for on the way from recordings to a voice, and of the voice after it.
 * @param {(path: string, init?: RequestInit) => Promise<any>} json
 * @param {(path: string, body?: FormData | Record<string, unknown>) => Promise<any>} post
 */
function cloning(json, post) {
  return {
    /** Refused with the command to give while no voice can be made here. @param {number} [speechS] of the clips @param {{ dataset: string, speaker: string }} [learned] instead of them @returns {Promise<import("./api-types.js").EffortView[]>} */
    efforts: (speechS, learned) => json(url("/voices/efforts", { speech_s: speechS, ...learned })),
    /** @param {FormData} form @returns {Promise<Job>} */
    takeIn: (form) => post("/voices/intake", form),
    /** @param {Record<string, unknown>} request @returns {Promise<Job>} */
    fit: (request) => post("/voices/fit", request),
    /** @param {string} jobId @param {string} clipId @returns {string} */
    clipUrl: (jobId, clipId) => `${job(jobId)}/clips/${encodeURIComponent(clipId)}`,
    /** @param {string} jobId @returns {Promise<string[]>} */
    jobSamples: async (jobId) => (await json(`${job(jobId)}/samples`)).samples,
    /** @param {string} jobId @param {string} name @returns {string} */
    jobSampleUrl: (jobId, name) => `${job(jobId)}/samples/${encodeURIComponent(name)}`,
    /** @param {string} voiceId @returns {Promise<Voice>} */
    voice: (voiceId) => json(voice(voiceId)),
    /** @param {string} voiceId */
    voiceReport: (voiceId) => json(`${voice(voiceId)}/report`),
    /** A sentence of a voice, made when it is asked for. @param {string} voiceId @param {{ language: string }} query @returns {string} */
    voiceSampleUrl: (voiceId, query) => url(`${voice(voiceId)}/sample`, query),
    /** What was kept of a voice's making. @param {string} voiceId @param {string} name @returns {string} */
    keptSampleUrl: (voiceId, name) => `${voice(voiceId)}/samples/${encodeURIComponent(name)}`,
    /** @param {string} voiceId @param {"file" | "json"} format @returns {string} */
    voiceExportUrl: (voiceId, format) => url(`${voice(voiceId)}/export`, { format }),
    /** @param {FormData} form */
    importVoice: (form) => post("/voices/import", form),
    /** @param {string} voiceId */
    deleteVoice: (voiceId) => json(voice(voiceId), { method: "DELETE" }),
  };
}
