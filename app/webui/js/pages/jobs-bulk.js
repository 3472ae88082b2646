/** What is done with several jobs at once: their sounds as a ZIP, and their deletion. */

import { icon } from "../icons.js";
import { html, nothing } from "../lit.js";
import { confirm } from "../widgets/confirm.js";
import { formatMenu } from "../widgets/job.js";
import { toast } from "../widgets/toast.js";
import { hasEnded, hasSound } from "./job-view.js";

/**
 * The buttons for what is selected; a ZIP is offered where there is a sound, deletion where a job may go.
 * @param {import("../app.js").App} app
 * @param {readonly import("./job-view.js").Job[]} chosen
 * @param {(action: () => Promise<any>) => Promise<void>} act shows what went wrong, and the list as it is after it
 */
export function bulkActions(app, chosen, act) {
  const { api, texts } = app;
  const sounds = chosen.filter(hasSound).map(({ id }) => id);
  const mayGo = chosen.filter((job) => hasEnded(job) || job.status === "pending").map(({ id }) => id);
  const zip = () => formatMenu({
    label: texts.t("page.jobs.zip"),
    isNamed: true,
    href: (format) => api.archiveUrl(sounds, format),
    file: () => "papagaio.zip",
  });
  return html`${sounds.length > 0 ? zip() : nothing}
    ${mayGo.length > 0
      ? html`<button type="button" class="btn btn-sm btn-quiet" data-bulk="delete" @click=${() => remove(app, mayGo, act)}>${icon("trash")}${texts.t("page.job.delete")}</button>`
      : nothing}`;
}

/** @param {import("../app.js").App} app @param {readonly string[]} ids @param {(action: () => Promise<any>) => Promise<void>} act */
async function remove({ api, sound, texts }, ids, act) {
  const question = texts.t("page.jobs.delete_question", { count: ids.length });
  if (!(await confirm(texts, { question, cost: texts.t("page.jobs.delete_cost"), action: texts.t("page.job.delete") }))) return;
  if (ids.includes(sound.state().key ?? "")) sound.close();
  await act(async () => {
    const { deleted, not_deleted: kept } = await api.deleteJobs(ids);
    const more = Object.keys(kept).length;
    if (deleted.length > 0) toast(texts.t("page.jobs.deleted", { count: deleted.length }));
    if (more > 0) toast(texts.t("page.jobs.not_deleted", { count: more }), { kind: "bad" });
  });
  document.getElementById("main")?.focus({ preventScroll: true }); // the button is gone
}
