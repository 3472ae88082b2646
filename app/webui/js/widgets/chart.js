/** A chart by Chart.js in the colours of the theme, with its numbers as a table for those who do not see it. */

import { html, nothing, ref } from "../lit.js";
import { loadChart } from "../libraries.js";

/** A colour of the theme. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const SERIES = ["--leaf", "--sky", "--coral", "--ink-soft", "--leaf-soft", "--sky-soft", "--coral-soft"];
/** @param {number} index */
const seriesColour = (index) => colour(SERIES[index % SERIES.length]);

/**
 * @typedef {{ label: string, points: readonly { x: number | string, y: number | null }[] }} Series
 * @typedef {object} ChartOptions
 * @property {string} label what the chart shows
 * @property {string} x title of the axis, with its unit
 * @property {string} y
 * @property {"line" | "bar" | "pie"} [type] of a pie each point is a slice, and the axes are not drawn
 * @property {"linear" | "category"} [along] of x: numbers, or names in their order
 * @property {"linear" | "logarithmic"} [scale] of y
 */

/**
 * Draw it where it shall stand; `update` gives it other points without drawing it anew. `close` frees it.
 * @param {import("../texts.js").Texts} texts
 * @param {ChartOptions} options
 */
export function createChart(texts, { label, x, y, type = "line", along = "linear", scale = "linear" }) {
  /** @type {any} */
  let chart = null;
  /** @type {readonly Series[]} */
  let series = [];
  let isClosed = false;
  /** @type {Element | undefined} */
  let canvas;

  const datasets = () =>
    series.map(({ label: name, points }, index) => ({
      label: name,
      data: type === "pie" ? points.map((point) => point.y) : points,
      borderColor: type === "pie" ? colour("--card") : seriesColour(index),
      backgroundColor: type === "pie" ? points.map((_, slice) => seriesColour(slice)) : seriesColour(index),
      pointRadius: points.length > 60 ? 0 : 2,
      borderWidth: 2,
    }));
  const labels = () => (type === "pie" || along === "category" ? series[0]?.points.map((point) => point.x) : undefined);
  const hasLegend = () => type === "pie" || series.length > 1;
  const axis = (/** @type {string} */ text, /** @type {string} */ kind) => ({
    type: kind,
    title: { display: true, text, color: colour("--ink-soft") },
    ticks: { color: colour("--ink-soft"), ...(kind === "linear" && along === "category" ? { precision: 0 } : {}) },
    beginAtZero: along === "category",
    grid: { color: colour("--line") },
  });
  const begin = async () => {
    const Chart = await loadChart();
    if (isClosed || chart || !canvas) return;
    chart = new Chart(canvas, {
      type,
      data: { labels: labels(), datasets: datasets() },
      options: {
        animation: false,
        maintainAspectRatio: false,
        scales: type === "pie" ? {} : { x: axis(x, along), y: axis(y, scale) },
        plugins: { legend: { display: hasLegend(), labels: { color: colour("--ink") } } },
      },
    });
  };
  const close = () => {
    isClosed = true;
    chart?.destroy();
    chart = null;
  };
  const placed = (/** @type {Element | undefined} */ element) => {
    canvas = element;
    if (element && !chart) void begin();
  };

  return {
    close,
    /** @param {readonly Series[]} next */
    update(next) {
      series = next;
      if (!chart) return;
      chart.data.labels = labels();
      chart.data.datasets = datasets();
      chart.options.plugins.legend.display = hasLegend();
      chart.update("none");
    },
    draw: () =>
      html`<figure class="chart">
        <div class="chart-place"><canvas role="img" aria-label=${label} ${ref(placed)}></canvas></div>
        <figcaption class="visually-hidden">${series.map((one) => (along === "category" ? named(texts, one) : summary(texts, one)))}</figcaption>
      </figure>`,
  };
}

/** @param {import("../texts.js").Texts} texts @param {Series} series */
function summary(texts, { label, points }) {
  const known = points.flatMap(({ y }) => (y === null ? [] : [y]));
  if (known.length === 0) return nothing;
  const values = [known[0], known[known.length - 1], Math.min(...known), Math.max(...known)].map((value) => texts.number(value, 3));
  const [first, last, least, most] = values;
  return html`<p>${texts.t("page.chart.summary", { label, count: known.length, first, last, least, most })}</p>`;
}

/** What has names is told by them. @param {import("../texts.js").Texts} texts @param {Series} series */
function named(texts, { label, points }) {
  return html`<p>${label}</p><ul>${points.map(({ x, y }) => (y ? html`<li>${x}: ${texts.number(y)}</li>` : nothing))}</ul>`;
}
