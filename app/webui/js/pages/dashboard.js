/** The Dashboard: what was done here, by the service's own figures, and what is newest. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { createChart } from "../widgets/chart.js";
import { jobBadge, wordsOf } from "../widgets/job.js";

const DAYS = 30;
const NEWEST = 5;
const STATUSES = ["completed", "failed", "cancelled"];
/** Each begins something. */
const BEGINNINGS = [
  ["speak", "speak"],
  ["clone", "clone"],
  ["convert", "rvc"],
];

/** @typedef {Awaited<ReturnType<typeof figures>>} Figures */

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app) {
  // What ends between the answer and the first event would be told by nothing.
  let isMissed = false;
  const unlisten = app.events.listen(({ kind }) => void (isMissed ||= hasEnded(kind)));
  const isLate = () => isMissed || app.store.state().live !== "open";
  const page = loadPage(root, app, () => figures(app.api), (data) => show(root, app, data, isLate()));
  return all(page.close, unlisten);
}

/** @param {ReturnType<typeof import("../api.js").createApi>} api */
async function figures(api) {
  const ask = (/** @type {string} */ name) => api.get(`/analytics/${name}`);
  const [days, engines, languages, rvc, { jobs }, { voices }] = await Promise.all([
    ask(`jobs-per-day?days=${DAYS}`),
    ask("engines-usage"),
    ask("voices-by-language"),
    ask("rvc-usage"),
    api.jobs({ limit: NEWEST, offset: 0 }),
    api.voices(),
  ]);
  return { days, engines, languages, rvc, jobs, voices: newest(voices) };
}

/** The voices that were made last. @param {readonly any[]} voices @returns {any[]} */
export function newest(voices) {
  const made = voices.filter(({ created_at: at }) => at);
  return made.sort((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, NEWEST);
}

/** @param {import("../texts.js").Texts} texts */
function createCharts(texts) {
  const t = (/** @type {string} */ name) => texts.t(`page.dashboard.${name}`);
  return {
    days: createChart(texts, { label: t("days"), x: t("day"), y: t("jobs"), along: "category" }),
    engines: createChart(texts, { label: t("engines"), x: t("engine"), y: t("uses"), type: "pie", along: "category" }),
    languages: createChart(texts, { label: t("languages"), x: t("language"), y: t("voices"), type: "bar", along: "category" }),
    rvc: createChart(texts, { label: t("rvc"), x: t("model"), y: t("uses"), type: "bar", along: "category" }),
  };
}

/** @param {import("../texts.js").Texts} texts @param {ReturnType<typeof createCharts>} charts @param {Figures} data */
function updateCharts(texts, charts, data) {
  const t = (/** @type {string} */ name) => texts.t(`page.dashboard.${name}`);
  const day = new Intl.DateTimeFormat(texts.language(), { day: "2-digit", month: "2-digit", timeZone: "UTC" });
  charts.days.update(
    STATUSES.map((status) => ({
      label: texts.t(`page.status.${status}`),
      points: data.days.map((/** @type {any} */ one) => ({ x: day.format(new Date(one.date)), y: one[status] })),
    })),
  );
  const uses = (/** @type {any[]} */ found, /** @type {(one: any) => string} */ name, /** @type {string} */ of) =>
    found.map((one) => ({ x: name(one), y: one[of] }));
  charts.engines.update([{ label: t("uses"), points: uses(data.engines, ({ name }) => name, "uses") }]);
  charts.languages.update(
    ["voices", "cloned"].map((of) => ({ label: t(of), points: uses(data.languages, ({ language }) => texts.languageName(language), of) })),
  );
  charts.rvc.update([{ label: t("uses"), points: uses(data.rvc.models, ({ name }) => name, "total") }]);
}

/** An event that changes the figures. @param {string} kind */
const hasEnded = (kind) => STATUSES.includes(kind.replace("job.", ""));

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {Figures} first @param {boolean} isLate whether it may have changed since it was asked for */
function show(root, { api, events, texts }, first, isLate) {
  const t = (/** @type {string} */ name) => texts.t(`page.dashboard.${name}`);
  const charts = createCharts(texts);
  let data = first;
  updateCharts(texts, charts, data);
  let asked = 0;
  /** Answers may overtake each other: only the last one asked for is shown. */
  const load = async () => {
    asked += 1;
    const mine = asked;
    try {
      const found = await figures(api);
      if (mine !== asked) return;
      data = found;
    } catch {
      return; // the banner says that the service is away; the next event asks again
    }
    updateCharts(texts, charts, data);
    view.redraw();
  };
  const hear = (/** @type {{ kind: string }} */ { kind }) => hasEnded(kind) && void load();
  const view = createView(
    root,
    () => html`<div class="page-head">
        <h1>${texts.t("page.nav.dashboard")}</h1>
        <div class="action-row">
          ${BEGINNINGS.map(([page, words]) => html`<a class="btn btn-quiet" href="#/${page}" data-begin=${page}>${icon(page)}${texts.t(`page.dashboard.begin.${words}`)}</a>`)}
        </div>
      </div>
      <div class="dashboard">
        ${part("days", t("days"), charts.days, data.days.some((/** @type {any} */ { total }) => total > 0), t("none"))}
        ${part("engines", t("engines"), charts.engines, data.engines.length > 0, t("none"))}
        ${part("languages", t("languages"), charts.languages, data.languages.length > 0, t("none"))}
        ${part("rvc", t("rvc"), charts.rvc, data.rvc.models.length > 0, t("no_rvc"))}
        ${recent(texts, data)}
      </div>`,
  );
  const unlisten = events.listen(hear);
  if (isLate) void load();
  const forget = () => void (asked += 1);
  return all(unlisten, forget, view.close, ...Object.values(charts).map(({ close }) => close));
}

/** @param {string} name @param {string} title @param {{ draw: () => unknown }} chart @param {boolean} isThere @param {string} none */
function part(name, title, chart, isThere, none) {
  return html`<section class="card" data-figure=${name} aria-labelledby="figure-${name}">
    <h2 id="figure-${name}">${title}</h2>
    ${isThere ? chart.draw() : html`<p class="fine">${none}</p>`}
  </section>`;
}

/** @param {import("../texts.js").Texts} texts @param {{ jobs: any[], voices: any[] }} data */
function recent(texts, { jobs, voices }) {
  const t = (/** @type {string} */ name) => texts.t(`page.dashboard.${name}`);
  const list = (/** @type {string} */ name, /** @type {any[]} */ found, /** @type {(one: any) => unknown} */ line) => html`<section
    class="card" data-newest=${name} aria-labelledby="newest-${name}">
    <h2 id="newest-${name}">${texts.t(`page.dashboard.newest.${name}`)}</h2>
    ${found.length ? html`<ul class="plain-list">${found.map(line)}</ul>` : html`<p class="fine">${t("none")}</p>`}
    <a href="#/${name}">${texts.t(`page.dashboard.all.${name}`)}</a>
  </section>`;
  return html`${list("jobs", jobs, (job) => html`<li data-job-id=${job.id}><span class="cut">${wordsOf(texts, job)}</span> ${jobBadge(texts, job)}</li>`)}
    ${list("voices", voices, (voice) => html`<li><span class="cut">${voice.title}</span> <span class="fine">${texts.time(voice.created_at)}</span></li>`)}`;
}
