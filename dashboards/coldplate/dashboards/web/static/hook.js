// `window.coldplate`: what is shown, as it is shown, for tests and measurements.

import { byId } from "./dom.js";
import { SIDE } from "./floor.js";
import { theme } from "./theme.js";

/** @param {import("./shown.js").Shown} shown @param {import("./connection.js").Connection} line */
export function hook(shown, line) {
  const rackOf = (id) => shown.floor.byId.get(id);
  return {
    frames: shown.frames,
    state: () => {
      const { title, words, good } = shown.verdict;
      const marks = [...shown.marks].map(([index, mark]) => [
        shown.floor.racks[index].id,
        mark.severity,
      ]);
      return {
        title,
        words,
        good,
        connected: line.open,
        floor: shown.floor.version,
        racks: shown.floor.racks.length,
        cells: shown.floor.cells,
        channel: shown.channelName,
        painted: shown.painted,
        past: shown.want !== null,
        paused: shown.want?.paused ?? false,
        atMs: shown.atMs,
        tMs: shown.tMs,
        rack: shown.panel.rackId,
        gpu: shown.panel.gpuId,
        cursor: shown.floor.racks[shown.cursor]?.id ?? "",
        marks: Object.fromEntries(marks),
        scale: shown.view.scale,
        theme: theme(),
      };
    },
    /** Of the shown channel, in its unit; null where absent. */
    valueAt: (gpuId) => shown.cells.value(shown.floor.cellOf(gpuId)),
    /** "#rrggbb" of a rack's first cell; null where no rack is called so. */
    colourAt: (rackId) => (rackOf(rackId) ? shown.cells.colour(rackOf(rackId).first) : null),
    /** Where a rack is on the page, CSS pixels. */
    boxOf: (rackId) => {
      const rack = rackOf(rackId);
      if (!rack) return null;
      const stage = byId("stage").getBoundingClientRect();
      const { x, y } = shown.view.toMap(rack.x, rack.y);
      return {
        x: stage.x + x,
        y: stage.y + y,
        w: SIDE * shown.view.scale,
        h: rack.h * shown.view.scale,
      };
    },
  };
}
