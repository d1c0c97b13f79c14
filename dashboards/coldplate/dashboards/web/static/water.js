// A rack's water as a schematic: facility side, exchanger, pumps, filter, supply, rack, return, leak rope.

import { svg } from "./dom.js";
import { known, quantity } from "./words.js";

const STILL_RPM = 50;

export class Water {
  #texts = {};
  #pumps = {};

  constructor() {
    const text = (name, x, y, anchor = "start", kind = "value") => {
      this.#texts[name] = svg("text", { x, y, "text-anchor": anchor, class: kind }, "-");
      return this.#texts[name];
    };
    const word = (x, y, words, anchor = "start") =>
      svg("text", { x, y, "text-anchor": anchor, class: "word" }, words);
    const pipe = (kind, d) => svg("path", { class: `pipe ${kind}`, d });
    const pump = (number, y) => {
      const blades = svg("path", { class: "blades", d: `M191 ${y - 6}L203 ${y}L191 ${y + 6}Z` });
      const cross = svg("path", {
        class: "cross",
        d: `M189 ${y - 6}L201 ${y + 6}M201 ${y - 6}L189 ${y + 6}`,
      });
      this.#pumps[number] = svg(
        "g",
        { class: "pump" },
        svg("circle", { cx: 195, cy: y, r: 11 }),
        blades,
        cross,
      );
      return this.#pumps[number];
    };
    this.rope = svg("path", { class: "rope", d: "M150 219H432" });
    this.element = svg(
      "svg",
      { class: "water", viewBox: "0 0 440 262", role: "img", "aria-label": "Water" },
      pipe("cold", "M4 62H84"),
      pipe("warm", "M84 178H4"),
      word(4, 14, "facility"),
      text("facility_supply_c", 4, 54),
      text("facility_return_c", 4, 196),
      text("facility_flow_lpm", 4, 116),
      text("valve_ratio", 4, 132, "start", "word"),
      svg("rect", { class: "part", x: 84, y: 40, width: 38, height: 160, rx: 4 }),
      svg("path", { class: "plates", d: "M92 52V188M99 52V188M106 52V188M113 52V188" }),
      word(103, 32, "exchanger", "middle"),
      pipe(
        "cold",
        "M122 62H152M152 62V42H184M152 62V98H184M206 42H236V62M206 98H236V62H250M274 62H356",
      ),
      pump(1, 42),
      pump(2, 98),
      word(195, 24, "pump 1", "middle"),
      word(195, 80, "pump 2", "middle"),
      text("pump1", 195, 66, "middle"),
      text("pump2", 195, 122, "middle"),
      svg("rect", { class: "part", x: 250, y: 50, width: 24, height: 24, rx: 3 }),
      svg("path", { class: "plates", d: "M256 52V72M262 52V72M268 52V72" }),
      word(262, 44, "filter", "middle"),
      text("filter_kpa_delta", 262, 90, "middle"),
      word(350, 30, "supply", "end"),
      text("supply_c", 350, 54, "end"),
      text("supply_kpa", 350, 78, "end", "word"),
      svg("rect", { class: "part", x: 356, y: 40, width: 76, height: 160, rx: 4 }),
      svg("path", { class: "pipe cold thin", d: "M366 50V190" }),
      svg("path", { class: "pipe warm thin", d: "M422 50V190" }),
      ...Array.from({ length: 8 }, (_, n) =>
        svg("rect", { class: "plate", x: 372, y: 51 + 17.5 * n, width: 44, height: 12, rx: 1.5 }),
      ),
      word(394, 32, "rack", "middle"),
      pipe("warm", "M356 178H122"),
      word(350, 150, "return", "end"),
      text("return_c", 350, 170, "end"),
      text("return_kpa", 350, 196, "end", "word"),
      text("flow_lpm", 195, 170, "middle"),
      text("reservoir", 195, 196, "middle", "word"),
      this.rope,
      text("leak", 4, 223),
      text("room", 4, 250, "start", "word"),
      text("makeup", 436, 250, "end", "word"),
    );
  }

  /** @param {Object<string, number>} values of the unit; what is absent is not there */
  show(values) {
    const put = (name, words) => {
      this.#texts[name].textContent = words;
    };
    const of = (name, unit, digits = 0) => quantity(values[name], unit, digits);
    const percent = (name) => quantity(known(values[name]) ? 100 * values[name] : null, "%");
    for (const name of ["facility_supply_c", "facility_return_c", "supply_c", "return_c"])
      put(name, of(name, "\u00b0C", 1));
    for (const name of ["supply_kpa", "return_kpa", "filter_kpa_delta"]) put(name, of(name, "kPa"));
    for (const name of ["facility_flow_lpm", "flow_lpm"]) put(name, of(name, "l/min"));
    put("valve_ratio", `valve ${percent("valve_ratio")}`);
    put("reservoir", `reservoir ${percent("reservoir_ratio")}`);
    put("makeup", `make-up ${of("makeup_l_total", "l", 1)}`);
    put("room", `room ${of("room_c", "\u00b0C", 1)}, dew point ${of("dew_point_c", "\u00b0C", 1)}`);
    for (const number of [1, 2]) {
      const rpm = values[`pump${number}_rpm`];
      const state = !known(rpm) ? "absent" : rpm < STILL_RPM ? "still" : "runs";
      this.#pumps[number].setAttribute("class", `pump ${state}`);
      put(`pump${number}`, quantity(rpm, "rpm"));
    }
    const wet = known(values.leak) ? values.leak >= 0.5 : null;
    this.rope.setAttribute("class", `rope ${wet ? "wet" : wet === null ? "absent" : ""}`);
    put("leak", wet === null ? "leak rope: -" : wet ? "! LEAK: rope wet" : "leak rope dry");
    this.#texts.leak.setAttribute("class", wet ? "value wet" : "word");
    this.element.setAttribute(
      "aria-label",
      `Water: supply ${of("supply_c", "°C", 1)}, return ${of("return_c", "°C", 1)}, flow ${of("flow_lpm", "l/min")}, ` +
        `pump 1 ${this.#texts.pump1.textContent}, pump 2 ${this.#texts.pump2.textContent}, filter ${of("filter_kpa_delta", "kPa")}, ` +
        `facility ${of("facility_supply_c", "°C", 1)} to ${of("facility_return_c", "°C", 1)}, ${this.#texts.leak.textContent}`,
    );
  }
}
