// The map in words: of the rack under the cursor, and beside the pointer.

import { byId, el, say } from "./dom.js";
import { count, known, median, quantity } from "./words.js";

/** A value of a channel in words. */
export function valueWords(channel, value, { severities, jobs }) {
  if (!channel) return "no data yet";
  if (value === null) return channel.name === "job" ? "no job" : `${channel.name} absent`;
  if (channel.name === "job") return `job ${jobs[value - 1] ?? value}`;
  if (channel.name === "incident")
    return severities[value] ? `${severities[value]} incident` : "no incident";
  return `${channel.name} ${quantity(value, channel.unit, channel.step < 1 ? 1 : 0)}`;
}

/** A rack in one sentence. */
export function rackWords(rack, shown) {
  const { cells } = shown;
  const place = [rack.id, rack.row, rack.hall].filter(Boolean).join(", ");
  const mark = shown.marks.get(rack.index);
  const open = mark ? `; ${mark.severity}, ${count(mark.count, "open incident")}` : "";
  const silent = shown.silent.has(rack.index) ? "; silent" : "";
  return `${place}: ${spread(rack, cells, shown)}${open}${silent}`;
}

function spread(rack, cells, words) {
  const { channel } = cells;
  const all = Array.from({ length: rack.cells }, (_, n) => cells.value(rack.first + n));
  const values = all.filter(known);
  if (!channel || !values.length) return valueWords(channel, null, words);
  if (!channel.scale) {
    const worst = channel.name === "incident" ? Math.max(...values) : values[0];
    const others = new Set(values).size - 1;
    return (
      valueWords(channel, worst, words) +
      (channel.name === "job" && others ? ` and ${others} more` : "")
    );
  }
  const worst = channel.scale[1] < channel.scale[0] ? Math.min(...values) : Math.max(...values);
  const digits = channel.step < 1 ? 1 : 0;
  const absent = all.length - values.length;
  return `${valueWords(channel, worst, words)}, median ${quantity(median(values), channel.unit, digits)}${absent ? `, ${absent} absent` : ""}`;
}

/** Beside the pointer: rack, GPU, value. */
export function showTip(hit, x, y, shown) {
  const tip = byId("tip");
  tip.hidden = !hit;
  if (!hit) return;
  const { floor, cells } = shown;
  const lines =
    hit.cell < 0
      ? []
      : [
          el("span", {}, floor.gpuId(hit.cell)),
          el("strong", {}, valueWords(cells.channel, cells.value(hit.cell), shown)),
        ];
  tip.replaceChildren(...lines, el("span", { class: "quiet" }, rackWords(hit.rack, shown)));
  const stage = byId("stage").getBoundingClientRect();
  const box = tip.getBoundingClientRect();
  tip.style.left = `${x + 18 + box.width > stage.width ? Math.max(4, x - 14 - box.width) : x + 18}px`;
  tip.style.top = `${Math.min(y + 14, stage.height - box.height - 4)}px`;
}

/** For who sees no map, and everybody who uses the keyboard; spoken when the cursor moves, not with each picture. */
export function showCursor(rack, shown, moved) {
  const words = rack ? rackWords(rack, shown) : count(shown.floor.racks.length, "rack");
  say(byId("cursor-words"), words);
  if (moved) say(byId("cursor-said"), words);
}
