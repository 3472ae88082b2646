/** For Node: the page's libraries lie in the model store, and lit-html wants a document when it is imported. */

import { register } from "node:module";

globalThis.document ??= /** @type {any} */ ({ createTreeWalker: () => ({}), createComment: () => ({}) });
register("./resolve.mjs", import.meta.url);
