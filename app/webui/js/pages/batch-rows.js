/** What of typed or read text becomes the rows of a batch. */

/** The columns that the service knows. */
export const COLUMNS = ["text", "language", "voice", "engine", "profile", "speed", "name"];

/**
 * Whether a first line names columns: `text` and no other word, or `text` and another known one, whose misspelt
 * neighbour the service then refuses.
 * @param {string} line
 */
function isHeader(line) {
  const separator = line.split(";").length > line.split(",").length ? ";" : ",";
  const names = line.replace(/^\uFEFF/, "").split(separator).map((name) => name.trim().replace(/^"(.*)"$/, "$1").trim().toLowerCase());
  const known = names.filter((name) => COLUMNS.includes(name)).length;
  return names.includes("text") && (known === names.length || known > 1);
}

/** What is sent of what was typed: a table, or a text a line. @param {string} typed */
export function rowsOf(typed) {
  const lines = typed.split(/\r?\n/).filter((line) => line.trim());
  if (lines.length > 0 && isHeader(lines[0])) return { table: typed };
  return { texts: lines };
}

/** The text of UTF-8, without its mark of byte order; null where it is something else. @param {BufferSource} bytes */
export function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
