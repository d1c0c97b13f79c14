// A GPU opened: its metrics, its thermal resistance against its own baseline, what happened to it and why.

import { ask, part, repeat } from "./api.js";
import { chart } from "./chart.js";
import { button, el, say } from "./dom.js";
import { inWords } from "./metrics.js";
import { section, told } from "./rack.js";
import { Stories } from "./story.js";
import { moment, quantity, span } from "./words.js";

const LOOK_MS = 2000;
const RESISTANCE_MS = 60_000;
const DAY_MS = 86_400_000;
const DAYS = 30;
const STEPS = 360;
const FIRST = ["gpu_c", "margin_c", "hbm_c", "power_w", "sm_clock_mhz", "gpu_util_ratio"];

/**
 * Fills a panel with a GPU.
 * @param {HTMLElement} panel
 * @param {import("./floor.js").Rack} rack it stands in
 * @param {string} id
 * @param {import("./rack.js").Around & {back: () => void}} around
 * @returns {() => void} stops it
 */
export function openGpu(panel, rack, id, around) {
  const stories = new Stories();
  const trouble = el("p", { class: "trouble", role: "status", hidden: true });
  const facts = el("p", { class: "facts" });
  const metrics = el("dl", { class: "metrics" });
  const courses = el("div", {});
  const resistance = el("div", {});
  const rest = id.startsWith(`${rack.id}/`) ? id.slice(rack.id.length + 1) : id;
  panel.setAttribute("aria-label", `GPU ${id}`);
  panel.replaceChildren(
    el(
      "header",
      {},
      button(`\u2039 ${rack.id}`, around.back, { class: "back", title: "Back to the rack (Esc)" }),
      el("h2", {}, rest),
      button("\u00d7", around.closed, {
        class: "close",
        "aria-label": "Close the GPU and its rack",
      }),
    ),
    trouble,
    facts,
    section("Thermal resistance", resistance),
    section("Now", metrics),
    section("Past hour", courses),
    section("Incidents", stories.element),
  );
  const stops = [
    repeat(LOOK_MS, (signal) =>
      told(trouble, async () => {
        const now = await ask(`gpu/${part(id)}`, { at: around.atMs() }, signal);
        showMetrics(metrics, now.values ?? {});
        stories.show(now.incidents ?? [], now.at_ms);
        const history = (now.history ?? []).filter((c) => ["gpu_c", "power_w"].includes(c.metric));
        courses.replaceChildren(
          ...history.map((c) => {
            const { label, text } = inWords(c.metric, c.last);
            return chart({
              title: label,
              unit: text.split("\u202f")[1] ?? "",
              beginMs: c.begin_ms,
              stepMs: c.step_ms,
              values: c.values,
              digits: c.metric === "power_w" ? 0 : 1,
            });
          }),
        );
        const age =
          now.age_ms === null
            ? "no sample"
            : now.stale
              ? `STALE: ${span(now.age_ms)} old`
              : `${span(now.age_ms)} old`;
        const r = `R ${quantity(now.k_per_w, "K/W", 4)}, rack's median ${quantity(now.median_k_per_w, "K/W", 4)}`;
        say(
          facts,
          `${now.serial ? `Serial ${now.serial}. ` : ""}${r}. ${moment(now.at_ms)} UTC, ${age}.`,
        );
      }),
    ),
    repeat(RESISTANCE_MS, (signal) =>
      told(trouble, async () => {
        const to = around.nowMs() ?? Date.now();
        const course = await ask(
          `resistance/${part(id)}`,
          { from: to - DAYS * DAY_MS, to, steps: STEPS },
          signal,
        );
        const milli = (v) => (v === null ? null : 1000 * v);
        resistance.replaceChildren(
          chart({
            title: `R of ${DAYS} days`,
            unit: "mK/W",
            digits: 1,
            beginMs: course.begin_ms,
            stepMs: course.step_ms,
            values: course.k_per_w.map(milli),
            level: milli(course.baseline_k_per_w),
          }),
        );
      }),
    ),
  ];
  return () => stops.forEach((stop) => stop());
}

function showMetrics(list, values) {
  const names = [
    ...FIRST.filter((n) => n in values),
    ...Object.keys(values)
      .filter((n) => !FIRST.includes(n))
      .sort(),
  ];
  const wanted = names.join();
  if (list.dataset.names !== wanted) {
    list.dataset.names = wanted;
    list.replaceChildren(
      ...names.map((name) =>
        el("div", { title: name }, el("dt", {}, inWords(name, values[name]).label), el("dd", {})),
      ),
    );
  }
  names.forEach((name, n) =>
    say(list.children[n].lastElementChild, inWords(name, values[name]).text),
  );
}
