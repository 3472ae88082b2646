/** Node's way to what the service serves as `vendor/`: PAPAGAIO_MODELS_DIR. */

import { pathToFileURL } from "node:url";

const VENDOR = /\/vendor\/(.+)$/;

export async function resolve(specifier, context, next) {
  const found = specifier.startsWith("../vendor/") && VENDOR.exec(specifier);
  if (!found) return next(specifier, context);
  return { url: pathToFileURL(`${process.env.PAPAGAIO_MODELS_DIR}/${found[1]}`).href, format: "module", shortCircuit: true };
}

export async function load(url, context, next) {
  return next(url, url.includes("/lit-html/") ? { ...context, format: "module" } : context);
}
