/** The Jobs page: what was asked, how far it is, and what to do with it. */

import { all, el, icon, replace } from "../dom.js";
import { SPEAK } from "../drafts.js";
import { afterEvent, alert, confirm, downloadMenu, hasEnded, progressBar, STATUSES, statusBadge } from "./job-view.js";

export const slices = [SPEAK];
const PAGE = 20;
const POLL_MS = 3000;
const SPEECH = "dubbing"; // the kind of job that has sound to play; others belong to the Clone page

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, { query }) {
  const status = STATUSES.includes(query.status) ? query.status : "";
  const offset = Math.max(0, Math.floor(Number(query.offset)) || 0);
  const view = new JobsView(app, status, offset);
  replace(root, view.node);
  void view.load();
  const poll = setInterval(() => {
    if (app.store.state().live !== "open") void view.load();
  }, POLL_MS);
  return all(
    app.events.listen((event) => view.hear(event)),
    () => clearInterval(poll),
    () => view.close(),
  );
}

/** What a job is about. @param {import("../texts.js").Texts} texts @param {any} job @returns {string} */
function wordsOf(texts, job) {
  return job.kind === SPEECH ? job.text : texts.t(`page.jobs.kind.${job.kind}`);
}

class JobsView {
  /** @param {import("../app.js").App} app @param {string} status @param {number} offset */
  constructor(app, status, offset) {
    this.app = app;
    this.status = status;
    this.offset = offset;
    this.total = 0;
    /** @type {any[]} */
    this.jobs = [];
    this.isClosed = false;
    this.loads = 0;
    /** @type {Map<string, string>} title by voice id */
    this.titles = new Map();
    this.body = el("div", {}, el("div", { class: "loading", role: "status" }, app.texts.t("page.loading")));
    this.audio = el("audio", {
      class: "jobs-audio",
      controls: true,
      hidden: true,
      "aria-label": app.texts.t("page.job.play"),
    });
    this.node = el("div", {}, this.head(), this.audio, this.body);
  }

  close() {
    this.isClosed = true;
    this.audio.pause();
  }

  head() {
    const { go, texts } = this.app;
    const options = STATUSES.map((status) => el("option", { value: status }, texts.t(`page.status.${status}`)));
    return el(
      "div",
      { class: "page-head" },
      el("h1", {}, texts.t("page.nav.jobs")),
      el(
        "label",
        { class: "inline-field" },
        el("span", {}, texts.t("page.jobs.filter")),
        el(
          "select",
          {
            id: "status",
            class: "form-select",
            value: this.status,
            on: { change: (/** @type {any} */ event) => go("jobs", { status: event.target.value }) },
          },
          el("option", { value: "" }, texts.t("page.jobs.all")),
          options,
        ),
      ),
    );
  }

  /** Answers may overtake each other: only the last one asked for is shown. */
  async load() {
    const { api, catalog, texts } = this.app;
    this.loads += 1;
    const mine = this.loads;
    try {
      const query = { limit: PAGE, offset: this.offset, status: this.status };
      const [page, { voices }] = await Promise.all([api.jobs(query), catalog.load()]);
      if (this.isClosed || mine !== this.loads) return;
      [this.jobs, this.total] = [page.jobs, page.total];
      this.titles = new Map(voices.map(({ id, title }) => [id, title]));
      this.draw();
    } catch (error) {
      if (this.isClosed || mine !== this.loads) return;
      const again = el(
        "button",
        { type: "button", class: "btn btn-sm btn-danger", on: { click: () => this.load() } },
        texts.t("page.retry"),
      );
      replace(this.body, alert(/** @type {Error} */ (error).message, again));
    }
  }

  /** @param {import("../events.js").ServiceEvent} event */
  hear(event) {
    const at = this.jobs.findIndex((job) => job.id === event.job_id);
    if (event.kind === "job.sample") return;
    if (event.kind !== "job.progress") void this.load();
    else if (at >= 0) {
      this.jobs[at] = afterEvent(this.jobs[at], event);
      this.row(this.jobs[at].id)?.replaceWith(this.drawRow(this.jobs[at]));
    }
  }

  /** @param {string} jobId */
  row(jobId) {
    return this.body.querySelector(`tr[data-job-id="${CSS.escape(jobId)}"]`);
  }

  draw() {
    const { go, texts } = this.app;
    if (this.jobs.length === 0) {
      const text = texts.t(this.status ? "page.jobs.none_such" : "page.jobs.none");
      replace(
        this.body,
        el(
          "div",
          { class: "card empty" },
          icon("jobs"),
          el("p", {}, text),
          el(
            "button",
            { type: "button", class: "btn btn-primary", on: { click: () => go("speak") } },
            texts.t("page.jobs.first"),
          ),
        ),
      );
      return;
    }
    // An open menu keeps its place when the list is drawn anew.
    if (this.body.querySelector(".dropdown-menu.show")) return;
    const names = ["time", "text", "voice", "engine", "status", "duration", "actions"];
    replace(
      this.body,
      el(
        "div",
        { class: "card table-card" },
        el(
          "table",
          { class: "table jobs" },
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              names.map((name) => el("th", { scope: "col" }, texts.t(`page.jobs.${name}`))),
            ),
          ),
          el(
            "tbody",
            {},
            this.jobs.map((job) => this.drawRow(job)),
          ),
        ),
      ),
      this.pager(),
    );
  }

  /** @param {any} job */
  drawRow(job) {
    const { texts } = this.app;
    const label = (/** @type {string} */ name) => ({ label: texts.t(`page.jobs.${name}`) });
    return el(
      "tr",
      { data: { jobId: job.id, status: job.status } },
      el("td", { class: "fine", data: label("time") }, texts.time(job.created_at)),
      el("td", { class: "job-text", data: label("text"), title: wordsOf(texts, job) }, wordsOf(texts, job)),
      el("td", { data: label("voice") }, this.titles.get(job.voice_id) ?? job.voice_name ?? job.voice_id),
      el("td", { data: label("engine") }, job.tts_engine_used ?? job.tts_engine),
      el(
        "td",
        { data: label("status") },
        statusBadge(texts, job),
        job.status === "processing" && progressBar(texts, job),
        job.status === "failed" && el("div", { class: "field-error" }, job.error_message),
      ),
      el(
        "td",
        { class: "fine", data: label("duration") },
        job.duration ? texts.t("page.fact.seconds", { seconds: texts.number(job.duration, 1) }) : "–",
      ),
      el("td", { class: "actions", data: label("actions") }, this.actions(job)),
    );
  }

  /** @param {any} job */
  actions(job) {
    const { texts } = this.app;
    const button = (/** @type {string} */ name, /** @type {string} */ drawing, /** @type {() => void} */ click) =>
      el(
        "button",
        {
          type: "button",
          class: "btn btn-sm btn-quiet",
          title: texts.t(`page.job.${name}`),
          "aria-label": texts.t(`page.job.${name}`),
          data: { action: name },
          on: { click },
        },
        icon(drawing),
      );
    const isSpeech = job.kind === SPEECH;
    const isDone = isSpeech && job.status === "completed";
    return el(
      "div",
      { class: "action-row" },
      !isSpeech && button("open", "clone", () => this.app.go("clone", { job: job.id })),
      isDone && button("play", "play", () => this.play(job)),
      isDone && downloadMenu(this.app, job.id),
      !hasEnded(job) && button("cancel", "cross", () => this.act(() => this.app.api.cancelJob(job.id))),
      isSpeech && button("reuse", "reuse", () => this.reuse(job)),
      (hasEnded(job) || job.status === "pending") && button("delete", "trash", () => this.remove(job)),
    );
  }

  /** @param {any} job */
  play(job) {
    this.audio.hidden = false;
    this.audio.src = this.app.api.downloadUrl(job.id, "wav");
    this.audio.dataset.jobId = job.id;
    this.audio.play().catch((/** @type {Error} */ error) => this.app.announce(error.message));
  }

  /** @param {any} job */
  reuse(job) {
    const voice = job.voice_preset
      ? { voiceId: null, presetId: job.voice_preset }
      : { voiceId: job.voice_id, presetId: null };
    this.app.store.dispatch({ type: "draft", values: { text: job.text, language: job.source_language, ...voice } });
    this.app.go("speak");
  }

  /** @param {any} job */
  async remove(job) {
    const { texts } = this.app;
    if (!(await confirm(texts, texts.t("page.job.delete_question"), texts.t("page.job.delete")))) return;
    if (this.audio.dataset.jobId === job.id) {
      this.audio.pause();
      this.audio.hidden = true;
    }
    await this.act(() => this.app.api.deleteJob(job.id));
  }

  /** Does it, says what went wrong, and shows what is now. @param {() => Promise<any>} action */
  async act(action) {
    try {
      await action();
      await this.load();
    } catch (error) {
      this.app.announce(/** @type {Error} */ (error).message);
      await this.load();
      this.body.prepend(alert(/** @type {Error} */ (error).message));
    }
  }

  pager() {
    const { go, texts } = this.app;
    const to = (/** @type {number} */ offset) => () => go("jobs", { status: this.status, offset: String(offset) });
    const last = Math.min(this.offset + this.jobs.length, this.total);
    const button = (/** @type {string} */ name, /** @type {boolean} */ disabled, /** @type {number} */ offset) =>
      el(
        "button",
        { type: "button", class: "btn btn-sm btn-quiet", disabled, on: { click: to(offset) } },
        texts.t(name),
      );
    return el(
      "nav",
      { class: "pager", "aria-label": texts.t("page.jobs.pages") },
      button("page.jobs.newer", this.offset === 0, Math.max(0, this.offset - PAGE)),
      el("span", { class: "fine" }, texts.t("page.jobs.range", { first: this.offset + 1, last, total: this.total })),
      button("page.jobs.older", last >= this.total, this.offset + PAGE),
    );
  }
}
