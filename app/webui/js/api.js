/** The service's HTTP API, as far as the page uses it. */

/** A refusal of the service (RFC 9457 problem details), or no answer at all (`status` 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} detail in the reader's language
   * @param {{ field: string, message: string }[]} errors
   */
  constructor(status, code, detail, errors = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
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
  );
}

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
  const json = async (path, init) => (await send(path, init)).json();

  const job = (/** @type {string} */ jobId) => `/jobs/${encodeURIComponent(jobId)}`;

  return {
    service: () => json("/"),
    // An unhealthy service answers 503 with the same body.
    health: () => fetch("/health").then((response) => response.json()),
    engines: () => json("/health/engines"),
    presets: () => json("/presets"),
    voices: () => json(url("/voices", { limit: 1000 })),
    /** @param {string} engine */
    profiles: (engine) => json(`/quality-profiles/${encodeURIComponent(engine)}`),
    /** @param {Record<string, unknown>} request */
    addJob: (request) =>
      json("/jobs", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(request),
      }),
    /** @param {{ limit: number, offset: number, status: string }} page */
    jobs: (page) => json(url("/jobs", page)),
    /** @param {string} jobId */
    job: (jobId) => json(job(jobId)),
    /** @param {string} jobId */
    cancelJob: (jobId) => json(`${job(jobId)}/cancel`, { method: "POST" }),
    /** @param {string} jobId */
    deleteJob: (jobId) => json(job(jobId), { method: "DELETE" }),
    /** @param {string} jobId @param {AbortSignal} signal */
    streamJob: (jobId, signal) => send(`${job(jobId)}/stream`, { signal }),
    /** @param {string} jobId @param {string} format @returns {string} */
    downloadUrl: (jobId, format) => url(`${job(jobId)}/download`, { format }),
    /** @param {string} voiceId @param {string} language @param {AbortSignal} signal @returns {Promise<Blob>} */
    voiceSample: async (voiceId, language, signal) =>
      (await send(url(`/voices/${encodeURIComponent(voiceId)}/sample`, { language }), { signal })).blob(),
  };
}
