/** Tabs that have addresses: each is a link, so it can be shared, opened elsewhere and gone back to. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { address } from "../router.js";

/**
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.page the page's name; a tab's address is `#/PAGE/TAB`
 * @param {readonly { name: string, text: string, drawing?: string }[]} options.tabs
 * @param {string} options.current
 * @param {Record<string, string>} [options.query] goes along
 */
export function tabs({ label, page, tabs: all, current, query }) {
  return html`<nav class="nav nav-tabs" aria-label=${label}>
    ${all.map(
      ({ name, text, drawing }) => html`<a class="nav-link ${name === current ? "active" : ""}" href=${address([page, name], query)} aria-current=${name === current ? "page" : "false"} data-tab=${name}>${drawing ? icon(drawing) : nothing}${text}</a>`,
    )}
  </nav>`;
}

/** The tab of an address: the first segment where it is one of `names`, else the first of them. @param {import("../router.js").Route} route @param {readonly string[]} names */
export function tabOf(route, names) {
  return names.includes(route.path[0]) ? route.path[0] : names[0];
}
