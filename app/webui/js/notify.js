/** The browser's own notifications, for while nobody looks at the page: off until the reader turns them on by a click. */

import { remember, remembered } from "./remembered.js";

const NAME = "notify";

/** @returns {"on" | "off" | "blocked" | "impossible"} whether they come; impossible: the browser has none, or not at this address */
export function notifying() {
  if (!("Notification" in window) || !window.isSecureContext) return "impossible";
  if (Notification.permission === "denied") return "blocked";
  return remembered(NAME) === "1" && Notification.permission === "granted" ? "on" : "off";
}

/** In a click: the browser asks the reader. @param {boolean} isOn */
export async function turnNotifying(isOn) {
  if (isOn && notifying() === "off") await Notification.requestPermission();
  remember(NAME, isOn && Notification.permission === "granted" ? "1" : "");
}

/**
 * @param {{ text: string, tag: string, language: string, click: () => void }} what one with the same `tag` is replaced
 * @returns {boolean} whether it was shown
 */
export function notify({ text, tag, language, click }) {
  if (notifying() !== "on") return false;
  try {
    const shown = new Notification("Papagaio", { body: text, tag: `papagaio.${tag}`, lang: language });
    shown.onclick = () => {
      window.focus();
      click();
      shown.close();
    };
    return true;
  } catch {
    return false; // Android's browsers have them for service workers alone
  }
}
