/** A table with sorting, filtering, pages and bulk selection, whose actions stay in reach. */

import { icon } from "../icons.js";
import { html, live, nothing, ref, repeat } from "../lit.js";
import { focusOn } from "../view.js";

/**
 * @template R
 * @typedef {object} Column
 * @property {string} name
 * @property {string} title
 * @property {(row: R) => unknown} cell
 * @property {(row: R) => string | number} [sortBy] the column can be sorted by it
 * @property {string} [width] a class of the column: `narrow`, `wide`; the table's layout is fixed
 * @property {string} [cells] classes of its cells
 */

/**
 * Where the rows are cut into pages by the service, `total`, `offset` and `onPage` say where we are.
 * @template R
 * @typedef {object} TableOptions
 * @property {string} label
 * @property {readonly Column<R>[]} columns
 * @property {(row: R) => string} key
 * @property {(row: R) => unknown} [actions] in a column that stays in sight
 * @property {(row: R) => unknown} [below] a line of its own under the row: why it failed
 * @property {(row: R) => Record<string, string>} [data] data attributes of a row
 * @property {(row: R) => string} [name] of a row, for its checkbox; with it, rows can be selected
 * @property {(keys: readonly string[]) => unknown} [bulk] actions for what is selected
 * @property {(row: R, words: readonly string[]) => boolean} [matches] whether a row has all words; with it, there is a search
 * @property {number} [pageSize] cut here; leave out where the service cuts
 * @property {unknown} [empty]
 */

/**
 * A table keeps what was sorted, searched and selected; `draw(rows)` gives its template.
 * @template R
 * @param {import("../texts.js").Texts} texts
 * @param {TableOptions<R>} options
 * @param {() => void} redraw
 */
export function createTable(texts, options, redraw) {
  const kept = { sort: "", isDown: false, search: "", page: 0, selected: /** @type {Set<string>} */ (new Set()) };
  const set = (/** @type {Partial<typeof kept>} */ values) => {
    Object.assign(kept, values);
    redraw();
  };
  return {
    selected: () => [...kept.selected],
    clearSelection: () => set({ selected: new Set() }),
    /** @param {readonly R[]} all */
    draw(all) {
      const known = new Set(all.map(options.key));
      kept.selected.forEach((key) => known.has(key) || kept.selected.delete(key));
      const found = arranged(all, options, kept);
      const size = options.pageSize ?? Math.max(1, found.length);
      const last = Math.max(0, Math.ceil(found.length / size) - 1);
      const page = Math.min(kept.page, last);
      const rows = found.slice(page * size, (page + 1) * size);
      return html`${options.matches || options.bulk ? tools(texts, options, kept, set, found.length, all.length) : nothing}
        ${rows.length === 0
          ? (options.empty ?? html`<p class="fine">${texts.t("page.table.none")}</p>`)
          : grid(texts, options, kept, set, rows)}
        ${last > 0 ? pager(texts, { offset: page * size, shown: rows.length, total: found.length, size, onPage: (offset) => set({ page: offset / size }) }) : nothing}`;
    },
  };
}

/**
 * The rows that are searched for, in their order. @template R
 * @param {readonly R[]} rows @param {Pick<TableOptions<R>, "columns" | "matches">} options
 * @param {{ sort: string, isDown: boolean, search: string }} kept @returns {R[]}
 */
export function arranged(rows, { columns, matches }, { sort, isDown, search }) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = matches && words.length > 0 ? rows.filter((row) => matches(row, words)) : [...rows];
  const sortBy = columns.find(({ name }) => name === sort)?.sortBy;
  if (!sortBy) return found;
  const order = (/** @type {R} */ a, /** @type {R} */ b) => {
    const [one, other] = [sortBy(a), sortBy(b)];
    return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other));
  };
  return found.sort((a, b) => (isDown ? -order(a, b) : order(a, b)));
}

/** @param {import("../texts.js").Texts} texts @param {TableOptions<any>} options @param {any} kept @param {(values: any) => void} set @param {number} found @param {number} total */
function tools(texts, { matches, bulk, label }, kept, set, found, total) {
  const count = kept.selected.size;
  return html`<div class="table-tools">
    ${matches
      ? html`<input
            type="search"
            class="form-control"
            placeholder=${texts.t("page.table.search")}
            aria-label="${texts.t("page.table.search")}: ${label}"
            .value=${live(kept.search)}
            @input=${(/** @type {any} */ event) => set({ search: event.target.value, page: 0 })}
          /><span class="fine" role="status">${texts.t("page.table.count", { found: texts.number(found), total: texts.number(total) })}</span>`
      : nothing}
    ${bulk && count > 0
      ? html`<div class="table-bulk" role="group" aria-label=${texts.t("page.table.selected", { count })}>
          <span class="fine">${texts.t("page.table.selected", { count })}</span>${bulk([...kept.selected])}
        </div>`
      : nothing}
  </div>`;
}

/** @param {import("../texts.js").Texts} texts @param {TableOptions<any>} options @param {any} kept @param {(values: any) => void} set @param {readonly any[]} rows */
function grid(texts, options, kept, set, rows) {
  const { columns, key, name, actions, label, below } = options;
  const isAll = rows.every((row) => kept.selected.has(key(row)));
  const choose = (/** @type {readonly any[]} */ some, /** @type {boolean} */ is) => {
    const selected = new Set(kept.selected);
    some.forEach((row) => (is ? selected.add(key(row)) : selected.delete(key(row))));
    set({ selected });
  };
  const box = (/** @type {string} */ title, /** @type {boolean} */ is, /** @type {readonly any[]} */ some) =>
    html`<input type="checkbox" class="form-check-input" aria-label=${title} .checked=${live(is)} @change=${(/** @type {any} */ event) => choose(some, event.target.checked)} />`;
  const width = columns.length + (name ? 1 : 0) + (actions ? 1 : 0);
  return html`<div class="card table-card" tabindex="0" role="region" aria-label=${label}>
    <table class="table grid">
      <thead>
        <tr>
          ${name ? html`<th scope="col" class="col-box">${box(texts.t("page.table.all"), isAll, rows)}</th>` : nothing}
          ${columns.map((column) => head(texts, column, kept, set))}
          ${actions ? html`<th scope="col" class="actions">${texts.t("page.table.actions")}</th>` : nothing}
        </tr>
      </thead>
      <tbody>
        ${repeat(rows, key, (row) => {
          const under = below?.(row) ?? nothing;
          return html`<tr data-row=${key(row)} class=${under === nothing ? nothing : "has-below"} ${ref((element) => setData(element, options.data?.(row)))}>
              ${name ? html`<td class="col-box">${box(name(row), kept.selected.has(key(row)), [row])}</td>` : nothing}
              ${columns.map((column) => html`<td class="${column.cells ?? ""} ${column.width ?? ""}" data-label=${column.title}>${column.cell(row)}</td>`)}
              ${actions ? html`<td class="actions">${actions(row)}</td>` : nothing}
            </tr>
            ${under === nothing ? nothing : html`<tr class="below" data-below=${key(row)}><td colspan=${width}>${under}</td></tr>`}`;
        })}
      </tbody>
    </table>
  </div>`;
}

/** @param {Element | undefined} element @param {Record<string, string>} [data] */
function setData(element, data = {}) {
  if (element instanceof HTMLElement) Object.assign(element.dataset, data);
}

/** @param {import("../texts.js").Texts} texts @param {Column<any>} column @param {any} kept @param {(values: any) => void} set */
function head(texts, { name, title, sortBy, width = "" }, kept, set) {
  if (!sortBy) return html`<th scope="col" class=${width}>${title}</th>`;
  const isIt = kept.sort === name;
  const order = isIt ? (kept.isDown ? "descending" : "ascending") : "none";
  const drawing = isIt ? (kept.isDown ? "sort-down" : "sort-up") : "sort";
  const turn = () => set({ sort: name, isDown: isIt && !kept.isDown });
  return html`<th scope="col" class=${width} aria-sort=${order}>
    <button type="button" class="sorter" title=${texts.t("page.table.sort", { column: title })} @click=${turn}>${title}${icon(drawing)}</button>
  </th>`;
}

/**
 * Where we are in a list that the service or the table cuts into pages.
 * @param {import("../texts.js").Texts} texts
 * @param {{ offset: number, shown: number, total: number, size: number, onPage: (offset: number) => void }} options
 */
export function pager(texts, { offset, shown, total, size, onPage }) {
  const end = Math.min(offset + shown, total);
  const button = (/** @type {string} */ text, /** @type {boolean} */ isOff, /** @type {number} */ to) =>
    html`<button type="button" class="btn btn-sm btn-quiet" ?disabled=${isOff} @click=${() => onPage(to)}>${text}</button>`;
  return html`<nav class="pager" aria-label=${texts.t("page.table.pages")}>
    ${button(texts.t("page.table.before"), offset === 0, Math.max(0, offset - size))}
    <span class="fine">${texts.t("page.table.range", { first: offset + 1, last: end, total })}</span>
    ${button(texts.t("page.table.after"), end >= total, offset + size)}
  </nav>`;
}

/**
 * Before a row goes: what gets the focus when it is gone, the same action of the next row, or of the one before; without
 * one, what the empty list offers, or the page's heading.
 * @param {Element | null} button in the row
 * @param {string} [rows] a selector of what a row is
 * @returns {() => void} call it when the list was drawn anew
 */
export function focusAfterRow(button, rows = "tr:not(.below)") {
  const row = button?.closest(rows);
  const page = button?.closest("[data-page]");
  const sameOf = (/** @type {Element | null | undefined} */ other) => /** @type {HTMLElement | null} */ (
    other?.querySelector(`[data-action="${button?.getAttribute("data-action") ?? ""}"]`) ?? other?.querySelector("button, a, input") ?? null
  );
  const all = [...(row?.parentElement?.querySelectorAll(rows) ?? [])];
  const at = row ? all.indexOf(row) : -1;
  const next = sameOf(all[at + 1]) ?? sameOf(all[at - 1]);
  return () => {
    if (next?.isConnected) next.focus();
    else if (page) focusOn(page, page.querySelector("[data-empty-action]") ? "[data-empty-action]" : "h1");
  };
}
