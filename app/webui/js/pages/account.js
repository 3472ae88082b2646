/** The Account page: the first account, signing in and out, and one's API keys. */

import { html, nothing, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { createView } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors, field } from "../widgets/field.js";
import { focusAfterRow } from "../widgets/table.js";

/**
 * @typedef {{ user_id: string | null, name: string, is_admin: boolean, scopes: string[], has_accounts: boolean }} Me
 * @typedef {{ id: string, name: string, scopes: string[], created_at: string, last_used_at: string | null, revoked_at: string | null, key: string | null }} Key
 */

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, { query }) {
  const ask = async () => {
    const me = await app.api.get("/auth/me");
    const keys = me.has_accounts && me.user_id ? await app.api.get("/api-keys") : [];
    return { me, keys };
  };
  return loadPage(root, app, ask, ({ me, keys }) => {
    const account = new AccountView(root, app, me, keys, query.token ?? "");
    return () => account.view.close();
  }).close;
}

class AccountView {
  /** @param {HTMLElement} root @param {import("../app.js").App} app @param {Me} me @param {Key[]} keys @param {string} token */
  constructor(root, app, me, keys, token) {
    this.app = app;
    this.me = me;
    this.keys = keys;
    this.token = token;
    this.newKey = "";
    this.errors = createErrors(app, () => this.view.redraw());
    this.view = createView(root, () => this.draw());
  }

  /** @param {SubmitEvent} event @param {(values: Record<string, any>) => Promise<void>} send */
  async submit(event, send) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    this.errors.clear();
    try {
      await send(Object.fromEntries(new FormData(form)));
    } catch (error) {
      this.errors.show(/** @type {Error} */ (error), form);
    }
  }

  async refresh() {
    this.me = await this.app.api.get("/auth/me");
    this.keys = this.me.user_id ? await this.app.api.get("/api-keys") : [];
    this.view.redraw();
  }

  draw() {
    const { texts } = this.app;
    return html`<div class="page-head"><h1>${texts.t("page.nav.account")}</h1></div>
      ${!this.me.has_accounts ? this.drawSetUp() : this.me.user_id ? this.drawSignedIn() : this.drawSignIn()}
      ${this.errors.drawWhole()}`;
  }

  drawSetUp() {
    const { texts } = this.app;
    if (!this.token) return html`<p data-no-accounts>${texts.t("page.account.none")}</p>`;
    const send = async (/** @type {any} */ values) => {
      await this.app.api.post("/auth/setup", { token: this.token, ...values });
      this.app.go("account");
    };
    return html`<p>${texts.t("page.account.setup")}</p>${this.drawForm("setup", send, "new-password")}`;
  }

  drawSignIn() {
    const send = async (/** @type {any} */ values) => {
      await this.app.api.post("/auth/login", values);
      this.app.go("speak");
    };
    return this.drawForm("signin", send, "current-password");
  }

  /** @param {string} name @param {(values: any) => Promise<void>} send @param {any} remembered */
  drawForm(name, send, remembered) {
    const { texts } = this.app;
    const errors = this.errors;
    return html`<form class="card p-3 gap-3" data-form=${name} @submit=${(/** @type {any} */ event) => this.submit(event, send)}>
      ${field({
        name: "name",
        label: texts.t("page.account.name"),
        errors,
        control: (a) => html`<input class="form-control" name="name" autocomplete="username" required id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />`,
      })}
      ${field({
        name: "password",
        label: texts.t("page.account.password"),
        errors,
        control: (a) => html`<input class="form-control" type="password" name="password" autocomplete=${remembered} required id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />`,
      })}
      <button class="btn btn-primary align-self-start">${texts.t(`page.account.${name}_action`)}</button>
    </form>`;
  }

  drawSignedIn() {
    const { texts } = this.app;
    const signOut = async () => {
      await this.app.api.post("/auth/logout");
      await this.refresh();
    };
    const addKey = (/** @type {any} */ event) =>
      this.submit(event, async ({ name }) => {
        this.newKey = (await this.app.api.post("/api-keys", { name })).key;
        await this.refresh();
      });
    return html`<p>${texts.t("page.account.signed_in", { name: this.me.name, scopes: this.me.scopes.join(", ") })}
        <button type="button" class="btn btn-quiet" @click=${signOut}>${texts.t("page.account.signout")}</button></p>
      <h2>${texts.t("page.account.keys")}</h2>
      ${this.newKey ? html`<p class="alert alert-success" data-new-key>${texts.t("page.account.key_once")} <code>${this.newKey}</code></p>` : nothing}
      <ul>${repeat(this.keys, ({ id }) => id, (key) => this.drawKey(key))}</ul>
      <form class="card p-3 gap-3" data-form="key" @submit=${addKey}>
        ${field({
          name: "name",
          label: texts.t("page.account.key_name"),
          errors: this.errors,
          control: (a) => html`<input class="form-control" name="name" required maxlength="100" id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />`,
        })}
        <button class="btn btn-primary align-self-start">${texts.t("page.account.key_add")}</button>
      </form>`;
  }

  /** @param {Key} key */
  drawKey(key) {
    const { texts } = this.app;
    const revoke = async (/** @type {any} */ event) => {
      const refocus = focusAfterRow(event.currentTarget, "li");
      const question = texts.t("page.account.revoke_question", { name: key.name });
      if (!(await confirm(texts, { question, cost: texts.t("page.account.revoke_cost"), action: texts.t("page.account.revoke") }))) return;
      await this.app.api.remove(`/api-keys/${key.id}`);
      await this.refresh();
      refocus();
    };
    return html`<li data-key=${key.id}>${key.name} <span class="fine">pg_${key.id}… ${key.scopes.join(", ")}</span>
      ${key.revoked_at
        ? html`<span class="fine">${texts.t("page.account.revoked")}</span>`
        : html`<button type="button" class="btn btn-sm btn-quiet" data-action="revoke" aria-label="${texts.t("page.account.revoke")}: ${key.name}" @click=${revoke}>${texts.t("page.account.revoke")}</button>`}
    </li>`;
  }
}
