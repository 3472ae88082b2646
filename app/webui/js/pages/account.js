/** The Account page: the first account, signing in and out, one's API keys and allowance; for admins all accounts. */

import { html, nothing, ref, repeat } from "../lit.js";
import { loadPage } from "../load.js";
import { createView } from "../view.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors, errorLine, field } from "../widgets/field.js";
import { focusAfterRow } from "../widgets/table.js";
import { tabOf, tabs } from "../widgets/tabs.js";
import { mountAudit } from "./account-audit.js";
import { mountUsers } from "./account-users.js";

const USUAL = ["read", "speak"]; // scopes of a key where nothing else is chosen
const OWN = "own";
/** @type {Record<string, (root: HTMLElement, app: import("../app.js").App) => () => void>} */
const OF_ADMINS = { users: mountUsers, audit: mountAudit };

/**
 * @typedef {{ user_id: string | null, name: string, is_admin: boolean, scopes: string[], has_accounts: boolean }} Me
 * @typedef {{ id: string, name: string, scopes: string[], created_at: string, expires_at: string | null, last_used_at: string | null, revoked_at: string | null, key: string | null }} Key
 * @typedef {import("../api-types.js").Allowance} Allowance
 * @typedef {{ me: Me, keys: Key[], allowance: Allowance | null }} Known
 */

/** @type {(root: HTMLElement, app: import("../app.js").App, route: import("../router.js").Route) => () => void} */
export function mount(root, app, route) {
  return loadPage(root, app, () => known(app), (found) => {
    const tab = found.me.user_id && found.me.is_admin ? tabOf(route, [OWN, ...Object.keys(OF_ADMINS)]) : OWN;
    if (tab !== OWN) return mountTab(root, app, tab);
    const account = new AccountView(root, app, found, route.query.token ?? "");
    return () => account.view.close();
  }).close;
}

/** @param {import("../app.js").App} app @returns {Promise<Known>} */
async function known({ api }) {
  const me = await api.get("/auth/me");
  if (!me.has_accounts || !me.user_id) return { me, keys: [], allowance: null };
  const [keys, allowance] = await Promise.all([api.get("/api-keys"), api.get("/analytics/allowance")]);
  return { me, keys, allowance };
}

/** What only admins have, in its tab. @param {HTMLElement} root @param {import("../app.js").App} app @param {string} tab */
function mountTab(root, app, tab) {
  let close = () => {};
  let hasBegun = false;
  const begin = (/** @type {Element | undefined} */ place) => {
    if (!place || hasBegun) return;
    hasBegun = true;
    close = OF_ADMINS[tab](/** @type {HTMLElement} */ (place), app);
  };
  const view = createView(root, () => html`${head(app, tab)}<div class="d-grid gap-3" data-tab-of="account" ${ref(begin)}></div>`);
  return () => {
    close();
    view.close();
  };
}

/** @param {import("../app.js").App} app @param {string} current the tab; "" where there are none */
function head({ texts }, current) {
  const all = [OWN, ...Object.keys(OF_ADMINS)].map((name) => ({ name, text: texts.t(`page.account.tab.${name}`) }));
  return html`<div class="page-head"><h1>${texts.t("page.nav.account")}</h1></div>
    ${current ? tabs({ label: texts.t("page.nav.account"), page: "account", tabs: all, current }) : nothing}`;
}

class AccountView {
  /** @param {HTMLElement} root @param {import("../app.js").App} app @param {Known} found @param {string} token */
  constructor(root, app, { me, keys, allowance }, token) {
    this.app = app;
    this.me = me;
    this.keys = keys;
    this.allowance = allowance;
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
    Object.assign(this, await known(this.app));
    this.view.redraw();
  }

  draw() {
    return html`${head(this.app, this.me.user_id && this.me.has_accounts && this.me.is_admin ? OWN : "")}
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
      this.submit(event, async ({ name, expires_in_days }) => {
        const scopes = new FormData(event.target).getAll("scopes");
        const ends = expires_in_days ? { expires_in_days: Number(expires_in_days) } : {};
        this.newKey = (await this.app.api.post("/api-keys", { name, scopes, ...ends })).key;
        await this.refresh();
      });
    return html`<p>${texts.t("page.account.signed_in", { name: this.me.name, scopes: this.me.scopes.join(", ") })}
        <button type="button" class="btn btn-quiet" @click=${signOut}>${texts.t("page.account.signout")}</button></p>
      ${this.drawAllowance()}
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
        ${this.drawScopes()}
        ${field({
          name: "expires_in_days",
          label: texts.t("page.account.key_days"),
          hint: texts.t("page.account.key_days_hint"),
          errors: this.errors,
          control: (a) => html`<input class="form-control" type="number" name="expires_in_days" min="1" max="3650" id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />`,
        })}
        <button class="btn btn-primary align-self-start">${texts.t("page.account.key_add")}</button>
      </form>`;
  }

  /** What a key may do: no more than who makes it. */
  drawScopes() {
    const { texts } = this.app;
    return html`<fieldset class="field">
      <legend>${texts.t("page.account.scopes")}</legend>
      ${this.me.scopes.map(
        (scope) => html`<div class="form-check">
          <input class="form-check-input" type="checkbox" name="scopes" value=${scope} id="scope-${scope}" ?checked=${USUAL.includes(scope)} />
          <label class="form-check-label" for="scope-${scope}">${texts.t(`page.account.scope.${scope}`)}</label>
        </div>`,
      )}
      ${errorLine("scopes", this.errors)}
    </fieldset>`;
  }

  drawAllowance() {
    const { texts } = this.app;
    if (!this.allowance) return nothing;
    const { characters, characters_waiting: waiting, characters_per_day: most, compute_s: worked, compute_s_per_day: longest } = this.allowance;
    const bound = (/** @type {number | null} */ value) => (value === null ? texts.t("page.account.allowance.no_bound") : texts.number(value));
    const values = { characters: texts.number(characters), waiting: texts.number(waiting), most: bound(most), worked: texts.number(worked), longest: bound(longest) };
    return html`<p class="fine" data-allowance>${texts.t("page.account.allowance", values)}</p>`;
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
    return html`<li data-key=${key.id}>${key.name} <span class="fine">pg_${key.id}… ${key.scopes.join(", ")}${key.expires_at ? texts.t("page.account.key_ends", { at: texts.time(key.expires_at) }) : ""}</span>
      ${key.revoked_at
        ? html`<span class="fine">${texts.t("page.account.revoked")}</span>`
        : html`<button type="button" class="btn btn-sm btn-quiet" data-action="revoke" aria-label="${texts.t("page.account.revoke")}: ${key.name}" @click=${revoke}>${texts.t("page.account.revoke")}</button>`}
    </li>`;
  }
}
