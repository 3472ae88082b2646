/**
 * The page while the service is away: its files are kept, the document and its texts are asked for and kept as well.
 * Nothing else of the service goes through here: neither its data nor sound.
 */

const worker = /** @type {any} */ (self);
const PREFIX = "papagaio-page-";
const DOCUMENT = `${PREFIX}document`;
const VERSION = /\/webui\/v\/(\w+)\//;

/** The cache of a file's version; null of what has none. @param {string} address */
const cacheOf = (address) => {
  const found = VERSION.exec(new URL(address).pathname);
  return found ? `${PREFIX}${found[1]}` : null;
};

/** Only what never changes is kept under its version. @param {Response} answer */
const isKeepable = (answer) => answer.ok && (answer.headers.get("Cache-Control") ?? "").includes("immutable");

/** @param {Request} request @param {string} name */
async function kept(request, name) {
  const cache = await caches.open(name);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  if (isKeepable(answer)) await cache.put(request, answer.clone());
  return answer;
}

/** @param {Request} request */
async function fresh(request) {
  const cache = await caches.open(DOCUMENT);
  try {
    const answer = await fetch(request);
    if (answer.ok) {
      await cache.put(request, answer.clone());
      if (new URL(request.url).pathname === "/webui") await forgetOthers(await answer.clone().text());
    }
    return answer;
  } catch (error) {
    const known = await cache.match(request);
    if (known) return known;
    throw error;
  }
}

/** Files of the versions before the one that `document` names. @param {string} document */
async function forgetOthers(document) {
  const current = VERSION.exec(document);
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX));
  const old = names.filter((name) => name !== DOCUMENT && name !== `${PREFIX}${current?.[1]}`);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** What the page had loaded before this worker heard of it. @param {readonly string[]} addresses */
async function keepAll(addresses) {
  await Promise.allSettled(
    addresses.map((address) => {
      const request = new Request(address);
      const name = cacheOf(address);
      return name ? kept(request, name) : fresh(request);
    }),
  );
}

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("message", (/** @type {any} */ event) => event.waitUntil(keepAll(event.data.addresses)));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== worker.location.origin) return;
  const name = cacheOf(request.url);
  if (name) event.respondWith(kept(request, name));
  else if (pathname === "/webui" || pathname.startsWith("/webui/texts/")) event.respondWith(fresh(request));
});
