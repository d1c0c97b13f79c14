// All cells as one small picture, a pixel a cell: the whole floor costs one pass over its bytes, however it is zoomed.

import { tables, valueOf } from "./palette.js";

export class Cells {
  #floor;
  #pixels;
  #image;
  #sheet;
  #pen;

  /** @param {import("./floor.js").Floor} floor */
  constructor(floor) {
    this.#floor = floor;
    this.bytes = new Uint8Array(floor.cells);
    /** Of what is painted; null before anything came. @type {import("./palette.js").Channel|null} */
    this.channel = null;
    this.#sheet = new OffscreenCanvas(floor.width, floor.height);
    this.#pen = this.#sheet.getContext("2d");
    this.#image = this.#pen.createImageData(floor.width, floor.height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
  }

  /** What to draw, scaled. */
  get sheet() {
    return this.#sheet;
  }

  /** Paints bytes of a channel; without one, all are absent. */
  paint(channel, bytes, grey, theme) {
    this.channel = channel;
    this.bytes = bytes;
    const [even, odd] = tables(
      channel ?? { name: "", scale: [0, 1], lowest: 0, step: 1 },
      grey,
      theme,
    );
    const { pixelOf, width } = this.#floor;
    const pixels = this.#pixels;
    for (let cell = 0; cell < bytes.length; cell++) {
      const pixel = pixelOf[cell];
      const line = (pixel / width) | 0;
      pixels[pixel] = ((pixel - line * width + line) & 1 ? odd : even)[bytes[cell]];
    }
    this.#pen.putImageData(this.#image, 0, 0);
  }

  /** Value of a cell in the channel's unit; null where absent. */
  value(cell) {
    return this.channel && cell >= 0 ? valueOf(this.channel, this.bytes[cell]) : null;
  }

  /** "#rrggbb" of a cell as it is painted. */
  colour(cell) {
    const at = 4 * this.#floor.pixelOf[cell];
    return `#${[...this.#image.data.subarray(at, at + 3)].map((c) => c.toString(16).padStart(2, "0")).join("")}`;
  }
}
