// What is drawn around racks: incidents and silence with outline and sign, the cursor, the opened ones.

import { SIDE } from "./floor.js";
import { SIGNS } from "./words.js";

/** Below, only what wakes somebody gets a badge; the others keep their outline. */
const SMALL_PX = 16;
const BADGE_PX = 14;
const ORDER = ["silent", "info", "ticket", "warning", "critical"];

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./floor.js").Rack[]} racks those in sight
 * @param {import("./map.js").Scene} scene
 * @param {Object<string, string>} ink
 * @param {string} font
 * @param {number} unit size of letters on this screen; 1 on a laptop
 */
export function drawMarks(pen, racks, scene, ink, font, unit) {
  const { view } = scene;
  /** @type {[number, import("./floor.js").Rack, string][]} */
  const marked = [];
  for (const rack of racks) {
    const sign =
      scene.marks.get(rack.index)?.severity ?? (scene.silent.has(rack.index) ? "silent" : "");
    if (sign) marked.push([ORDER.indexOf(sign), rack, sign]);
  }
  // The worst last, so that nothing lies on it.
  marked.sort((a, b) => a[0] - b[0]);
  for (const [, rack, severity] of marked)
    outline(pen, box(rack, view), ink[severity], ink.map, severity);
  const at = (index) => scene.floor.racks[index];
  if (at(scene.opened)) ring(pen, box(at(scene.opened), view), ink["label-strong"], ink.map, 4);
  if (scene.focused && at(scene.cursor))
    ring(pen, box(at(scene.cursor), view), ink.focus, ink.map, 7);
  if (scene.gpu >= 0) gpuRing(pen, scene, ink);
  // Signs lie on everything.
  for (const [, rack, severity] of marked) {
    const pages = severity === "critical" || severity === "warning";
    if (pages || SIDE * view.scale >= SMALL_PX)
      badge(pen, box(rack, view), SIGNS[severity], ink[severity], ink.map, font, unit);
  }
}

function box(rack, view) {
  const { x, y } = view.toMap(rack.x, rack.y);
  return {
    x: Math.round(x),
    y: Math.round(y),
    w: Math.round(SIDE * view.scale),
    h: Math.round(rack.h * view.scale),
  };
}

function outline(pen, { x, y, w, h }, colour, under, severity) {
  pen.setLineDash(severity === "silent" ? [3, 3] : []);
  const width = severity === "critical" ? 3 : severity === "warning" ? 2 : 1.5;
  const away = 1 + width / 2;
  pen.strokeStyle = under;
  pen.lineWidth = width + 2;
  pen.strokeRect(x - away, y - away, w + 2 * away, h + 2 * away);
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.strokeRect(x - away, y - away, w + 2 * away, h + 2 * away);
  pen.setLineDash([]);
}

function badge(pen, { x, y, w }, sign, colour, under, font, unit) {
  const [cx, cy] = [x + w, y];
  const radius = (BADGE_PX / 2) * unit;
  pen.beginPath();
  pen.arc(cx, cy, radius + 1.5, 0, 2 * Math.PI);
  pen.fillStyle = under;
  pen.fill();
  pen.beginPath();
  pen.arc(cx, cy, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
  pen.fillStyle = under;
  pen.font = `800 ${12 * unit}px ${font}`;
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  // An asterisk and an apostrophe stand high in their line.
  pen.fillText(
    sign,
    cx,
    cy + unit * (sign === "*" ? 7 : sign === "'" ? 7.5 : sign === "." ? 2 : 4.5),
  );
}

function ring(pen, { x, y, w, h }, colour, under, away) {
  pen.beginPath();
  pen.roundRect(x - away, y - away, w + 2 * away, h + 2 * away, 4);
  pen.strokeStyle = under;
  pen.lineWidth = 5;
  pen.stroke();
  pen.strokeStyle = colour;
  pen.lineWidth = 2.5;
  pen.stroke();
}

function gpuRing(pen, { floor, view, gpu }, ink) {
  const rack = floor.rackOfCell(gpu);
  if (!rack) return;
  const n = gpu - rack.first;
  const { x, y } = view.toMap(rack.x + (n % SIDE), rack.y + Math.floor(n / SIDE));
  pen.strokeStyle = ink["label-strong"];
  pen.lineWidth = 2;
  pen.strokeRect(x - 1, y - 1, view.scale + 2, view.scale + 2);
}
