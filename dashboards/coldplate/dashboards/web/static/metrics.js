// Names of metrics in words: the unit stands last in each name.

import { known, quantity } from "./words.js";

/** Ending, unit, factor, digits; longer endings first. @type {[string, string, number, number][]} */
const UNITS = [
  ["_k_per_w", "K/W", 1, 4],
  ["_k_delta", "K", 1, 1],
  ["_kpa_delta", "kPa", 1, 0],
  ["_ratio", "%", 100, 0],
  ["_bytes_total", "GB", 1e-9, 1],
  ["_bytes", "GB", 1e-9, 1],
  ["_mhz", "MHz", 1, 0],
  ["_lpm", "l/min", 1, 1],
  ["_kpa", "kPa", 1, 0],
  ["_rpm", "rpm", 1, 0],
  ["_hz", "Hz", 1, 2],
  ["_l_total", "l", 1, 1],
  ["_total", "", 1, 0],
  ["_ms", "ms", 1, 0],
  ["_mj", "MJ", 1, 1],
  ["_j", "MJ", 1e-6, 1],
  ["_w", "W", 1, 0],
  ["_c", "\u00b0C", 1, 1],
  ["_s", "s", 1, 1],
];
const WORDS = {
  gpu: "GPU",
  hbm: "HBM",
  sm: "SM",
  ecc: "ECC",
  pcie: "PCIe",
  nvlink: "NVLink",
  mem: "memory",
  util: "use",
  std: "deviation",
};
/** A margin is a difference: kelvins. */
const DIFFERENCES = new Set(["margin_c", "hbm_margin_c"]);

/** @returns {{label: string, text: string}} */
export function inWords(name, value) {
  const [ending, unit, factor, digits] = UNITS.find(([end]) => name.endsWith(end)) ?? [
    "",
    "",
    1,
    3,
  ];
  const words = name
    .slice(0, name.length - ending.length || undefined)
    .split("_")
    .map((word) => WORDS[word] ?? word)
    .join(" ");
  const label = words.charAt(0).toUpperCase() + words.slice(1);
  if (name === "clock_event_reasons")
    return { label, text: known(value) ? `0x${value.toString(16)}` : "-" };
  const fine = known(value) && Number.isInteger(value) && digits > 1 && unit === "" ? 0 : digits;
  return {
    label,
    text: quantity(known(value) ? value * factor : null, DIFFERENCES.has(name) ? "K" : unit, fine),
  };
}
