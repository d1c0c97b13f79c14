// Finds racks and GPUs by a part of their id.

import { byId, el } from "./dom.js";

const FOUND_MAX = 12;

/**
 * Ids that hold a text: racks first, those that begin with it before others.
 * @param {import("./floor.js").Floor} floor
 * @returns {{id: string, rack: import("./floor.js").Rack, cell: number}[]}
 */
export function found(floor, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const racks = floor.racks.filter((rack) => rack.id.toLowerCase().includes(wanted));
  const rank = (rack) =>
    rack.id.toLowerCase() === wanted ? 0 : rack.id.toLowerCase().startsWith(wanted) ? 1 : 2;
  racks.sort((a, b) => rank(a) - rank(b) || a.index - b.index);
  const out = racks.slice(0, FOUND_MAX).map((rack) => ({ id: rack.id, rack, cell: -1 }));
  for (let cell = 0; cell < floor.cells && out.length < FOUND_MAX; cell++) {
    const id = floor.gpuId(cell);
    if (id.toLowerCase().includes(wanted)) out.push({ id, rack: floor.rackOfCell(cell), cell });
  }
  return out;
}

/** Ids near one that is not there, for a message. */
export function near(floor, id) {
  for (let length = id.length; length > 1; length--) {
    const hits = floor.racks.filter((rack) => rack.id.startsWith(id.slice(0, length)));
    if (hits.length) return hits.slice(0, 3).map((rack) => rack.id);
  }
  return floor.racks.slice(0, 3).map((rack) => rack.id);
}

/**
 * @param {() => import("./floor.js").Floor} floor
 * @param {(hit: {id: string, rack: import("./floor.js").Rack, cell: number}) => void} chosen
 * @param {(words: string) => void} told
 */
export function startSearch(floor, chosen, told) {
  const box = byId("search-text");
  const list = byId("search-found");
  let hits = [];
  let at = 0;
  const show = () => {
    list.hidden = hits.length === 0;
    box.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(
      ...hits.map((hit, n) =>
        el(
          "li",
          {
            id: `found-${n}`,
            role: "option",
            "aria-selected": String(n === at),
            // Before the box loses the focus, which closes the list.
            onpointerdown: (event) => {
              event.preventDefault();
              take(hit);
            },
          },
          hit.id,
        ),
      ),
    );
    if (hits.length) box.setAttribute("aria-activedescendant", `found-${at}`);
    else box.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    hits = [];
    at = 0;
    show();
  };
  const take = (hit) => {
    box.value = "";
    close();
    box.blur();
    chosen(hit);
  };
  box.addEventListener("input", () => {
    hits = found(floor(), box.value);
    at = 0;
    show();
  });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      box.value = "";
      close();
      box.blur();
      byId("map").focus();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = hits.length
        ? (at + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % hits.length
        : 0;
      event.preventDefault();
      show();
    } else return;
    event.stopPropagation();
  });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const hit = found(floor(), box.value)[at];
    if (hit) take(hit);
    else if (box.value.trim())
      told(
        `No rack or GPU has "${box.value.trim()}" in its id; there are ${near(floor(), box.value.trim()).join(", ")}, ...`,
      );
  });
}
