/** What happens in the service, as it happens: one EventSource for the whole page. */

import { url } from "./api.js";
import { on } from "./view.js";

export const KINDS = [
  "job.created",
  "job.started",
  "job.progress",
  "job.sample",
  "job.paused",
  "job.resumed",
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.retried",
  "job.deleted",
];

/**
 * The browser reconnects by itself and says the last id it had; only a refused connection ends it, then we
 * open a new one after `RETRY_MS` that says it too.
 */
const RETRY_MS = 5000;

/**
 * `job_kind`: of its job, where it began or ended.
 * @typedef {{ kind: string, job_id: string, job_kind?: string } & Record<string, any>} ServiceEvent
 */

/**
 * @param {string} address
 * @param {(live: "connecting" | "open" | "lost") => void} onLive
 */
export function createEvents(address, onLive) {
  /** @type {Set<(event: ServiceEvent) => void>} */
  const listeners = new Set();
  let lastId = "";

  /** @param {MessageEvent} message */
  const tell = (message) => {
    lastId = message.lastEventId;
    const data = JSON.parse(message.data);
    const event = { ...data, job_kind: data.kind, kind: message.type };
    [...listeners].forEach((listener) => listener(event));
  };

  const connect = () => {
    onLive("connecting");
    const source = new EventSource(url(address, { last_event_id: lastId }));
    on(source, "open", () => onLive("open"));
    on(source, "error", () => {
      onLive("lost");
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
    KINDS.forEach((kind) => on(source, kind, tell));
  };

  return {
    start: connect,
    /** @param {(event: ServiceEvent) => void} listener @returns {() => void} */
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
