/** Examples of every widget, for those who build pages: `#/widgets`. */

import { html, nothing } from "../lit.js";
import { createView, focusOn } from "../view.js";
import { createChart } from "../widgets/chart.js";
import { confirm } from "../widgets/confirm.js";
import { createErrors, field, options } from "../widgets/field.js";
import { createLog } from "../widgets/log.js";
import { hearButton } from "../widgets/player-bar.js";
import { progress } from "../widgets/progress.js";
import { alert, emptyState, loading } from "../widgets/states.js";
import { createTable, focusAfterRow } from "../widgets/table.js";
import { tabOf, tabs } from "../widgets/tabs.js";
import { toast } from "../widgets/toast.js";
import { createUpload, dropZone } from "../widgets/upload.js";
import { createWaveform } from "../widgets/waveform.js";
import { wavOf } from "../wav.js";

const TABS = ["states", "table", "forms", "sound", "figures"];
const RATE = 24_000;

/** Two seconds of a tone that fades, as a file of this page. */
function tone() {
  const samples = Float32Array.from({ length: 2 * RATE }, (_, at) => 0.4 * Math.sin(at * 0.06) * (1 - at / (2 * RATE)));
  return URL.createObjectURL(new Blob([wavOf([samples], RATE)], { type: "audio/wav" }));
}

/** @type {import("../pages.js").PageModule["mount"]} */
export function mount(root, app, route) {
  const { sound, texts } = app;
  const src = tone();
  const state = { name: "", kind: "line", rows: Array.from({ length: 45 }, (_, at) => ({ id: `r${at}`, name: `row ${at}`, seconds: (at * 37) % 100 })) };
  /** @type {import("../view.js").View | undefined} */
  let view;
  const redraw = () => view?.redraw();
  const errors = createErrors(app, redraw);
  const log = createLog(texts, { label: "Log" }, redraw);
  const upload = createUpload(app, redraw);
  const wave = createWaveform(app, { src, title: "Tone" }, redraw);
  const chart = createChart(texts, { label: "Loss", x: "step", y: "loss" });
  chart.update([{ label: "loss", points: Array.from({ length: 40 }, (_, x) => ({ x, y: 2 * Math.exp(-x / 12) })) }]);
  const remove = async (/** @type {Event} */ event, /** @type {any} */ row) => {
    const refocus = focusAfterRow(/** @type {Element} */ (event.currentTarget));
    if (!(await confirm(texts, { question: `Delete ${row.name}?`, action: "Delete" }))) return;
    state.rows = state.rows.filter((one) => one !== row);
    view?.draw();
    refocus();
  };
  const table = createTable(
    texts,
    {
      label: "Rows",
      key: ({ id }) => id,
      name: ({ name }) => name,
      matches: ({ name }, words) => words.every((word) => name.includes(word)),
      pageSize: 10,
      columns: [
        { name: "name", title: "Name", cell: ({ name }) => name, sortBy: ({ name }) => name, width: "wide" },
        { name: "seconds", title: "Seconds", cell: ({ seconds }) => texts.number(seconds), sortBy: ({ seconds }) => seconds },
      ],
      below: ({ seconds }) => (seconds > 90 ? html`<span class="field-error">It took too long.</span>` : nothing),
      actions: (row) => html`<button type="button" class="btn btn-sm btn-quiet" data-action="delete" @click=${(/** @type {Event} */ event) => remove(event, row)}>Delete</button>`,
      bulk: (keys) => html`<button type="button" class="btn btn-sm btn-quiet" @click=${() => toast(`${keys.length} rows`)}>Tell</button>`,
    },
    redraw,
  );
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    const message = "Write a name.";
    if (state.name) toast(`Saved ${state.name}`);
    else errors.show(Object.assign(new Error(message), { errors: [{ field: "name", message }] }), event.target);
  };
  /** @type {Record<string, () => unknown>} */
  const shown = {
    states: () => html`${loading(texts)} ${alert("Something went wrong.")}
      ${emptyState({ drawing: "jobs", text: "Nothing here yet.", action: { text: "Begin", click: () => toast("Begun") } })}
      ${progress(texts, { percent: 42, stage: "Listening", leftS: 75 })} ${progress(texts, { percent: null, stage: "Writing" })}
      <div><button type="button" class="btn btn-quiet" data-toast-bad @click=${() => toast("It failed.", { kind: "bad" })}>Toast</button></div>`,
    table: () => table.draw(state.rows),
    forms: () => html`<form class="example" novalidate @submit=${submit}>
        ${field({ name: "name", label: "Name", hint: "As it shall be called.", errors, control: (a) => html`<input id=${a.id} class="form-control" aria-invalid=${a.invalid} aria-describedby=${a.describedBy} .value=${state.name} @input=${(/** @type {any} */ event) => {
          state.name = event.target.value;
          errors.corrected("name");
        }} />` })}
        ${field({ name: "kind", label: "Kind", errors, control: (a) => html`<select id=${a.id} class="form-select">${options([["line", "Line"], ["bar", "Bar"]], state.kind)}</select>` })}
        ${errors.drawWhole()} <button type="submit" class="btn btn-primary">Save</button>
      </form>
      ${dropZone(texts, { id: "any-file", title: "Drop a file", take: (files) => files.forEach((file) => log.add(`${file.name}, ${file.size} bytes`)) })}
      ${upload.draw()} ${log.draw()}`,
    sound: () => html`${hearButton(app, { key: "tone", title: "Tone", src, label: "Hear the tone", text: "Hear" })} ${wave.draw()}`,
    figures: () => chart.draw(),
  };
  const current = tabOf(route, TABS);
  view = createView(root, () => html`<h1>Widgets</h1>
    ${tabs({ label: "Widgets", page: "widgets", tabs: TABS.map((name) => ({ name, text: name })), current })}
    <section class="example" data-example=${current}>${shown[current]()}</section>`);
  if (route.path.length > 0) focusOn(root);
  const unlisten = sound.subscribe(redraw);
  return () => {
    unlisten();
    view?.close();
    wave.close();
    chart.close();
    URL.revokeObjectURL(src);
  };
}
