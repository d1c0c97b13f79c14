// The hall in numbers, along the top.

import { byId, el, say } from "./dom.js";
import { ABSENT, clock, count, known, quantity, SIGNS, span, watts } from "./words.js";

const STATES = ["critical", "warning", "ticket", "info", "silent"];

export class Strip {
  #told = {};

  constructor() {
    const numbers = byId("numbers");
    const entry = (name, title, extra = "") => {
      const value = el("dd", { class: "value" });
      const note = el("dd", { class: "note" });
      this.#told[name] = { value, note };
      numbers.append(
        el("div", { class: `number ${extra}`, title }, el("dt", {}, NAMES[name]), value, note),
      );
    };
    entry("power", "Power of the hall, and how old the number is", "wide");
    entry("ramp", "How fast power changes");
    entry("swing", "Amplitude and frequency of the strongest oscillation of power");
    entry("throttled", "GPUs held down by heat or by the power brake");
    entry("racks", "Racks by the worst that is open on them", "racks");
    entry("lag", "How far the readers are behind");
  }

  /**
   * @param {Object<string, any>} strip of the last picture
   * @param {{good: boolean, ageMs: number|null}} verdict
   */
  show(strip, verdict) {
    const put = (name, value, note) => {
      say(this.#told[name].value, value);
      say(this.#told[name].note, note);
    };
    put(
      "power",
      known(strip.power_w) ? quantity(strip.power_w / 1e6, "MW", 2) : ABSENT,
      verdict.ageMs === null ? "" : `${span(verdict.ageMs)} old`,
    );
    put(
      "ramp",
      known(strip.ramp_w_s) ? signed(strip.ramp_w_s / 1e6) : ABSENT,
      known(strip.ramp_over_s) && known(strip.ramp_w_s)
        ? `over ${span(1000 * strip.ramp_over_s)}`
        : "",
    );
    put(
      "swing",
      known(strip.swing_w) ? watts(strip.swing_w) : ABSENT,
      known(strip.swing_hz) ? quantity(strip.swing_hz, "Hz", 2) : "",
    );
    put(
      "throttled",
      quantity(strip.throttled),
      known(strip.throttled) ? (strip.throttled === 1 ? "GPU" : "GPUs") : "",
    );
    put(
      "lag",
      known(strip.lag_s) ? quantity(strip.lag_s, "s", strip.lag_s < 10 ? 1 : 0) : ABSENT,
      known(strip.lag_records) ? count(strip.lag_records, "record") : "",
    );
    this.#racks(strip.racks);
  }

  #racks(racks) {
    const { value, note } = this.#told.racks;
    const text = racks ? `${STATES.map((s) => racks[s] ?? ABSENT)} ${racks.well}` : ABSENT;
    if (value.dataset.text === text) return;
    value.dataset.text = text;
    if (!racks) value.replaceChildren(ABSENT);
    else {
      value.replaceChildren(
        ...STATES.map((state) =>
          el(
            "span",
            {
              class: `chip ${state}${racks[state] ? "" : " none"}`,
              title: `${quantity(racks[state])} ${state}`,
            },
            el("b", { "aria-hidden": "true" }, SIGNS[state]),
            el("span", { class: "unseen" }, `${state} `),
            quantity(racks[state]),
          ),
        ),
      );
    }
    say(note, racks ? `${quantity(racks.well)} well` : "");
  }
}

/** State and time, in the corner. */
export function showState(verdict, { atMs, past, paused }) {
  const state = byId("state");
  state.dataset.state = verdict.good ? (past ? "past" : "live") : "bad";
  say(byId("state-word"), past && verdict.good && paused ? "PAST, PAUSED" : verdict.title);
  say(byId("state-clock"), atMs === null ? ABSENT : `${clock(atMs)} UTC`);
}

const NAMES = {
  power: "Power",
  ramp: "Ramp",
  swing: "Oscillation",
  throttled: "Throttled",
  racks: "Racks",
  lag: "Lag",
};

function signed(megawatts) {
  const text = quantity(megawatts, "MW/s", 2);
  return megawatts > 0.005 ? `+${text}` : text.replace(/^-/, "\u2212");
}
