// Numbers and times as people read them. What is absent is "-", never 0.

export const ABSENT = "-";

/** Signs of severities, so that none is told by colour alone. */
export const SIGNS = { critical: "!", warning: "*", ticket: "+", info: "'", silent: "." };

/** Worst first. */
export const SEVERITIES = ["critical", "warning", "ticket", "info"];

/**
 * A number with its unit.
 * @param {number|null|undefined} value
 * @param {string} [unit]
 * @param {number} [digits] after the point
 */
export function quantity(value, unit = "", digits = 0) {
  if (!known(value)) return ABSENT;
  const text = value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const plain = /^-0(\.0+)?$/.test(text) ? text.slice(1) : text;
  return unit ? `${plain}\u202f${unit}` : plain;
}

/** Whether there is a number. */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

/** Watts in the unit that leaves few digits. */
export function watts(value) {
  if (!known(value)) return ABSENT;
  if (Math.abs(value) >= 1e6) return quantity(value / 1e6, "MW", 2);
  return Math.abs(value) >= 1e4 ? quantity(value / 1e3, "kW", 1) : quantity(value, "W");
}

/** How long something lasts or has lasted. */
export function span(ms) {
  if (!known(ms)) return ABSENT;
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return `${s}\u202fs`;
  if (s < 7200) return `${Math.floor(s / 60)}\u202fmin`;
  if (s < 172800) return `${Math.floor(s / 3600)}\u202fh ${Math.floor((s % 3600) / 60)}\u202fmin`;
  return `${Math.floor(s / 86400)}\u202fd`;
}

/** "14:03:11" in UTC, as every other part of the product tells it. */
export function clock(ms) {
  return known(ms) ? new Date(ms).toISOString().slice(11, 19) : ABSENT;
}

/** "2026-11-27 14:03:11" in UTC. */
export function moment(ms) {
  return known(ms) ? new Date(ms).toISOString().slice(0, 19).replace("T", " ") : ABSENT;
}

/** Unix milliseconds of a time as text or number; null where it is none. Without a zone it is UTC. */
export function parsed(text) {
  if (typeof text === "number") return Number.isFinite(text) ? text : null;
  if (typeof text !== "string" || text.trim() === "") return null;
  if (/^-?\d+$/.test(text.trim())) return Number(text);
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(text.trim()) ? text.trim() : `${text.trim()}Z`;
  const ms = Date.parse(zoned.replace(" ", "T"));
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? ms : null;
}

const AGO_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As `parsed`, and what a person types: "14:30" on the day of now, "-2h" before it. */
export function typed(text, nowMs) {
  const ago = /^-\s*(\d+(?:\.\d+)?)\s*([smhd])$/i.exec(text.trim());
  if (ago) return nowMs - Number(ago[1]) * AGO_MS[ago[2].toLowerCase()];
  if (/^\d{1,2}:\d\d(:\d\d)?$/.test(text.trim()))
    return parsed(`${moment(nowMs).slice(0, 10)} ${text.trim().padStart(5, "0")}`);
  return parsed(text);
}

/** "1 rack", "2 racks". */
export function count(number, one, many = `${one}s`) {
  return `${quantity(number)} ${number === 1 ? one : many}`;
}

/** Middle of numbers; null without any. */
export function median(values) {
  const sorted = values.filter(known).sort((a, b) => a - b);
  if (!sorted.length) return null;
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
