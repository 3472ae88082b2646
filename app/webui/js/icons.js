/** The drawings of the page: part of the scripts, so that they stay when the service is away. */

import { html, svg } from "./lit.js";

const DRAWINGS = /** @type {Record<string, ReturnType<typeof svg>>} */ ({
  speak: svg`<path d="M4 5h16v11H11l-5 4v-4H4z"/><path d="M8 9h8M8 12.5h5"/>`,
  jobs: svg`<path d="M4 6h16M4 12h16M4 18h10"/>`,
  voices: svg`<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c0-4 3-6.5 6.5-6.5s6.5 2.5 6.5 6.5M17 5.5c2 1.5 2 5.5 0 7M19.5 3c3.5 3 3.5 9 0 12"/>`,
  clone: svg`<circle cx="8" cy="9" r="3"/><path d="M2.500 19.500c0-3.500 2.500-5.500 5.500-5.500s5.500 2 5.500 5.500M15 6.200a3 3 0 0 1 0 5.600M17 14.300c2.500.6 4.500 2.400 4.500 5.200"/>`,
  mic: svg`<rect x="9" y="3.500" width="6" height="10.500" rx="3"/><path d="M5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3M8.500 21h7"/>`,
  upload: svg`<path d="M12 15V4M7.500 8.500L12 4l4.500 4.500M5 20h14"/>`,
  person: svg`<circle cx="12" cy="8.5" r="4"/><path d="M4.5 20.5c0-4.5 3.5-7 7.5-7s7.5 2.5 7.5 7"/>`,
  play: svg`<path d="M7.5 4.5v15l12-7.5z" fill="currentColor"/>`,
  pause: svg`<path d="M8 5v14M16 5v14" stroke-width="3.5"/>`,
  stop: svg`<rect x="6" y="6" width="12" height="12" rx="1.5" fill="currentColor"/>`,
  share: svg`<circle cx="6" cy="12" r="2.500"/><circle cx="17.500" cy="6" r="2.500"/><circle cx="17.500" cy="18" r="2.500"/><path d="M8.200 10.900l7-3.700M8.200 13.100l7 3.700"/>`,
  download: svg`<path d="M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14"/>`,
  trash: svg`<path d="M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5"/>`,
  cross: svg`<path d="M6 6l12 12M18 6L6 18"/>`,
  reuse: svg`<path d="M20 12a8 8 0 1 1-2.5-5.800M20 3.5v4h-4"/>`,
  wait: svg`<circle cx="12" cy="12" r="8"/><path d="M12 7.5V12l3 2"/>`,
  live: svg`<path d="M4 10v4M8 7v10M12 4v16M16 8v8M20 10.5v3"/>`,
  "theme-light": svg`<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2.5M12 19v2.5M2.5 12H5M19 12h2.5M5.300 5.300l1.800 1.800M16.900 16.900l1.800 1.800M5.300 18.700l1.800-1.800M16.900 7.100l1.800-1.800"/>`,
  "theme-dark": svg`<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z"/>`,
  "theme-auto": svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17z" fill="currentColor"/>`,
  log: svg`<path d="M6 3.500h8l4 4V20.500H6zM9 11h6M9 14h6M9 17h4"/>`,
  dictionary: svg`<path d="M5 4.500h11.500a2.500 2.500 0 0 1 2.500 2.500v13H7.500A2.500 2.500 0 0 1 5 17.500zM5 17.500A2.500 2.500 0 0 1 7.500 15H19M9 8.500h6"/>`,
  dataset: svg`<ellipse cx="12" cy="6" rx="7.5" ry="3"/><path d="M4.500 6v12c0 1.700 3.400 3 7.500 3s7.500-1.300 7.500-3V6M4.500 12c0 1.700 3.400 3 7.500 3s7.500-1.300 7.500-3"/>`,
  cpu: svg`<rect x="6.500" y="6.500" width="11" height="11" rx="1.500"/><rect x="10" y="10" width="4" height="4"/><path d="M9.500 3.500v3M14.500 3.500v3M9.500 17.500v3M14.500 17.500v3M3.500 9.500h3M3.500 14.500h3M17.500 9.500h3M17.500 14.500h3"/>`,
  training: svg`<path d="M4 19V5M4 19h16M7.500 15l3.500-5 3 3 5-7"/>`,
  inference: svg`<circle cx="12" cy="12" r="8.500"/><path d="M10 8.500v7l5.500-3.500z"/>`,
  models: svg`<path d="M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9"/>`,
  components: svg`<rect x="4" y="4" width="6.500" height="6.500" rx="1"/><rect x="13.500" y="4" width="6.500" height="6.500" rx="1"/><rect x="4" y="13.500" width="6.500" height="6.500" rx="1"/><rect x="13.500" y="13.500" width="6.500" height="6.500" rx="1"/>`,
  dashboard: svg`<path d="M4 20v-8M10 20V4M16 20v-5M21 20H3"/>`,
  batch: svg`<rect x="4" y="8" width="12" height="12" rx="1.500"/><path d="M8 4.500h11.500V16"/>`,
  convert: svg`<path d="M4 8h13M13.500 4.500L17 8l-3.500 3.500M20 16H7M10.500 12.500L7 16l3.500 3.500"/>`,
  morph: svg`<circle cx="9" cy="12" r="6"/><circle cx="15" cy="12" r="6"/><path d="M12 7.500v9"/>`,
  profiles: svg`<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>`,
  settings: svg`<circle cx="12" cy="12" r="3"/><path d="M12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M5.600 18.400l2.100-2.100M16.300 7.700l2.100-2.100"/>`,
  account: svg`<circle cx="12" cy="8.5" r="4"/><path d="M4.5 20.5c0-4.5 3.5-7 7.5-7s7.500 2.500 7.500 7"/>`,
  feedback: svg`<path d="M12 3.500l2.600 5.400 5.900.8-4.300 4.100 1.100 5.900L12 16.800l-5.300 2.900 1.100-5.900L3.500 9.700l5.900-.8z"/>`,
  widgets: svg`<path d="M4 4h7v7H4zM13 13h7v7h-7z"/><circle cx="16.500" cy="7.500" r="3.500"/><path d="M7.500 13.500l3.500 6.500H4z"/>`,
  warning: svg`<path d="M12 4L2.500 20h19zM12 10v4.500M12 17v.500"/>`,
  info: svg`<circle cx="12" cy="12" r="8.500"/><path d="M12 11v5M12 7.500v.500"/>`,
  check: svg`<path d="M4.500 12.500l5 5L20 7"/>`,
  sort: svg`<path d="M8 9.500L12 5l4 4.500M8 14.500L12 19l4-4.500"/>`,
  "sort-up": svg`<path d="M6 15l6-7 6 7"/>`,
  "sort-down": svg`<path d="M6 9l6 7 6-7"/>`,
  bell: svg`<path d="M6.500 16.500V11a5.500 5.500 0 0 1 11 0v5.500l1.500 1.500H5zM10 20.500h4"/>`,
  search: svg`<circle cx="10.500" cy="10.500" r="6"/><path d="M15 15l5.500 5.500"/>`,
});

export const NAMES = Object.keys(DRAWINGS);

/** A drawing, decorative: the control around it carries the name. @param {string} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" data-icon=${name}>${DRAWINGS[name]}</svg>`;
}

/** The parrot beside the name. */
export function logo() {
  return html`<svg class="logo" viewBox="0 0 64 64" width="32" height="32" aria-hidden="true">
    <rect width="64" height="64" rx="16" fill="#12633f"/>
    <path d="M15 64V29a18 18 0 0 1 36-1c0 5-2 9-5 12v24z" fill="#3fbf83"/>
    <path d="M15 64V40c10 2 17 10 18 24z" fill="#8fe3b8"/>
    <path d="M38 21c9-2 15 3 15 11 0 6-3 11-8 14 0-7-2-11-8-13-4-4-4-10 1-12z" fill="#ffc145"/>
    <path d="M45 46c-2-1-3-5-7-8 4-1 8-1 9 1 0 3 0 5-2 7z" fill="#d98e04"/>
    <circle cx="31" cy="25" r="6" fill="#fff"/>
    <circle cx="32.5" cy="25" r="3" fill="#0b2a1c"/>
    <path d="M24 12c0-5 3-8 8-9-1 3 0 5 2 7-4 0-7 1-10 2z" fill="#ff6f59"/>
  </svg>`;
}
