/** Libraries that only some pages need: brought when they are first asked for, from the service itself. */

const VENDOR = new URL("../vendor/", import.meta.url);

/** @type {Map<string, Promise<any>>} */
const coming = new Map();

/** @template T @param {string} name @param {() => Promise<T>} bring @returns {Promise<T>} */
function once(name, bring) {
  const known = coming.get(name);
  if (known) return known;
  const found = bring();
  coming.set(name, found);
  found.catch(() => coming.delete(name)); // asked again, it may be there
  return found;
}

/** A script that is no module. @param {string} path @returns {Promise<void>} */
function classicScript(path) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(path, VENDOR).href;
    script.addEventListener("load", () => resolve());
    script.addEventListener("error", () => reject(new Error(`${path} is not there: papagaio models pull`)));
    document.head.append(script);
  });
}

/** Chart.js. @returns {Promise<any>} its class */
export const loadChart = () =>
  once("chart", async () => {
    await classicScript("chartjs/chart.umd.min.js");
    return /** @type {any} */ (globalThis).Chart;
  });

/** WaveSurfer. @returns {Promise<any>} its class */
export const loadWaveSurfer = () =>
  once("wavesurfer", async () => (await import(new URL("wavesurfer/wavesurfer.esm.js", VENDOR).href)).default);

/** The QR code generator. @returns {Promise<any>} its function `qrcode(type, level)` */
export const loadQrCode = () =>
  once("qrcode", async () => (await import(new URL("qrcode-generator/qrcode.mjs", VENDOR).href)).default);
