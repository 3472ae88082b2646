/** How figures of a training are said. */

/** Bytes as a person reads them. @param {import("../texts.js").Texts} texts @param {number | null} bytes */
export function size(texts, bytes) {
  if (bytes === null) return texts.t("page.training.unknown");
  const [unit, name] = bytes >= 2 ** 30 ? [2 ** 30, "GiB"] : bytes >= 2 ** 20 ? [2 ** 20, "MiB"] : [2 ** 10, "KiB"];
  const count = bytes / unit;
  return `${texts.number(count, count < 10 ? 1 : 0)} ${name}`;
}

/** A measure with so many digits, or that nobody measured it. @param {import("../texts.js").Texts} texts @param {number | null | undefined} value */
export function measured(texts, value, digits = 2) {
  return value === null || value === undefined ? "–" : texts.number(value, digits);
}

/** A learning rate, whose digits are far behind the point. @param {number} rate */
export function rateOf(rate) {
  return rate === 0 ? "0" : rate.toExponential(2).replace("+", "");
}

/** What a checkpoint is called: its run, and how far it is. @param {import("../texts.js").Texts} texts @param {any} checkpoint */
export function nameOf(texts, { run, epoch, step }) {
  return epoch === null ? texts.t("page.training.at_step", { run, step }) : texts.t("page.training.at_epoch", { run, epoch });
}

/** The newest run first, of a run the best checkpoint first. @param {readonly any[]} rows @returns {any[]} */
export function inRank(rows) {
  const newest = new Map();
  rows.forEach(({ run, created_at: at }) => newest.set(run, Math.max(at, newest.get(run) ?? 0)));
  return [...rows].sort((a, b) => newest.get(b.run) - newest.get(a.run) || a.rank - b.rank);
}

/** The network that a run began with, beside its checkpoints. @param {string} run */
export const baseOf = (run) => `${run}/base`;
