/** Step 1: the recordings, from the microphone or from files. */

import { all, el, icon, on, replace } from "../dom.js";
import { readingFor } from "../reading.js";
import { nearestLanguage, sortLanguages } from "../catalog.js";
import { clearErrors, errorLine, showErrors } from "./form.js";
import { microphone } from "./clone-microphone.js";

const LEAST_S = 10; // as the service wants at least
const GOOD_S = 50;

/** @type {(place: HTMLElement, app: import("../app.js").App, wizard: import("./clone.js").Wizard) => () => void} */
export function mountRecord(place, app, wizard) {
  const { store, texts } = app;
  const set = (/** @type {Partial<import("../drafts.js").CloneDraft>} */ values) =>
    store.dispatch({ type: "clone", values });
  const { language } = store.state().clone;
  if (!language || !wizard.languages.includes(language)) {
    set({ language: nearestLanguage(sortLanguages(wizard.languages), texts.language()) });
  }
  const add = (/** @type {string} */ name, /** @type {Blob} */ blob, /** @type {number | null} */ durationS) => {
    const { takes } = store.state().clone;
    set({ takes: [...takes, { id: crypto.randomUUID(), name, blob, durationS }] });
  };
  const mic = microphone(app, add);
  const takes = takeList(app, set);
  const button = el("button", { type: "submit", class: "btn btn-primary btn-lg" }, texts.t("page.clone.take_in"));
  const form = el(
    "form",
    { class: "clone-record", novalidate: true },
    el("section", { class: "card" }, languageField(app, wizard, set), readingText(app), mic.node),
    el("section", { class: "card" }, dropZone(app, add), takes.node, errorLine("file"), knownText(app, set)),
    el("div", { class: "wizard-foot" }, el("div", { data: { problem: "" } }), button),
  );
  replace(place, form);
  const submit = async () => {
    clearErrors(form);
    button.disabled = true;
    replace(button, icon("wait"), texts.t("page.clone.sending"));
    try {
      await mic.finish();
      const job = await app.api.takeIn(formOf(store.state().clone));
      wizard.go({ job: job.id });
    } catch (error) {
      showErrors(form, app, /** @type {any} */ (error));
      button.disabled = false;
      replace(button, texts.t("page.clone.take_in"));
    }
  };
  return all(
    mic.close,
    takes.close,
    on(form, "submit", (event) => {
      event.preventDefault();
      void submit();
    }),
    on(window, "beforeunload", (event) => {
      if (store.state().clone.takes.length > 0 || mic.isRecording()) event.preventDefault();
    }),
  );
}

/** @typedef {(values: Partial<import("../drafts.js").CloneDraft>) => void} Set */

/** What the service is sent. @param {import("../drafts.js").CloneDraft} draft @returns {FormData} */
export function formOf({ takes, language, text }) {
  const form = new FormData();
  takes.forEach(({ blob, name }) => form.append("file", blob, name));
  form.append("language", language ?? "");
  if (text.trim()) form.append("text", text);
  return form;
}

/** Seconds of all takes; null when one of them is not known. @param {readonly import("../drafts.js").Take[]} takes */
export function totalS(takes) {
  let sum = 0;
  for (const { durationS } of takes) {
    if (durationS === null) return null;
    sum += durationS;
  }
  return sum;
}

/** @param {import("../app.js").App} app @param {import("./clone.js").Wizard} wizard @param {Set} set */
function languageField({ store, texts }, wizard, set) {
  const options = sortLanguages(wizard.languages).map((tag) => el("option", { value: tag }, texts.languageName(tag)));
  return el(
    "div",
    { class: "field" },
    el("label", { for: "language" }, texts.t("page.clone.language")),
    el(
      "select",
      {
        id: "language",
        class: "form-select",
        value: store.state().clone.language,
        on: { change: (/** @type {any} */ event) => set({ language: event.target.value }) },
      },
      options,
    ),
    errorLine("language"),
  );
}

/** @param {import("../app.js").App} app */
function readingText({ store, texts }) {
  const root = el("div", { class: "reading" });
  const draw = () => {
    const { language } = store.state().clone;
    const sentences = readingFor(language);
    root.hidden = sentences.length === 0;
    replace(
      root,
      el("h2", {}, texts.t("page.clone.read")),
      el("p", { class: "fine" }, texts.t("page.clone.read_how")),
      el("p", { class: "reading-text", lang: language, tabIndex: 0 }, sentences.join(" ")),
    );
  };
  draw();
  const undo = store.watch(
    ({ clone }) => clone.language,
    () => (root.isConnected ? draw() : undo()),
  );
  return root;
}

/** @param {import("../app.js").App} app @param {Set} set */
function knownText({ store, texts }, set) {
  return el(
    "div",
    { class: "field" },
    el("label", { for: "text" }, texts.t("page.clone.text")),
    el("textarea", {
      id: "text",
      class: "form-control",
      rows: 3,
      value: store.state().clone.text,
      "aria-describedby": "text-hint text-error",
      on: { input: (/** @type {any} */ event) => set({ text: event.target.value }) },
    }),
    el("p", { id: "text-hint", class: "fine" }, texts.t("page.clone.text_hint")),
    errorLine("text"),
  );
}

/** Files, chosen or dropped. @param {import("../app.js").App} app @param {(name: string, blob: Blob, durationS: number | null) => void} add */
function dropZone({ texts }, add) {
  const input = el("input", {
    id: "file",
    type: "file",
    class: "visually-hidden",
    accept: "audio/*,video/*",
    multiple: true,
    "aria-describedby": "file-hint file-error",
  });
  const take = (/** @type {Iterable<File>} */ files) => [...files].forEach((file) => add(file.name, file, null));
  on(input, "change", () => {
    take(input.files);
    input.value = "";
  });
  const zone = el(
    "div",
    { class: "drop-zone" },
    icon("upload"),
    el("p", {}, el("strong", {}, texts.t("page.clone.files"))),
    el("p", { id: "file-hint", class: "fine" }, texts.t("page.clone.files_hint")),
    input,
    el("label", { class: "btn btn-quiet", for: "file" }, texts.t("page.clone.choose_files")),
  );
  const over = (/** @type {boolean} */ is) => (/** @type {DragEvent} */ event) => {
    event.preventDefault();
    zone.classList.toggle("over", is);
  };
  on(zone, "dragover", over(true));
  on(zone, "dragleave", over(false));
  on(zone, "drop", (event) => {
    over(false)(event);
    take(event.dataTransfer?.files ?? []);
  });
  return zone;
}

/** What was recorded and chosen, to be heard again or dropped. @param {import("../app.js").App} app @param {Set} set */
function takeList(app, set) {
  const { store, texts } = app;
  const node = el("div", { class: "takes" });
  /** @type {Map<string, string>} address by take */
  const addresses = new Map();
  const addressOf = (/** @type {import("../drafts.js").Take} */ take) => {
    const known = addresses.get(take.id) ?? URL.createObjectURL(take.blob);
    addresses.set(take.id, known);
    return known;
  };
  const learn = (/** @type {string} */ id, /** @type {number} */ durationS) => {
    if (!Number.isFinite(durationS)) return;
    const isNews = (/** @type {import("../drafts.js").Take} */ take) => take.id === id && take.durationS === null;
    const { takes } = store.state().clone;
    if (takes.some(isNews)) set({ takes: takes.map((/** @type {import("../drafts.js").Take} */ take) => (isNews(take) ? { ...take, durationS } : take)) });
  };
  const total = el("p", { class: "fine", role: "status" });
  const list = el("ul", { class: "take-list" });
  const draw = () => {
    const { takes } = store.state().clone;
    const known = new Set([...list.children].map((row) => row.dataset.take));
    [...list.children].forEach((row) => takes.some((/** @type {import("../drafts.js").Take} */ { id }) => id === row.dataset.take) || row.remove());
    takes.filter((/** @type {import("../drafts.js").Take} */ { id }) => !known.has(id)).forEach((/** @type {import("../drafts.js").Take} */ take) => list.append(row(app, take, addressOf(take), set, learn)));
    replace(total, totalText(texts, takes));
  };
  replace(node, el("h2", {}, texts.t("page.clone.takes")), list, total);
  draw();
  const undo = store.watch(({ clone }) => clone.takes, draw);
  return { node, close: all(undo, () => addresses.forEach((address) => URL.revokeObjectURL(address))) };
}

/** @param {import("../texts.js").Texts} texts @param {readonly import("../drafts.js").Take[]} takes */
function totalText(texts, takes) {
  if (takes.length === 0) return texts.t("page.clone.no_take");
  const seconds = totalS(takes);
  if (seconds === null) return texts.t("page.clone.length_unknown");
  const key = seconds < LEAST_S ? "too_little" : seconds < GOOD_S ? "enough" : "good";
  return texts.t(`page.clone.total.${key}`, { time: texts.clock(seconds) });
}

/**
 * @param {import("../app.js").App} app
 * @param {import("../drafts.js").Take} take
 * @param {string} address
 * @param {Set} set
 * @param {(id: string, durationS: number) => void} learn
 */
function row({ store, texts }, take, address, set, learn) {
  const label = texts.t("page.clone.drop_take", { name: take.name });
  const audio = el("audio", {
    controls: true,
    preload: "metadata",
    src: address,
    "aria-label": texts.t("page.clone.hear", { name: take.name }),
    on: { loadedmetadata: () => learn(take.id, audio.duration) },
  });
  const drop = () => {
    set({ takes: store.state().clone.takes.filter((/** @type {import("../drafts.js").Take} */ { id }) => id !== take.id) });
    /** @type {HTMLElement | null} */ (document.querySelector("[data-record]"))?.focus();
  };
  return el(
    "li",
    { data: { take: take.id } },
    el("span", { class: "take-name" }, take.name),
    audio,
    el(
      "button",
      {
        type: "button",
        class: "btn btn-sm btn-quiet",
        "aria-label": label,
        title: label,
        data: { drop: take.id },
        on: { click: drop },
      },
      icon("trash"),
    ),
  );
}
