/** The accounts of a service, for an admin: who may do what, how much, and who may no longer sign in. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { createView } from "../view.js";
import { createErrors, field, options } from "../widgets/field.js";
import { createTable } from "../widgets/table.js";
import { toast } from "../widgets/toast.js";

const ROLES = ["listener", "maker", "admin"];
const QUOTAS = /** @type {const} */ (["characters_per_day", "compute_s_per_day"]);

/** @typedef {import("../api-types.js").UserView} User */

/** @type {(root: HTMLElement, app: import("../app.js").App) => () => void} */
export function mountUsers(root, app) {
  return loadPage(root, app, () => app.api.get("/users"), (found) => show(root, app, found)).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {User[]} first */
function show(root, app, first) {
  const { api, texts } = app;
  const errors = createErrors(app, () => view.redraw());
  const shown = { users: first, chosen: /** @type {User | null} */ (null) };
  const roles = /** @type {[string, string][]} */ (ROLES.map((role) => [role, texts.t(`page.account.role.${role}`)]));

  const choose = (/** @type {User | null} */ user) => {
    errors.clear();
    shown.chosen = user;
    view.redraw();
    /** @type {HTMLElement | null} */ (root.querySelector("[data-form] h2"))?.focus();
  };

  /** @param {SubmitEvent} event @param {(values: FormData) => Promise<unknown>} send @param {string} told */
  async function submit(event, send, told) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    errors.clear();
    try {
      await send(new FormData(form));
      shown.users = await api.get("/users");
      form.reset();
      toast(told);
      choose(null);
    } catch (error) {
      errors.show(/** @type {Error} */ (error), form);
    }
  }

  const change = (/** @type {SubmitEvent} */ event, /** @type {User} */ user) =>
    submit(event, (form) => api.patch(`/users/${user.id}`, changesOf(user, form)), texts.t("page.account.users.saved", { name: user.name }));
  const add = (/** @type {SubmitEvent} */ event) =>
    submit(event, (form) => api.post("/users", Object.fromEntries(form)), texts.t("page.account.users.added"));

  const input = (/** @type {string} */ name, /** @type {string} */ type, /** @type {Record<string, any>} */ { value = "", isNeeded = false, hint = undefined } = {}) =>
    field({
      name,
      label: texts.t(`page.account.${name}`),
      hint,
      errors,
      control: (a) => html`<input class="form-control" name=${name} type=${type} min="0" step=${name === "compute_s_per_day" ? "any" : "1"} autocomplete=${type === "password" ? "new-password" : "off"} ?required=${isNeeded} id=${a.id} .value=${String(value)} aria-invalid=${a.invalid} aria-describedby=${a.describedBy} />`,
    });
  const roleField = (/** @type {string} */ chosen) =>
    field({
      name: "role",
      label: texts.t("page.account.role"),
      errors,
      control: (a) => html`<select class="form-select" name="role" id=${a.id} aria-invalid=${a.invalid} aria-describedby=${a.describedBy}>${options(roles, chosen)}</select>`,
    });

  const changeForm = (/** @type {User} */ user) => html`<form class="card p-3 gap-3" data-form="user" @submit=${(/** @type {any} */ event) => change(event, user)}>
    <h2 class="h5" tabindex="-1">${texts.t("page.account.users.change", { name: user.name })}</h2>
    ${roleField(user.role)}
    ${QUOTAS.map((name) => input(name, "number", { value: user[name] ?? "", hint: texts.t("page.account.users.no_bound") }))}
    ${input("password", "password", { hint: texts.t("page.account.users.same_password") })}
    <div class="form-check">
      <input class="form-check-input" type="checkbox" name="is_disabled" id="is_disabled" .checked=${user.is_disabled} />
      <label class="form-check-label" for="is_disabled">${texts.t("page.account.users.disable")}</label>
    </div>
    <div class="action-row start">
      <button class="btn btn-primary">${texts.t("page.account.users.save")}</button>
      <button type="button" class="btn btn-quiet" @click=${() => choose(null)}>${texts.t("page.account.users.leave")}</button>
    </div>
  </form>`;
  const addForm = () => html`<form class="card p-3 gap-3" data-form="new-user" @submit=${add}>
    <h2 class="h5" tabindex="-1">${texts.t("page.account.users.new")}</h2>
    ${input("name", "text", { isNeeded: true })} ${input("password", "password", { isNeeded: true })} ${roleField("maker")}
    <button class="btn btn-primary align-self-start">${texts.t("page.account.users.add")}</button>
  </form>`;

  const bound = (/** @type {number | null} */ value) => (value === null ? "–" : texts.number(value));
  const table = createTable(
    texts,
    {
      label: texts.t("page.account.tab.users"),
      key: (/** @type {User} */ { id }) => id,
      pageSize: 20,
      matches: ({ name }, words) => words.every((word) => name.toLowerCase().includes(word)),
      columns: [
        { name: "name", title: texts.t("page.account.name"), cell: ({ name, is_disabled }) => html`${name}${is_disabled ? html` <span class="fine">${texts.t("page.account.users.disabled")}</span>` : nothing}`, sortBy: ({ name }) => name },
        { name: "role", title: texts.t("page.account.role"), cell: ({ role }) => texts.t(`page.account.role.${role}`), sortBy: ({ role }) => role },
        ...QUOTAS.map((name) => ({ name, title: texts.t(`page.account.${name}`), cell: (/** @type {User} */ user) => bound(user[name]) })),
        { name: "signed_in_at", title: texts.t("page.account.users.signed_in_at"), cell: ({ signed_in_at }) => (signed_in_at ? texts.time(signed_in_at) : "–"), sortBy: ({ signed_in_at }) => signed_in_at ?? "" },
      ],
      actions: (user) => html`<button type="button" class="btn btn-sm btn-quiet" data-action="change" aria-label="${texts.t("page.account.users.edit")}: ${user.name}" @click=${() => choose(user)}>${icon("settings")}</button>`,
    },
    () => view.redraw(),
  );
  const view = createView(root, () => html`${table.draw(shown.users)} ${shown.chosen ? changeForm(shown.chosen) : addForm()} ${errors.drawWhole()}`);
  return view.close;
}

/** What PATCH /users/{user_id} gets: only what differs. @param {User} user @param {FormData} form @returns {Record<string, unknown>} */
function changesOf(user, form) {
  const quota = (/** @type {string} */ name) => (form.get(name) === "" ? null : Number(form.get(name)));
  const asked = {
    role: form.get("role"),
    is_disabled: form.has("is_disabled"),
    ...Object.fromEntries(QUOTAS.map((name) => [name, quota(name)])),
  };
  const changed = Object.entries(asked).filter(([name, value]) => value !== /** @type {any} */ (user)[name]);
  const password = form.get("password");
  return { ...Object.fromEntries(changed), ...(password ? { password } : {}) };
}
