/** The page opens while the service is away: a worker keeps its files. */

const WORKER = "/webui/js/page-worker.js";
const SCOPE = "/webui";

/** Browsers have no workers on pages that came over plain HTTP from another machine. @returns {Promise<void>} */
export async function keepPage() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    const ours = loaded.filter((address) => new URL(address).pathname.startsWith(`${SCOPE}/`));
    active?.postMessage({ addresses: [new URL(SCOPE, location.href).href, ...ours] });
  } catch (error) {
    console.warn("the page is not kept", error); // it needs the service then, as without a worker
  }
}
