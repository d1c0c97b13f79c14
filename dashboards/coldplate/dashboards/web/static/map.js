// Draws the floor: cells as one scaled picture, and only as much around them as can be read at this zoom.

import { SIDE, TITLE } from "./floor.js";
import { colourOf, inkOn } from "./palette.js";
import { drawMarks } from "./marks.js";
import { theme } from "./theme.js";

const FRAME_FROM_PX = 5;
const LABEL_FROM_PX = 5.5;
const ROW_LABEL_PX = 11;
const VALUES_FROM_PX = 22;

const INKS = [
  "map",
  "frame",
  "label",
  "label-strong",
  "focus",
  "critical",
  "warning",
  "ticket",
  "info",
  "silent",
];

/**
 * @typedef {Object} Scene
 * @property {import("./floor.js").Floor} floor
 * @property {import("./cells.js").Cells} cells
 * @property {import("./view.js").View} view
 * @property {Map<number, {severity: string, count: number}>} marks by rack's number: the worst that is open there
 * @property {Set<number>} silent numbers of racks
 * @property {number} cursor number of a rack, -1 for none
 * @property {boolean} focused whether the map has the keyboard
 * @property {number} opened number of the rack whose panel is open, -1 for none
 * @property {number} gpu cell of the GPU whose panel is open, -1 for none
 * @property {boolean} grey whether what is shown is not how it is
 */

export class FloorMap {
  #canvas;
  #pen;
  /** @type {Object<string, string>} */
  #ink = {};
  #unit = 1;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#pen = canvas.getContext("2d", { alpha: false });
    this.restyle();
  }

  /** Takes its colours from the style sheet, again after a change of theme. */
  restyle() {
    // A canvas understands no variables: an element that has the colour tells it in plain numbers.
    const probe = document.body.appendChild(document.createElement("span"));
    for (const name of INKS) {
      probe.style.color = `var(--${name})`;
      this.#ink[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    this.font = getComputedStyle(document.body).fontFamily;
    // A wall's letters are larger than a laptop's.
    this.#unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 13;
  }

  /** @param {Scene} scene */
  draw(scene) {
    const { view, floor, cells } = scene;
    const ratio = devicePixelRatio || 1;
    const width = Math.round(view.width * ratio);
    const height = Math.round(view.height * ratio);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      [this.#canvas.width, this.#canvas.height] = [width, height];
    }
    const pen = this.#pen;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = this.#ink.map;
    pen.fillRect(0, 0, view.width, view.height);
    const from = view.toMap(0, 0);
    pen.imageSmoothingEnabled = false;
    // On whole pixels: half ones would blur a rack's edge.
    const snap = (value) => Math.round(value * ratio) / ratio;
    pen.drawImage(
      cells.sheet,
      snap(from.x),
      snap(from.y),
      snap(floor.width * view.scale),
      snap(floor.height * view.scale),
    );
    const seen = floor.racks.filter((rack) => inside(rack, view));
    if (view.scale >= VALUES_FROM_PX) for (const rack of seen) this.#values(rack, scene);
    if (view.scale >= FRAME_FROM_PX) this.#frames(seen, view);
    this.#labels(seen, scene);
    drawMarks(pen, seen, scene, this.#ink, this.font, this.#unit);
  }

  #frames(racks, view) {
    const pen = this.#pen;
    pen.strokeStyle = this.#ink.frame;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const rack of racks) {
      const { x, y } = view.toMap(rack.x, rack.y);
      pen.rect(
        Math.round(x) - 1.5,
        Math.round(y) - 1.5,
        SIDE * view.scale + 3,
        rack.h * view.scale + 3,
      );
    }
    pen.stroke();
  }

  #labels(racks, { floor, view }) {
    const pen = this.#pen;
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    pen.fillStyle = this.#ink["label-strong"];
    for (const hall of floor.hallLabels) {
      const { x, y } = view.toMap(hall.x, hall.y);
      if (y > view.height + 40 || y < -60 || x > view.width) continue;
      const size = Math.min(Math.max(4 * view.scale, 12), 18) * this.#unit;
      pen.font = `600 ${size}px ${this.font}`;
      pen.fillText(hall.text, x, y + (TITLE - 4) * view.scale, Math.max(20, hall.w * view.scale));
    }
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.fillStyle = this.#ink.label;
    pen.font = `${ROW_LABEL_PX * this.#unit}px ${this.font}`;
    const pitchPx = (SIDE + 3) * view.scale;
    const every = Math.max(1, Math.ceil((ROW_LABEL_PX * this.#unit) / pitchPx));
    floor.rowLabels.forEach((row, n) => {
      const { x, y } = view.toMap(row.x, row.y + row.h / 2);
      if (n % every || y < 0 || y > view.height || x < 0 || x > view.width + 40) return;
      const room = 8 * view.scale;
      pen.fillText(
        pen.measureText(row.text).width <= room ? row.text : numberOf(row.text),
        x,
        y,
        room,
      );
    });
    if (view.scale < LABEL_FROM_PX) return;
    const size = Math.min(Math.max(1.9 * view.scale, 9), 13) * this.#unit;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.font = `${size}px ${this.font}`;
    for (const rack of racks) {
      const { x, y } = view.toMap(rack.x, rack.y);
      pen.fillText(
        rack.id,
        Math.round(x) - 1,
        Math.round(y) - 6 * this.#unit,
        (SIDE + 1) * view.scale,
      );
    }
  }

  /** Numbers in cells that have room for them. */
  #values(rack, { cells, view, grey }) {
    const { channel } = cells;
    if (!channel || channel.name === "incident") return;
    const pen = this.#pen;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `${Math.min(view.scale * 0.4, 16)}px ${this.font}`;
    for (let n = 0; n < rack.cells; n++) {
      const value = cells.value(rack.first + n);
      if (value === null) continue;
      const { x, y } = view.toMap(rack.x + (n % SIDE) + 0.5, rack.y + Math.floor(n / SIDE) + 0.5);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      pen.fillStyle = inkOn(colourOf(channel, value, grey ? theme() : ""));
      pen.fillText(String(Math.round(value)), x, y, view.scale - 2);
    }
  }
}

function inside(rack, view) {
  const { x, y } = view.toMap(rack.x, rack.y);
  return (
    x < view.width && y < view.height && x + SIDE * view.scale > 0 && y + rack.h * view.scale > 0
  );
}

/** The end of "row-17" that tells it from its neighbours. */
function numberOf(text) {
  return /\d+$/.exec(text)?.[0] ?? text;
}
