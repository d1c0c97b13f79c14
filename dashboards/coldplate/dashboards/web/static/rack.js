// A rack opened: its water, its GPUs against each other, its power, what is open on it, who computes there.

import { ask, part, repeat, Trouble } from "./api.js";
import { chart } from "./chart.js";
import { button, el, say } from "./dom.js";
import { Grid } from "./grid.js";
import { Stories } from "./story.js";
import { Water } from "./water.js";
import { ABSENT, count, moment, span, watts } from "./words.js";

const LOOK_MS = 2000;
const POWER_MS = 10_000;
const HOUR_MS = 3_600_000;
const STEPS = 180;

/**
 * @typedef {Object} Around
 * @property {() => number|null} atMs the past moment that is shown; null is now
 * @property {() => number|null} nowMs the shown moment, past or not
 * @property {any[]} channels
 * @property {(id: string) => void} gpuOpened
 * @property {() => void} closed
 */

/**
 * Fills a panel with a rack.
 * @param {HTMLElement} panel
 * @param {import("./floor.js").Rack} rack
 * @param {string[]} gpus ids in the order of cells
 * @param {Around} around
 * @returns {() => void} stops it
 */
export function openRack(panel, rack, gpus, around) {
  const water = new Water();
  const grid = new Grid(gpus, rack.id, around.channels, around.gpuOpened);
  const stories = new Stories();
  const trouble = el("p", { class: "trouble", role: "status", hidden: true });
  const facts = el("p", { class: "facts" });
  const power = el("div", {});
  panel.setAttribute("aria-label", `Rack ${rack.id}`);
  panel.replaceChildren(
    el(
      "header",
      {},
      el("h2", {}, rack.id),
      el("p", { class: "quiet" }, [rack.row, rack.hall].filter(Boolean).join(", ")),
      button("\u00d7", around.closed, {
        class: "close",
        "aria-label": "Close the rack",
        title: "Close (Esc)",
      }),
    ),
    trouble,
    facts,
    section("Water", water.element),
    section("GPUs", el("div", { class: "line" }, grid.choice, grid.summary), grid.element),
    section("Power", power),
    section("Incidents", stories.element),
  );
  const stops = [
    repeat(LOOK_MS, (signal) =>
      told(trouble, async () => {
        const now = await ask(`rack/${part(rack.id)}`, { at: around.atMs() }, signal);
        const unit = now.parts?.cdu?.[0];
        water.show(unit && !unit.stale ? unit.values : {});
        grid.show(now.parts?.gpu ?? []);
        stories.show(now.incidents ?? [], now.at_ms);
        say(facts, factsOf(now));
      }),
    ),
    repeat(POWER_MS, (signal) =>
      told(trouble, async () => {
        const to = around.nowMs() ?? Date.now();
        const course = await ask(
          `power/${part(rack.id)}`,
          { from: to - HOUR_MS, to, steps: STEPS },
          signal,
        );
        const kilo = (values) => values.map((v) => (v === null ? null : v / 1000));
        power.replaceChildren(
          chart({
            title: "Mean, with the band of its swings",
            unit: "kW",
            digits: 1,
            beginMs: course.begin_ms,
            stepMs: course.step_ms,
            values: kilo(course.mean_w),
            low: kilo(course.low_w),
            high: kilo(course.high_w),
          }),
        );
      }),
    ),
  ];
  return () => stops.forEach((stop) => stop());
}

/** Asks, and says in the panel what went wrong. */
export async function told(trouble, once) {
  try {
    await once();
    trouble.hidden = true;
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    trouble.hidden = false;
    say(trouble, error.words);
  }
}

/** A titled part of a panel. */
export function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), ...children);
}

function factsOf(now) {
  const power = now.values?.rack_power_w;
  const jobs = now.jobs ?? [];
  const job = jobs.length
    ? `job ${jobs[0].job} of ${jobs[0].user || ABSENT} on ${count(jobs[0].gpus, "GPU")}${jobs.length > 1 ? ` and ${jobs.length - 1} more` : ""}`
    : "no job";
  const age =
    now.age_ms === null
      ? "no sample"
      : now.stale
        ? `STALE: ${span(now.age_ms)} old`
        : `${span(now.age_ms)} old`;
  return `${watts(power)}, ${job}. ${moment(now.at_ms)} UTC, ${age}.`;
}
