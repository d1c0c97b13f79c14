// Whether what is shown is how it is; if not, why, in words. A picture that lies is worse than none.

import { clock, span } from "./words.js";

/** Without a picture for so long, the one that stands there is called old. */
const SILENT_MS = 5000;

/**
 * @typedef {Object} Facts
 * @property {string} lost why the line is down; "" when it is up
 * @property {string} away why the history does not answer; "" when it does
 * @property {number|null} heardAt `performance.now()` of the last picture; null before the first
 * @property {number|null} atMs moment of the last picture
 * @property {number|null} tMs newest sample in it
 * @property {boolean} past
 * @property {boolean} paused
 * @property {number} staleS older data than this is stale
 * @property {number} now `performance.now()`
 */

/**
 * @param {Facts} facts
 * @returns {{good: boolean, title: string, words: string, ageMs: number|null}}
 */
export function judged(facts) {
  const { heardAt, atMs, tMs } = facts;
  const since = heardAt === null || facts.paused ? 0 : facts.now - heardAt;
  const drift = facts.past ? 0 : since;
  const ageMs = atMs === null || tMs === null ? null : Math.max(0, atMs - tMs + drift);
  const shown = atMs === null ? "" : ` Shown is ${clock(tMs ?? atMs)} UTC.`;
  const bad = (title, words) => ({ good: false, title, words, ageMs });
  if (facts.lost)
    return bad(
      heardAt === null ? "NOT CONNECTED" : "STALE",
      `${capital(facts.lost)}; trying again.${shown}`,
    );
  if (facts.away)
    return bad(
      heardAt === null ? "NO DATA" : "STALE",
      `The history does not answer: ${facts.away}.${shown}`,
    );
  if (heardAt === null) return bad("WAITING", "Waiting for the first picture.");
  if (since > SILENT_MS) return bad("STALE", `No picture for ${span(since)}.${shown}`);
  if (ageMs === null)
    return bad(
      "NO DATA",
      facts.past ? "Nothing is kept of this moment." : "No sample has come yet.",
    );
  if (ageMs > 1000 * facts.staleS) {
    return bad(
      "STALE",
      facts.past
        ? `The newest sample of this moment is ${span(ageMs)} older.`
        : `The newest sample is ${span(ageMs)} old.${shown}`,
    );
  }
  return { good: true, title: facts.past ? "PAST" : "LIVE", words: "", ageMs };
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
