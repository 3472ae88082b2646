/** The Components page: what is here, and what can be brought to this machine. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { all, createView } from "../view.js";
import { jobProgress } from "../widgets/job.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { toast } from "../widgets/toast.js";
import { hasEnded } from "./job-view.js";
import { watchJob } from "./job-watch.js";

/**
 * @typedef {object} Component
 * @property {string} name
 * @property {string} title
 * @property {string | null} purpose
 * @property {boolean} is_installed
 * @property {number | null} download_bytes
 * @property {number | null} disk_bytes
 * @property {{ licence: string, title: string, url: string }[]} terms
 * @property {boolean} can_install
 * @property {string | null} job_id
 *
 * @typedef {{ job: import("./job-view.js").Job, close: () => void }} Bringing
 */

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app) {
  const { texts } = app;
  const ask = () => Promise.all([app.api.get("/components"), app.api.engines()]);
  return loadPage(root, app, ask, ([found, engines]) => {
    const list = new ComponentList(app, found, () => view.redraw());
    const view = createView(
      root,
      () => html`<div class="page-head"><h1>${texts.t("page.nav.components")}</h1></div>
        <p>${texts.t("page.components.lead")}</p>
        ${list.draw()} ${drawHosts(app, engines.hosts)}`,
    );
    return all(() => list.close(), view.close);
  }).close;
}

/**
 * Which process holds which engine, as it was when the page was opened.
 * @param {import("../app.js").App} app @param {readonly import("../api-types.js").HostView[]} hosts
 */
function drawHosts({ texts }, hosts) {
  const megabytes = (/** @type {number | null} */ bytes) => (bytes === null ? "–" : texts.number(Math.round(bytes / 1e6)));
  const told = (/** @type {import("../api-types.js").HostView} */ host) =>
    host.answers
      ? texts.t("page.components.host_holds", {
          engines: host.loaded.join(", ") || texts.t("page.components.host_empty"),
          weights: megabytes(host.weights_bytes),
          memory: megabytes(host.memory_bytes),
        })
      : texts.t("page.components.host_silent");
  return html`<section class="card p-3 mb-3" aria-labelledby="engine-hosts" data-hosts>
    <h2 class="h5" id="engine-hosts">${texts.t("page.components.hosts")}</h2>
    <p class="fine">${texts.t("page.components.hosts_lead")}</p>
    <ul class="mb-0">
      ${hosts.map((host) => html`<li class="text-break"><code>${host.name}</code>: ${told(host)}</li>`)}
    </ul>
  </section>`;
}

/** Components with what brings them: all of them, or the one that a page lacks. */
export class ComponentList {
  /**
   * @param {import("../app.js").App} app @param {Component[]} found @param {() => void} redraw of the view that draws it
   * @param {{ only?: string, brought?: () => void }} [options] `only`: the name of one; `brought`: after one came
   */
  constructor(app, found, redraw, { only, brought = () => {} } = {}) {
    this.app = app;
    this.redraw = redraw;
    this.only = only;
    this.brought = brought;
    this.components = this.shownOf(found);
    /** @type {Set<string>} names of components whose licence was agreed to here */
    this.agreed = new Set();
    /** @type {Map<string, Bringing>} */
    this.bringing = new Map();
    this.failure = "";
    for (const { name, job_id } of this.components) if (job_id) void this.resume(name, job_id);
  }

  /** @param {Component[]} found */
  shownOf(found) {
    return found.filter(({ name }) => this.only === undefined || name === this.only);
  }

  close() {
    for (const { close } of this.bringing.values()) close();
  }

  /** @param {string} name @param {string} jobId */
  async resume(name, jobId) {
    this.follow(name, await this.app.api.job(jobId));
  }

  /** @param {string} name @param {any} first */
  follow(name, first) {
    const bringing = { job: first, close: () => {} };
    this.bringing.set(name, bringing);
    const watched = watchJob(
      this.app,
      first,
      (job) => {
        bringing.job = job;
        if (hasEnded(job)) void this.ended(name, job);
        this.redraw();
      },
      (error) => this.fail(error),
    );
    bringing.close = watched.close;
  }

  /** @param {string} name @param {any} job */
  async ended(name, job) {
    this.bringing.get(name)?.close();
    this.bringing.delete(name);
    this.failure = job.status === "failed" ? job.error_message : "";
    this.components = this.shownOf(await this.app.api.get("/components"));
    this.app.catalog.forget();
    const title = this.components.find((one) => one.name === name)?.title ?? name;
    this.redraw();
    if (job.status !== "completed") return;
    toast(this.app.texts.t("page.components.done", { name: title }));
    this.brought();
  }

  /** @param {Error} error */
  fail(error) {
    this.failure = error.message;
    this.redraw();
  }

  /** @param {Component} component */
  async bring(component) {
    this.failure = "";
    const licences = this.agreed.has(component.name) ? component.terms.map(({ licence }) => licence) : [];
    try {
      const job = await this.app.api.post(`/components/${component.name}/install`, { accept_licences: licences });
      this.follow(component.name, job);
      this.redraw();
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  /** @param {string} jobId */
  async cancel(jobId) {
    try {
      await this.app.api.post(`/jobs/${jobId}/cancel`);
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
    }
  }

  draw() {
    return html`${this.failure ? alert(this.failure) : nothing}
    ${repeat(this.components, ({ name }) => name, (component) => this.drawOne(component))}`;
  }

  /** @param {Component} component */
  drawOne(component) {
    const { texts } = this.app;
    const bringing = this.bringing.get(component.name);
    return html`<section class="card p-3 mb-3" data-component=${component.name} aria-labelledby="component-${component.name}">
      <h2 class="h5" id="component-${component.name}">${component.title}</h2>
      ${component.purpose ? html`<p class="mb-2" data-purpose>${component.purpose}</p>` : nothing}
      ${component.is_installed
        ? html`<p class="mb-0" data-installed>${icon("check")} ${texts.t("page.components.here")}</p>`
        : html`<p class="fine">${this.size(component)}</p>
            ${bringing ? this.drawBringing(bringing) : this.drawOffer(component)}`}
    </section>`;
  }

  /** @param {Component} component */
  size({ download_bytes, disk_bytes }) {
    const { texts } = this.app;
    if (download_bytes === null || disk_bytes === null) return texts.t("page.components.size_unknown");
    const megabytes = (/** @type {number} */ bytes) => texts.number(Math.max(1, Math.round(bytes / 1e6)));
    return texts.t("page.components.size", { download: megabytes(download_bytes), disk: megabytes(disk_bytes) });
  }

  /** @param {Bringing} bringing */
  drawBringing({ job }) {
    const { texts } = this.app;
    const far = job.status === "processing" ? jobProgress(texts, job) : progress(texts, { percent: null, stage: texts.t("page.components.waiting") });
    return html`${far}
      <button type="button" class="btn btn-quiet align-self-start" ?disabled=${job.cancel_requested} @click=${() => this.cancel(job.id)}>
        ${icon("cross")} ${texts.t("page.components.cancel")}
      </button>`;
  }

  /** @param {Component} component */
  drawOffer(component) {
    const { texts } = this.app;
    if (!component.can_install) return html`<p>${texts.t("page.components.off")}</p>`;
    const id = `agree-${component.name}`;
    const mayBring = component.terms.length === 0 || this.agreed.has(component.name);
    const agree = (/** @type {any} */ event) => {
      if (event.target.checked) this.agreed.add(component.name);
      else this.agreed.delete(component.name);
      this.redraw();
    };
    return html`${component.terms.map(
        ({ title, url }) => html`<p class="fine"><a href=${url} target="_blank" rel="noopener">${title}</a></p>`,
      )}
      ${component.terms.length
        ? html`<div class="form-check mb-2">
            <input class="form-check-input" type="checkbox" id=${id} .checked=${this.agreed.has(component.name)} @change=${agree} />
            <label class="form-check-label" for=${id}>${texts.t("page.components.agree")}</label>
          </div>`
        : nothing}
      <button type="button" class="btn btn-primary align-self-start" ?disabled=${!mayBring} @click=${() => this.bring(component)}>
        ${icon("download")} ${texts.t("page.components.bring")}
      </button>`;
  }
}
