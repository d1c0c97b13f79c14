// What is looked at, in the address, so that it can be sent to a colleague.

import { parsed } from "./words.js";

/**
 * @typedef {Object} Wanted
 * @property {string} rack
 * @property {string} gpu
 * @property {string} channel
 * @property {number|null} atMs
 * @property {string[]} wrong what could not be understood
 */

/** @returns {Wanted} */
export function read(hash = location.hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const wrong = [];
  const at = given.get("at");
  const atMs = at === null ? null : parsed(at);
  if (at !== null && atMs === null) {
    wrong.push(
      `The address names the time "${at}", which is none; write it like 2026-11-27T14:30:00Z.`,
    );
  }
  return {
    rack: given.get("rack") ?? "",
    gpu: given.get("gpu") ?? "",
    channel: given.get("channel") ?? "",
    atMs,
    wrong,
  };
}

/** Writes it without a new step in the browser's history. */
export function write({ rack, gpu, channel, atMs }) {
  const told = new URLSearchParams();
  if (gpu) told.set("gpu", gpu);
  else if (rack) told.set("rack", rack);
  if (channel) told.set("channel", channel);
  if (atMs !== null) told.set("at", new Date(atMs).toISOString().slice(0, 19) + "Z");
  const hash = `#${told.toString().replaceAll("%2F", "/").replaceAll("%3A", ":")}`;
  if (hash !== location.hash) history.replaceState(null, "", hash);
}
