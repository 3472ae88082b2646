/** A chart by Chart.js in the colours of the theme, with its numbers as a table for those who do not see it. */

import { html, nothing, ref } from "../lit.js";
import { loadChart } from "../libraries.js";

/** A colour of the theme. @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const SERIES = ["--leaf", "--sky", "--coral", "--ink-soft"];

/**
 * @typedef {{ label: string, points: readonly { x: number, y: number | null }[] }} Series
 * @typedef {object} ChartOptions
 * @property {string} label what the chart shows
 * @property {string} x title of the axis, with its unit
 * @property {string} y
 * @property {"line" | "bar"} [type]
 * @property {"linear" | "logarithmic"} [scale] of y
 */

/**
 * Draw it where it shall stand; `update` gives it other points without drawing it anew. `close` frees it.
 * @param {import("../texts.js").Texts} texts
 * @param {ChartOptions} options
 */
export function createChart(texts, { label, x, y, type = "line", scale = "linear" }) {
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
      data: points,
      borderColor: colour(SERIES[index % SERIES.length]),
      backgroundColor: colour(SERIES[index % SERIES.length]),
      pointRadius: points.length > 60 ? 0 : 2,
      borderWidth: 2,
    }));
  const axis = (/** @type {string} */ text, /** @type {string} */ kind) => ({
    type: kind,
    title: { display: true, text, color: colour("--ink-soft") },
    ticks: { color: colour("--ink-soft") },
    grid: { color: colour("--line") },
  });
  const begin = async () => {
    const Chart = await loadChart();
    if (isClosed || chart || !canvas) return;
    chart = new Chart(canvas, {
      type,
      data: { datasets: datasets() },
      options: {
        animation: false,
        maintainAspectRatio: false,
        scales: { x: axis(x, "linear"), y: axis(y, scale) },
        plugins: { legend: { display: series.length > 1, labels: { color: colour("--ink") } } },
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
      chart.data.datasets = datasets();
      chart.options.plugins.legend.display = series.length > 1;
      chart.update("none");
    },
    draw: () =>
      html`<figure class="chart">
        <div class="chart-place"><canvas role="img" aria-label=${label} ${ref(placed)}></canvas></div>
        <figcaption class="visually-hidden">${series.map((one) => summary(texts, one))}</figcaption>
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
