/** The Components page: what is here, and what can be brought to this machine. */

import { icon } from "../icons.js";
import { html, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { createView } from "../view.js";
import { progress } from "../widgets/progress.js";
import { alert } from "../widgets/states.js";
import { hasEnded } from "./job-view.js";
import { watchJob } from "./job-watch.js";

/**
 * @typedef {object} Component
 * @property {string} name
 * @property {string} title
 * @property {boolean} is_installed
 * @property {number | null} download_bytes
 * @property {number | null} disk_bytes
 * @property {{ licence: string, title: string, url: string }[]} terms
 * @property {boolean} can_install
 * @property {string | null} job_id
 *
 * @typedef {{ job: any, note: string, close: () => void }} Bringing
 */

/** @type {(root: HTMLElement, app: import("../app.js").App) => () => void} */
export function mount(root, app) {
  /** @type {() => void} */
  let close = () => {};
  const page = loadPage(root, app, () => app.api.get("/components"), (found) => {
    const view = new ComponentsView(root, app, found);
    close = () => view.close();
    return close;
  });
  return () => {
    close();
    page.close();
  };
}

class ComponentsView {
  /** @param {HTMLElement} root @param {import("../app.js").App} app @param {Component[]} found */
  constructor(root, app, found) {
    this.app = app;
    this.components = found;
    /** @type {Set<string>} names of components whose licence was agreed to here */
    this.agreed = new Set();
    /** @type {Map<string, Bringing>} */
    this.bringing = new Map();
    this.failure = "";
    this.view = createView(root, () => this.draw());
    for (const { name, job_id } of found) if (job_id) void this.resume(name, job_id);
  }

  close() {
    for (const { close } of this.bringing.values()) close();
    this.view.close();
  }

  /** @param {string} name @param {string} jobId */
  async resume(name, jobId) {
    this.follow(name, await this.app.api.job(jobId));
  }

  /** @param {string} name @param {any} first */
  follow(name, first) {
    const bringing = { job: first, note: "", close: () => {} };
    this.bringing.set(name, bringing);
    const watched = watchJob(
      this.app,
      first,
      (job, event) => {
        bringing.job = job;
        bringing.note = event?.note || bringing.note;
        if (hasEnded(job)) void this.ended(name, job);
        this.view.redraw();
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
    this.components = await this.app.api.get("/components");
    this.app.catalog.forget();
    const title = this.components.find((one) => one.name === name)?.title ?? name;
    if (job.status === "completed") this.app.announce(this.app.texts.t("page.components.done", { name: title }));
    this.view.redraw();
  }

  /** @param {Error} error */
  fail(error) {
    this.failure = error.message;
    this.view.redraw();
  }

  /** @param {Component} component */
  async bring(component) {
    this.failure = "";
    const licences = this.agreed.has(component.name) ? component.terms.map(({ licence }) => licence) : [];
    try {
      const job = await this.app.api.post(`/components/${component.name}/install`, { accept_licences: licences });
      this.follow(component.name, job);
      this.view.redraw();
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
    const { texts } = this.app;
    return html`
      <div class="page-head"><h1>${texts.t("page.nav.components")}</h1></div>
      <p>${texts.t("page.components.lead")}</p>
      ${this.failure ? alert(this.failure) : nothing}
      ${repeat(this.components, ({ name }) => name, (component) => this.drawOne(component))}
    `;
  }

  /** @param {Component} component */
  drawOne(component) {
    const { texts } = this.app;
    const bringing = this.bringing.get(component.name);
    return html`<section class="card p-3 mb-3" data-component=${component.name} aria-labelledby="component-${component.name}">
      <h2 class="h5" id="component-${component.name}">${component.title}</h2>
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
  drawBringing({ job, note }) {
    const { texts } = this.app;
    const stage = note ? texts.t(note) : texts.t("page.components.waiting");
    return html`${progress(texts, { percent: job.status === "processing" ? job.progress : null, stage })}
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
      this.view.redraw();
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
