/** The audit log, for an admin: what was done in whose name, the newest first. */

import { html, nothing } from "../lit.js";
import { loadPage } from "../load.js";
import { url } from "../api.js";
import { createView } from "../view.js";
import { alert } from "../widgets/states.js";
import { createTable } from "../widgets/table.js";

const LIMIT = 50;

/** @typedef {import("../api-types.js").AuditEntry} Entry */

/** @type {(root: HTMLElement, app: import("../app.js").App) => () => void} */
export function mountAudit(root, app) {
  const ask = () => Promise.all([app.api.get(url("/audit", { limit: LIMIT })), app.api.get("/users")]);
  return loadPage(root, app, ask, ([entries, users]) => show(root, app, entries, users)).close;
}

/** @param {HTMLElement} root @param {import("../app.js").App} app @param {Entry[]} first @param {import("../api-types.js").UserView[]} users */
function show(root, app, first, users) {
  const { api, texts } = app;
  const shown = { entries: first, hasMore: first.length === LIMIT, problem: "" };
  const names = new Map(users.map(({ id, name }) => [id, name]));
  const actionOf = (/** @type {Entry} */ { action }) => (texts.has(`page.audit.${action}`) ? texts.t(`page.audit.${action}`) : action);

  async function older() {
    shown.problem = "";
    try {
      const found = await api.get(url("/audit", { limit: LIMIT, before: shown.entries.at(-1)?.id }));
      shown.entries = [...shown.entries, ...found];
      shown.hasMore = found.length === LIMIT;
    } catch (error) {
      shown.problem = /** @type {Error} */ (error).message;
    }
    view.redraw();
  }

  const table = createTable(
    texts,
    {
      label: texts.t("page.account.tab.audit"),
      key: (/** @type {Entry} */ { id }) => String(id),
      columns: [
        { name: "when", title: texts.t("page.account.audit.when"), cell: ({ created_at }) => texts.time(created_at) },
        { name: "who", title: texts.t("page.account.audit.who"), cell: ({ user_id }) => names.get(user_id) ?? user_id },
        { name: "what", title: texts.t("page.account.audit.what"), cell: (entry) => actionOf(entry) },
        { name: "target", title: texts.t("page.account.audit.target"), cell: ({ target }) => html`<span class="text-break">${names.get(target) ?? target}</span>` },
      ],
      below: ({ data }) => (Object.keys(data).length === 0 ? nothing : html`<span class="fine text-break">${JSON.stringify(data)}</span>`),
    },
    () => view.redraw(),
  );
  const view = createView(
    root,
    () => html`${shown.problem ? alert(shown.problem) : nothing} ${table.draw(shown.entries)}
      ${shown.hasMore ? html`<button type="button" class="btn btn-quiet align-self-start" data-older @click=${older}>${texts.t("page.account.audit.older")}</button>` : nothing}`,
  );
  return view.close;
}
