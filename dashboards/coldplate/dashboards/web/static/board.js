// The page of a bring-up: asks for the board again and again, and shows what has changed.

import { ask, repeat } from "./api.js";
import { drawBurnUp } from "./burnup.js";
import { byId, el, say } from "./dom.js";
import { startKeys } from "./keys.js";
import { startTheme } from "./theme.js";
import { showTiles } from "./tiles.js";
import { ABSENT, clock, count, known, moment, parsed, quantity, span } from "./words.js";

const EVERY_MS = 1000;
const HELD_MAX = 100;

let last = null;

function show(board) {
  last = board;
  byId("state").dataset.state = "live";
  say(byId("state-word"), "LIVE");
  say(byId("state-clock"), `${clock(parsed(board.at))} UTC`);
  byId("trouble").hidden = true;
  numbers(board);
  phase(board);
  showTiles(board);
  drawBurnUp(byId("burn"), board);
  queues(board);
  held(board);
}

function numbers(board) {
  const { by_state: by, rate, forecast } = board;
  const accepted = by.accepted + by["in-training"];
  const entries = [
    ["Day", known(board.day) ? quantity(board.day, "", 1) : ABSENT, "since the first rack"],
    [
      "Accepted",
      quantity(accepted),
      known(rate.planned_by_now_racks)
        ? `of ${quantity(board.racks)}, plan ${quantity(rate.planned_by_now_racks)}`
        : `of ${quantity(board.racks)}`,
    ],
    ["GPUs usable", quantity(board.gpus_usable), `of ${quantity(board.gpus)}`],
    [
      "In 24 h",
      count(rate.last_24h_racks, "rack"),
      `plan ${quantity(rate.planned_per_day_racks)} a day`,
    ],
    ["Held", quantity(by.held), by.held === 1 ? "rack" : "racks"],
    [
      "Finish",
      forecast ? `day ${quantity(forecast.finish_p50_day, "", 1)}` : ABSENT,
      forecast ? `90 %: day ${quantity(forecast.finish_p90_day, "", 1)}` : "no forecast yet",
    ],
  ];
  const list = byId("numbers");
  if (list.children.length !== entries.length)
    list.replaceChildren(
      ...entries.map(([name]) =>
        el(
          "div",
          { class: "number" },
          el("dt", {}, name),
          el("dd", { class: "value" }),
          el("dd", { class: "note" }),
        ),
      ),
    );
  entries.forEach(([, value, note], n) => {
    say(list.children[n].querySelector(".value"), value);
    say(list.children[n].querySelector(".note"), note);
  });
}

function phase(board) {
  const { phase: of, largest_set: set } = board;
  const next = !of.next_gpus
    ? "no line of racks holds more"
    : `${quantity(of.next_gpus)} GPUs: ${of.next_p50 ? `${minute(of.next_p50)} (90 %: ${minute(of.next_p90)})` : "no forecast yet"}`;
  const now = set
    ? `${quantity(set.gpus)} GPUs contiguous, ${set.first} to ${set.last} (${set.line})`
    : "no rack is accepted and free";
  byId("phase").dataset.ready = String(of.ready);
  say(byId("phase"), `First phase ${of.ready ? "ready" : "not ready"}: ${now}; ${next}`);
}

function queues(board) {
  const rows = board.queues.slice(1);
  const longest = Math.max(0, ...rows.map((q) => q.waiting));
  fill("queues", rows, (q) => ({
    mark: longest > 0 && q.waiting === longest ? "longest" : "",
    cells: [
      q.step,
      q.resource ?? ABSENT,
      q.units === null ? ABSENT : quantity(q.units),
      quantity(q.working),
      quantity(q.waiting),
      q.oldest_h === null ? ABSENT : span(q.oldest_h * 3_600_000),
      quantity(q.held),
    ],
    numbersFrom: 2,
  }));
  const waiting = board.spares.filter((s) => s.held_racks);
  const words = waiting.map(
    (s) => `${s.name} ${quantity(s.held_racks)}${s.stock < 1 ? " (none left)" : ""}`,
  );
  say(byId("spares"), words.length ? `Held racks by spare: ${words.join(", ")}` : "");
}

function held(board) {
  const now = parsed(board.at);
  fill("held", board.held.slice(0, HELD_MAX), (h) => ({
    cells: [
      h.rack,
      h.cause ?? "not told",
      h.step ?? ABSENT,
      h.since ? span(now - parsed(h.since)) : ABSENT,
      quantity(h.gpus_held),
    ],
    numbersFrom: 4,
  }));
  say(byId("held-count"), board.held.length ? String(board.held.length) : "");
  byId("held").hidden = !board.held.length;
  byId("held-none").hidden = board.held.length > 0;
}

/** Rows of a table, made anew only where they differ. */
function fill(id, rows, of) {
  const body = byId(id).tBodies[0];
  const told = rows.map(of);
  const words = JSON.stringify(told);
  if (body.dataset.words === words) return;
  body.dataset.words = words;
  body.replaceChildren(
    ...told.map(({ cells, mark = "", numbersFrom }) =>
      el(
        "tr",
        { class: mark || null },
        ...cells.map((text, n) => el("td", { class: n >= numbersFrom ? "n" : null }, text)),
      ),
    ),
  );
}

/** A moment to the minute. */
function minute(at) {
  return moment(parsed(at)).slice(0, 16);
}

startTheme(byId("theme"), () => last && showTiles(last));
startKeys({ h: () => location.assign("./"), Escape: () => location.assign("./") }, () => {});
repeat(EVERY_MS, async (signal) => {
  try {
    show(await ask("board", {}, signal));
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    byId("state").dataset.state = "bad";
    say(byId("state-word"), "AWAY");
    say(byId("trouble"), error.words ?? String(error));
    byId("trouble").hidden = false;
  }
});
