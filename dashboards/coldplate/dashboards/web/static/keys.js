// Keys that work wherever nobody writes.

import { byId } from "./dom.js";

/** @param {Object<string, () => void>} actions by key; digits go to `digit` */
export function startKeys(actions, digit) {
  addEventListener("keydown", (event) => {
    if (
      event.ctrlKey ||
      event.altKey ||
      event.metaKey ||
      event.defaultPrevented ||
      byId("keys")?.open
    )
      return;
    const writes = /** @type {Element} */ (event.target).closest?.("input, select, textarea");
    if (writes && event.key !== "Escape") return;
    if (/^[1-9]$/.test(event.key)) digit(Number(event.key));
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  });
}
