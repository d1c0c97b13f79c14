// The burn-up: racks accepted against the plan, and the forecast with its band.

import { el, svg } from "./dom.js";
import { known, quantity } from "./words.js";

const WIDTH = 420;
const HEIGHT = 210;
const LEFT = 40;
const BOTTOM = 18;
const TOP = 8;

let drawn = "";

/** @param {HTMLElement} into @param {any} board as /api/board tells it */
export function drawBurnUp(into, board) {
  const words = JSON.stringify([board.burn_up, board.racks]);
  if (words === drawn) return;
  drawn = words;
  const rows = board.burn_up;
  if (!rows.length) {
    into.replaceChildren(el("p", { class: "quiet" }, "No rack is on the floor yet."));
    return;
  }
  const last = Math.max(1, rows.at(-1).day);
  const x = (day) => LEFT + ((WIDTH - LEFT - 6) * day) / last;
  const y = (racks) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - racks / Math.max(1, board.racks));
  const now = known(board.day) ? board.day : 0;
  // The newest point stands where now is, not at the end of its day.
  const done = rows
    .filter((r) => known(r.accepted))
    .map((r) => [x(Math.min(r.day, now)), y(r.accepted)]);
  const ahead = rows.filter((r) => known(r.p50));
  const from = done.length ? [done.at(-1)] : [];
  const of = (name) => ahead.map((r) => [x(r.day), y(r[name])]);
  const band = ahead.length
    ? `${path([...from, ...of("p90"), ...of("p10").toReversed()])}Z`
    : null;
  const marks = [0, 0.5, 1].flatMap((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 6, y1: y(share * board.racks), y2: y(share * board.racks) }),
    svg("text", { x: LEFT - 5, y: y(share * board.racks) + 3.5, "text-anchor": "end" }, quantity(share * board.racks)),
  ]);
  const step = Math.max(1, Math.ceil(last / 8));
  const days = rows
    .filter((r) => r.day % step === 0)
    .map((r) => svg("text", { x: x(r.day), y: HEIGHT - 4, "text-anchor": "middle" }, String(r.day)));
  into.replaceChildren(
    svg(
      "svg",
      { class: "burn", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said(board) },
      ...marks,
      ...days,
      band ? svg("path", { class: "band", d: band }) : null,
      svg("path", { class: "planned", d: path(rows.map((r) => [x(r.day), y(r.planned)])) }),
      ahead.length ? svg("path", { class: "expected", d: path([...from, ...of("p50")]) }) : null,
      done.length ? svg("path", { class: "accepted", d: path(done) }) : null,
    ),
    el(
      "p",
      { class: "keys" },
      el("span", {}, "solid: accepted"),
      el("span", {}, "dashed: plan"),
      el("span", {}, "thin, with 10 to 90 %: forecast"),
      el("span", {}, "below: day"),
    ),
  );
}

function said(board) {
  const { by_state: by, forecast } = board;
  const accepted = by.accepted + by["in-training"];
  const finish = forecast
    ? `, finish on day ${forecast.finish_p50_day}, at 90 % on day ${forecast.finish_p90_day}`
    : "";
  return `Burn-up: ${accepted} of ${board.racks} racks accepted${finish}`;
}

function path(points) {
  return `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
}
