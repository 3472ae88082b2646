/** Follows one job: by the live log, and by asking while that is lost. */

import { all } from "../view.js";
import { afterEvent, hasEnded } from "./job-view.js";

const POLL_MS = 2000;

/**
 * `onChange` hears every new state of the job, first the one given.
 * @param {import("../app.js").App} app
 * @param {import("./job-view.js").Job} first the job as the service gave it
 * @param {(job: import("./job-view.js").Job) => void} onChange
 * @param {(error: Error) => void} onError
 * @returns {{ set: (job: import("./job-view.js").Job) => void, close: () => void }} `set`: a newer state, from another answer
 */
export function watchJob(app, first, onChange, onError) {
  let job = first;
  let asked = 0;
  let isClosed = false;

  const set = (/** @type {import("./job-view.js").Job} */ next) => {
    if (isClosed || hasEnded(job)) return;
    job = next;
    onChange(job);
  };
  // Answers may overtake each other: only the last one asked for counts.
  const ask = async () => {
    asked += 1;
    const mine = asked;
    try {
      const fresh = await app.api.job(job.id);
      if (mine === asked) set(fresh);
    } catch (error) {
      if (!isClosed) onError(/** @type {Error} */ (error));
    }
  };
  const unlisten = app.events.listen((event) => {
    if (event.job_id !== job.id || hasEnded(job)) return;
    if (event.kind === "job.progress") {
      // An older answer under way knows less.
      asked += job.status === "processing" ? 0 : 1;
      set(afterEvent(job, event));
    } else void ask();
  });
  const poll = setInterval(() => {
    if (app.store.state().live !== "open" && !hasEnded(job)) void ask();
  }, POLL_MS);

  onChange(job);
  // What happened between the answer and the first event told us nothing.
  if (!hasEnded(job)) void ask();
  return {
    set,
    close: all(
      unlisten,
      () => clearInterval(poll),
      () => void (isClosed = true),
    ),
  };
}
