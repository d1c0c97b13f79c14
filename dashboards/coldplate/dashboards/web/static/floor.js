// Where each GPU's cell is drawn: racks of 8 x 8 cells, in rows, in halls. One unit is one cell.

export const SIDE = 8;
const GAP = 2;
const AISLE = 3;
const AISLE_MAX = 7;
const GUTTER = 9;
const COLUMN_GAP = 5;
export const TITLE = 10;
const HALL_GAP = 8;
const LINE_RACKS_MAX = 60;
/** Width against height that a floor is laid out for: the same on every screen, so that a place stays a place. */
const ASPECT = 1.72;

/**
 * @typedef {Object} Rack
 * @property {string} id
 * @property {string} hall
 * @property {string} row
 * @property {number} index
 * @property {number} first its first cell
 * @property {number} cells
 * @property {string[]} names ids of its GPUs as the server tells them: rests, or "=" and the whole
 * @property {number} x
 * @property {number} y
 * @property {number} h in cells; its width is always 8
 */

export class Floor {
  /** @param {any} told as `/api/floor` tells it */
  constructor(told) {
    this.version = told.version;
    this.cells = told.cells;
    /** @type {Rack[]} */
    this.racks = told.racks.map((r, index) => ({
      id: r.id,
      hall: r.hall,
      row: r.row,
      index,
      first: r.first,
      cells: r.cells,
      names: told.names[r.names] ?? [],
      x: 0,
      y: 0,
      h: Math.max(1, Math.ceil(r.cells / SIDE)),
    }));
    this.byId = new Map(this.racks.map((rack) => [rack.id, rack]));
    /** @type {{text: string, x: number, y: number, h: number}[]} */
    this.rowLabels = [];
    /** @type {{text: string, racks: number, x: number, y: number, w: number}[]} */
    this.hallLabels = [];
    this.width = this.height = 1;
    this.#place();
    this.#index();
  }

  /** Id of the GPU of a cell. */
  gpuId(cell) {
    const rack = this.rackOfCell(cell);
    if (!rack) return "";
    const rest = rack.names[cell - rack.first] ?? "";
    return rest.startsWith("=") ? rest.slice(1) : rack.id + rest;
  }

  /** @returns {Rack|null} */
  rackOfCell(cell) {
    let low = 0;
    let high = this.racks.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const rack = this.racks[middle];
      if (cell < rack.first) high = middle - 1;
      else if (cell >= rack.first + rack.cells) low = middle + 1;
      else return rack;
    }
    return null;
  }

  /** Cell of a GPU; -1 where none is called so. */
  cellOf(gpuId) {
    for (let slash = gpuId.lastIndexOf("/"); slash > 0; slash = gpuId.lastIndexOf("/", slash - 1)) {
      const rack = this.byId.get(gpuId.slice(0, slash));
      const at = rack ? rack.names.indexOf(gpuId.slice(slash)) : -1;
      if (at >= 0) return rack.first + at;
    }
    for (const rack of this.racks) {
      const at = rack.names.indexOf(`=${gpuId}`);
      if (at >= 0) return rack.first + at;
    }
    return -1;
  }

  /** The rack at a place, and the cell there or -1; null in aisles. @returns {{rack: Rack, cell: number}|null} */
  at(x, y) {
    const column = Math.floor(x);
    const line = Math.floor(y);
    if (column < 0 || line < 0 || column >= this.width || line >= this.height) return null;
    const index = this.rackAt[line * this.width + column];
    if (index < 0) return null;
    const rack = this.racks[index];
    const offset = (line - rack.y) * SIDE + column - rack.x;
    return { rack, cell: offset < rack.cells ? rack.first + offset : -1 };
  }

  /** The next rack from one in a direction, as one would walk. @returns {Rack} */
  next(rack, dx, dy) {
    let best = rack;
    let least = Infinity;
    for (const other of this.racks) {
      const along = (other.x - rack.x) * dx + (other.y - rack.y) * dy;
      if (along <= 0) continue;
      const aside = Math.abs((other.x - rack.x) * dy) + Math.abs((other.y - rack.y) * dx);
      const far = along + 4 * aside;
      if (far < least) [best, least] = [other, far];
    }
    return best;
  }

  #place() {
    const halls = new Map();
    for (const rack of this.racks) {
      const rows = halls.get(rack.hall) ?? halls.set(rack.hall, new Map()).get(rack.hall);
      (rows.get(rack.row) ?? rows.set(rack.row, []).get(rack.row)).push(rack);
    }
    const lines = [...halls].map(([name, rows]) => ({ name, lines: linesOf(rows) }));
    let best = null;
    for (let across = 1; across <= Math.max(1, Math.min(lines.length, 12)); across++) {
      const wanted = (ASPECT * Math.ceil(lines.length / across)) / across;
      const made = arranged(
        lines.map((hall) => shaped(hall, wanted)),
        across,
      );
      const scale = Math.min(ASPECT / made.width, 1 / made.height);
      if (!best || scale > best.scale) best = { ...made, scale };
    }
    for (const { hall, x, y } of best.places) this.#settle(hall, x, y);
    this.width = Math.max(1, best.width);
    this.height = Math.max(1, best.height);
  }

  #settle(hall, x0, y0) {
    const racks = hall.lines.reduce((sum, line) => sum + line.racks.length, 0);
    this.hallLabels.push({ text: hall.name, racks, x: x0 + GUTTER, y: y0, w: hall.width - GUTTER });
    hall.lines.forEach((line, n) => {
      const x = x0 + Math.floor(n / hall.deep) * hall.columnWidth + GUTTER;
      const y = y0 + TITLE + (n % hall.deep) * hall.pitch;
      this.rowLabels.push({ text: line.row, x: x - 1, y, h: SIDE });
      line.racks.forEach((rack, place) => Object.assign(rack, { x: x + place * (SIDE + GAP), y }));
    });
  }

  #index() {
    this.rackAt = new Int32Array(this.width * this.height).fill(-1);
    this.pixelOf = new Uint32Array(this.cells);
    for (const rack of this.racks) {
      for (let line = 0; line < rack.h; line++) {
        const from = (rack.y + line) * this.width + rack.x;
        this.rackAt.fill(rack.index, from, from + SIDE);
      }
      for (let n = 0; n < rack.cells; n++) {
        this.pixelOf[rack.first + n] =
          (rack.y + Math.floor(n / SIDE)) * this.width + rack.x + (n % SIDE);
      }
    }
  }
}

function linesOf(rows) {
  const lines = [];
  for (const [row, racks] of rows) {
    for (let n = 0; n < racks.length; n += LINE_RACKS_MAX)
      lines.push({ row, racks: racks.slice(n, n + LINE_RACKS_MAX) });
  }
  return lines;
}

/** A hall's lines in as many columns as bring it nearest to an aspect. */
function shaped({ name, lines }, wanted) {
  const longest = Math.max(...lines.map((line) => line.racks.length));
  const tallest = Math.max(...lines.flatMap((line) => line.racks.map((rack) => rack.h)));
  const columnWidth = GUTTER + longest * (SIDE + GAP) - GAP + COLUMN_GAP;
  let best = null;
  for (let columns = 1; columns <= lines.length; columns++) {
    const deep = Math.ceil(lines.length / columns);
    const width = Math.ceil(lines.length / deep) * columnWidth - COLUMN_GAP;
    // Room that would be left over goes into the aisles.
    const spare = Math.floor((width / wanted - TITLE) / deep) - tallest;
    const aisle = Math.min(Math.max(spare, AISLE), AISLE_MAX);
    const height = TITLE + deep * (tallest + aisle) - aisle;
    const off = Math.abs(Math.log(width / height / wanted));
    if (!best || off < best.off) best = { off, deep, width, height, pitch: tallest + aisle };
  }
  return { name, lines, columnWidth, ...best };
}

/** Halls side by side, so many across. */
function arranged(halls, across) {
  const places = [];
  let y = 0;
  let width = 1;
  for (let n = 0; n < halls.length; n += across) {
    let x = 0;
    const shelf = halls.slice(n, n + across);
    for (const hall of shelf) {
      places.push({ hall, x, y });
      x += hall.width + HALL_GAP;
    }
    width = Math.max(width, x - HALL_GAP);
    y += Math.max(...shelf.map((hall) => hall.height)) + HALL_GAP;
  }
  return { places, width, height: Math.max(1, y - HALL_GAP) };
}
