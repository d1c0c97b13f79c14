// Mouse, fingers and keys on the map.

import { SIDE } from "./floor.js";

const CLICK_PX = 5;
const WHEEL_PER_PX = 0.0016;
const PAN_PX = 80;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {Object} Steered
 * @property {() => import("./floor.js").Floor} floor
 * @property {() => number} cursor
 * @property {(index: number) => void} moved the cursor goes to a rack
 * @property {(rack: import("./floor.js").Rack, cell: number) => void} opened
 * @property {(hit: {rack: import("./floor.js").Rack, cell: number}|null, x: number, y: number) => void} hovered
 */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./view.js").View} view
 * @param {Steered} steered
 */
export function steer(canvas, view, steered) {
  const fingers = new Map();
  let travelled = 0;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hit = ({ x, y }) => {
    const on = view.toFloor(x, y);
    return steered.floor().at(on.x, on.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, place(event));
    if (fingers.size === 1) travelled = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = fingers.get(event.pointerId);
    if (!before) return steered.hovered(hit(now), now.x, now.y);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const factor = distance(now, other) / Math.max(1, distance(before, other));
      view.zoom(factor, (now.x + other.x) / 2, (now.y + other.y) / 2);
      travelled += CLICK_PX;
    } else {
      travelled += distance(now, before);
      if (travelled > CLICK_PX) view.pan(now.x - before.x, now.y - before.y);
    }
    fingers.set(event.pointerId, now);
    if (travelled > CLICK_PX) steered.hovered(null, 0, 0);
  });
  const lift = (event) => {
    const was = fingers.delete(event.pointerId);
    if (!was || event.type !== "pointerup" || travelled > CLICK_PX) return;
    const found = hit(place(event));
    if (found) steered.opened(found.rack, found.cell);
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("pointerleave", () => steered.hovered(null, 0, 0));
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      const px = event.deltaMode === 1 ? event.deltaY * 18 : event.deltaY;
      view.zoom(Math.exp(-px * WHEEL_PER_PX * (event.ctrlKey ? 4 : 1)), x, y);
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => onKey(event, view, steered));
}

function onKey(event, view, steered) {
  const arrow = ARROWS[event.key];
  const floor = steered.floor();
  if (event.ctrlKey || event.altKey || event.metaKey || !floor.racks.length) return;
  if (arrow && event.shiftKey) view.pan(-arrow[0] * PAN_PX, -arrow[1] * PAN_PX);
  else if (arrow) {
    const at = floor.racks[steered.cursor()];
    const next = at ? floor.next(at, ...arrow) : floor.racks[0];
    view.reveal(next.x, next.y, SIDE, next.h);
    steered.moved(next.index);
  } else if (event.key === "Enter" || event.key === " ") {
    const at = floor.racks[steered.cursor()];
    if (at) steered.opened(at, -1);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function distance(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
