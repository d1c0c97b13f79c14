// Which part of the floor is seen: pan, zoom, and the way there.

import { calm } from "./dom.js";

const MARGIN_PX = 14;
const SCALE_MAX = 64;
const FLIGHT_MS = 450;

export class View {
  #changed;
  #flight = 0;

  /** @param {() => void} changed called whenever something else is seen */
  constructor(changed) {
    this.#changed = changed;
    /** Floor's place at the map's upper left corner, and pixels (CSS) a cell. */
    this.x = this.y = 0;
    this.scale = 1;
    this.width = this.height = 1;
    this.floor = { width: 1, height: 1 };
    this.fitted = true;
  }

  /** The map's size in CSS pixels. */
  resize(width, height) {
    const centre = this.toFloor(this.width / 2, this.height / 2);
    [this.width, this.height] = [Math.max(1, width), Math.max(1, height)];
    if (this.fitted) this.fit();
    else this.#look(centre.x, centre.y, this.scale);
  }

  /** Scale at which all is seen. */
  get fitScale() {
    const across = (this.width - 2 * MARGIN_PX) / this.floor.width;
    return Math.max(0.05, Math.min(across, (this.height - 2 * MARGIN_PX) / this.floor.height, 24));
  }

  /** All of the floor. */
  fit() {
    cancelAnimationFrame(this.#flight);
    this.fitted = true;
    this.#look(this.floor.width / 2, this.floor.height / 2, this.fitScale);
  }

  toFloor(px, py) {
    return { x: this.x + px / this.scale, y: this.y + py / this.scale };
  }

  toMap(x, y) {
    return { x: (x - this.x) * this.scale, y: (y - this.y) * this.scale };
  }

  pan(dx, dy) {
    cancelAnimationFrame(this.#flight);
    this.fitted = false;
    this.#set(this.x - dx / this.scale, this.y - dy / this.scale, this.scale);
  }

  /** Zooms so that what is under a point stays there. */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    cancelAnimationFrame(this.#flight);
    this.fitted = false;
    const scale = Math.min(Math.max(this.scale * factor, this.fitScale * 0.7), SCALE_MAX);
    const under = this.toFloor(px, py);
    this.#set(under.x - px / scale, under.y - py / scale, scale);
  }

  /** Goes to a place, near enough to read it; at once for who wants no movement. */
  fly(x, y, scale = Math.max(this.scale, 7)) {
    cancelAnimationFrame(this.#flight);
    this.fitted = false;
    const from = { ...this.toFloor(this.width / 2, this.height / 2), scale: this.scale };
    if (calm()) return this.#look(x, y, scale);
    const begin = performance.now();
    const step = (now) => {
      const part = Math.min(Math.max((now - begin) / FLIGHT_MS, 0), 1);
      const eased = part * part * (3 - 2 * part);
      const mix = (a, b) => a + (b - a) * eased;
      this.#look(
        mix(from.x, x),
        mix(from.y, y),
        Math.exp(mix(Math.log(from.scale), Math.log(scale))),
      );
      if (part < 1) this.#flight = requestAnimationFrame(step);
    };
    this.#flight = requestAnimationFrame(step);
  }

  /** Moves just so far that a rack is seen. */
  reveal(x, y, w, h) {
    const a = this.toMap(x, y);
    const b = this.toMap(x + w, y + h);
    const dx = a.x < MARGIN_PX ? MARGIN_PX - a.x : Math.min(0, this.width - MARGIN_PX - b.x);
    const dy = a.y < MARGIN_PX ? MARGIN_PX - a.y : Math.min(0, this.height - MARGIN_PX - b.y);
    if (dx || dy) this.pan(dx, dy);
  }

  #look(x, y, scale) {
    this.#set(x - this.width / 2 / scale, y - this.height / 2 / scale, scale);
  }

  /** Keeps some of the floor in sight, wherever one drags it. */
  #set(x, y, scale) {
    const [w, h] = [this.width / scale, this.height / scale];
    const within = (value, size, room) =>
      Math.min(Math.max(value, -0.75 * room), size - 0.25 * room);
    [this.x, this.y, this.scale] = [
      within(x, this.floor.width, w),
      within(y, this.floor.height, h),
      scale,
    ];
    this.#changed();
  }
}
