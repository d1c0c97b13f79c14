// A small line over time, with a band and a level: plain SVG, as wide as its place.

import { el, svg } from "./dom.js";
import { clock, known, moment, quantity } from "./words.js";

const WIDTH = 360;
const HEIGHT = 84;
const LEFT = 44;
const BOTTOM = 14;
const TOP = 6;

/**
 * @typedef {Object} Course
 * @property {string} title
 * @property {string} unit
 * @property {number} beginMs
 * @property {number} stepMs
 * @property {(number|null)[]} values
 * @property {(number|null)[]} [low] lower edge of a band
 * @property {(number|null)[]} [high]
 * @property {number|null} [level] a baseline
 * @property {string} [levelWord]
 * @property {number} [digits]
 */

/** @param {Course} course @returns {HTMLElement} */
export function chart(course) {
  const { title, unit, values, low = [], high = [], level = null, digits = 0 } = course;
  const every = [...values, ...low, ...high, level].filter(known);
  const last = values.findLast(known);
  const head = el(
    "figcaption",
    {},
    el("span", {}, title),
    el("b", {}, quantity(last, unit, digits)),
  );
  if (!every.length)
    return el(
      "figure",
      { class: "chart" },
      head,
      el("p", { class: "quiet" }, "Nothing is kept of this time."),
    );
  const [bottom, top] = spread(Math.min(...every), Math.max(...every));
  const x = (n) => LEFT + ((WIDTH - LEFT - 4) * n) / Math.max(1, values.length - 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - bottom) / (top - bottom));
  const line = runs(values).map((run) =>
    run.length === 1
      ? svg("circle", { class: "line dot", cx: x(run[0]), cy: y(values[run[0]]), r: 1.4 })
      : svg("path", { class: "line", d: path(run.map((n) => [x(n), y(values[n])])) }),
  );
  const both = values.map((_, n) => (known(low[n]) && known(high[n]) ? 1 : null));
  const band = runs(both)
    .filter((run) => run.length > 1)
    .map((run) =>
      svg("path", {
        class: "band",
        d: `${path([...run.map((n) => [x(n), y(high[n])]), ...run.toReversed().map((n) => [x(n), y(low[n])])])}Z`,
      }),
    );
  const marks = [bottom, (bottom + top) / 2, top].flatMap((value) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: y(value), y2: y(value) }),
    svg(
      "text",
      { x: LEFT - 5, y: y(value) + 3.2, "text-anchor": "end" },
      quantity(value, "", top - bottom < 4 ? Math.max(1, digits) : 0),
    ),
  ]);
  const baseline = known(level)
    ? [
        svg("line", { class: "level", x1: LEFT, x2: WIDTH - 4, y1: y(level), y2: y(level) }),
        svg(
          "text",
          { class: "level", x: WIDTH - 6, y: y(level) - 3, "text-anchor": "end" },
          course.levelWord ?? "baseline",
        ),
      ]
    : [];
  const endMs = course.beginMs + course.stepMs * values.length;
  const when =
    endMs - course.beginMs > 86_400_000
      ? (ms) => moment(ms).slice(5, 16)
      : (ms) => clock(ms).slice(0, 5);
  const times = [
    svg("text", { x: LEFT, y: HEIGHT - 2 }, when(course.beginMs)),
    svg("text", { x: WIDTH - 4, y: HEIGHT - 2, "text-anchor": "end" }, `${when(endMs)} UTC`),
  ];
  const words = `${title}: ${quantity(Math.min(...every), unit, digits)} to ${quantity(Math.max(...every), unit, digits)}, last ${quantity(last, unit, digits)}`;
  return el(
    "figure",
    { class: "chart" },
    head,
    svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words },
      ...marks,
      ...band,
      ...line,
      ...baseline,
      ...times,
    ),
  );
}

/** Numbers of neighbours that are there: a gap stays a gap. */
function runs(values) {
  const out = [];
  values.forEach((value, n) => {
    if (!known(value)) return;
    if (out.at(-1)?.at(-1) === n - 1) out.at(-1).push(n);
    else out.push([n]);
  });
  return out;
}

function path(points) {
  return `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
}

/** Ends a little outside of the values, and never one. */
function spread(least, greatest) {
  const room = (greatest - least) * 0.08 || Math.max(Math.abs(greatest) * 0.05, 0.5);
  return [least >= 0 && least - room < 0 ? 0 : least - room, greatest + room];
}
