// Racks as tiles, row by row: a letter and a colour that rises in lightness along the way.

import { byId, el, say } from "./dom.js";
import { hex, inkOn, viridis } from "./palette.js";
import { moment, parsed, quantity } from "./words.js";

/** Letters of states, as in the terminal, so that none is told by colour alone. */
export const LETTERS = {
  planned: ".",
  delivered: "d",
  cabled: "c",
  filled: "f",
  flushed: "l",
  tight: "t",
  powered: "h",
  "burning-in": "B",
  accepted: "A",
  held: "X",
  "in-training": "#",
};
const WAY = Object.keys(LETTERS).slice(0, 9);

const shown = new Map();
let floor = "";

/** @param {any} board as /api/board tells it */
export function showTiles(board) {
  states(board.by_state);
  const words = board.tiles.map((t) => `${t.hall} ${t.row} ${t.rack}`).join();
  if (words !== floor) build(board.tiles);
  floor = words;
  for (const tile of board.tiles) paint(shown.get(tile.rack), tile);
  const rows = new Map();
  for (const tile of board.tiles) {
    const of = rows.get(keyOf(tile)) ?? new Map();
    rows.set(keyOf(tile), of.set(tile.state, (of.get(tile.state) ?? 0) + 1));
  }
  for (const row of byId("tiles").children) label(row, rows.get(row.dataset.key) ?? new Map());
}

function nameOf(tile) {
  return tile.row || tile.hall || "racks";
}

function keyOf(tile) {
  return `${tile.hall} ${nameOf(tile)}`;
}

function states(by) {
  const list = byId("states");
  if (!list.children.length)
    list.replaceChildren(
      ...Object.keys(LETTERS).map((state) =>
        el(
          "li",
          { "data-state": state },
          el("span", { class: `tile ${state}`, "aria-hidden": "true" }, LETTERS[state]),
          el("span", {}),
        ),
      ),
    );
  for (const item of list.children) {
    const { state } = item.dataset;
    colour(item.firstElementChild, state);
    say(item.lastElementChild, `${state} ${quantity(by[state])}`);
  }
}

function build(tiles) {
  shown.clear();
  const rows = new Map();
  for (const tile of tiles) {
    const key = keyOf(tile);
    if (!rows.has(key)) rows.set(key, { name: nameOf(tile), racks: [] });
    const node = el("span", { class: "tile", "data-rack": tile.rack });
    shown.set(tile.rack, node);
    rows.get(key).racks.push(node);
  }
  byId("tiles").replaceChildren(
    ...[...rows].map(([key, { name, racks }]) =>
      el(
        "div",
        { class: "floor-row", "data-key": key },
        el("span", { class: "name", "aria-hidden": "true" }, name),
        el("div", { class: "racks", role: "img" }, ...racks),
      ),
    ),
  );
  byId("tiles").onpointerover = (event) => {
    const { rack } = event.target.dataset;
    if (rack) say(byId("tile-words"), shown.get(rack).title);
  };
}

function paint(node, tile) {
  const words = `${tile.rack}: ${tile.state}${tile.cause ? ` (${tile.cause})` : ""}${tile.since ? ` since ${moment(parsed(tile.since)).slice(0, 16)} UTC` : ""}`;
  const key = `${words} ${document.documentElement.dataset.theme}`;
  if (node.dataset.key === key) return;
  node.dataset.key = key;
  node.title = words;
  node.className = `tile ${tile.state}`;
  say(node, LETTERS[tile.state] ?? "?");
  colour(node, tile.state);
}

/** Planned and held have colours of the theme; the way between rises in lightness. */
function colour(node, state) {
  const at = state === "in-training" ? WAY.length - 1 : WAY.indexOf(state);
  const rgb = at > 0 ? viridis(at / (WAY.length - 1)) : null;
  node.style.background = rgb ? hex(rgb) : "";
  node.style.color = rgb ? inkOn(rgb) : "";
}

/** What a row says to who does not see it. */
function label(row, counts) {
  const words = [...counts].map(([state, n]) => `${n} ${state}`).join(", ");
  const racks = row.lastElementChild;
  const said = `${row.firstElementChild.textContent}: ${words}`;
  if (racks.getAttribute("aria-label") !== said) racks.setAttribute("aria-label", said);
}
