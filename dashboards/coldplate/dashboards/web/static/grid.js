// A rack's GPUs against each other: a row a node, the odd ones marked against the rack's median.

import { button, el } from "./dom.js";
import { SIDE } from "./floor.js";
import { colourOf, hex, inkOn } from "./palette.js";
import { ABSENT, known, median, quantity } from "./words.js";

/** At least so far from the median, and so many times as far as the middle one is. */
const ODD_K = 4;
const ODD_TIMES = 5;
const METRIC = { temperature: "gpu_c", margin: "margin_c" };
const UNIT = { temperature: "\u00b0C", margin: "K" };

export class Grid {
  #buttons = [];
  #by = "temperature";
  #values = new Map();
  #channels;

  /** @param {string[]} ids in the order of cells @param {any[]} channels @param {(id: string) => void} opened */
  constructor(ids, rackId, channels, opened) {
    this.#channels = channels;
    this.summary = el("p", { class: "quiet" });
    this.choice = el(
      "div",
      { role: "radiogroup", class: "choice", "aria-label": "Shown of GPUs" },
      ...Object.keys(METRIC).map((by) =>
        button(
          by,
          () => {
            this.#by = by;
            this.#draw();
          },
          { role: "radio", "data-by": by },
        ),
      ),
    );
    const rows = [];
    ids.forEach((id, n) => {
      const rest = id.startsWith(`${rackId}/`) ? id.slice(rackId.length + 1) : id;
      if (n % SIDE === 0)
        rows.push(
          el(
            "span",
            { class: "node", "aria-hidden": "true" },
            rest.split("/")[0].replace(/^node-/, "n"),
          ),
        );
      const one = button("", () => opened(id), {
        tabindex: n ? -1 : 0,
        "data-id": id,
        "data-rest": rest,
      });
      this.#buttons.push(one);
      rows.push(one);
    });
    this.element = el(
      "div",
      { class: "gpus", role: "group", "aria-label": "GPUs; arrow keys go from one to the next" },
      ...rows,
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {any[]} gpus as `/api/rack` tells them */
  show(gpus) {
    this.#values = new Map(gpus.map((gpu) => [gpu.id, gpu]));
    this.#draw();
  }

  #draw() {
    const metric = METRIC[this.#by];
    const channel = this.#channels.find((c) => c.name === this.#by);
    const value = (id) => {
      const gpu = this.#values.get(id);
      return gpu && !gpu.stale && known(gpu.values[metric]) ? gpu.values[metric] : null;
    };
    const all = this.#buttons.map((one) => value(one.dataset.id));
    const middle = median(all);
    const away = median(all.filter(known).map((v) => Math.abs(v - middle))) ?? 0;
    const limit = Math.max(ODD_K, ODD_TIMES * away);
    let odd = 0;
    this.#buttons.forEach((one, n) => {
      const v = all[n];
      const off = v === null ? 0 : v - middle;
      const isOdd = Math.abs(off) > limit;
      odd += isOdd ? 1 : 0;
      one.classList.toggle("odd", isOdd);
      one.classList.toggle("absent", v === null);
      const rgb = v === null || !channel ? null : colourOf(channel, v);
      one.style.background = rgb ? hex(rgb) : "";
      one.style.color = rgb ? inkOn(rgb) : "";
      one.textContent =
        v === null ? ABSENT : `${isOdd ? (off > 0 ? "\u25b2" : "\u25bc") : ""}${Math.round(v)}`;
      const words = v === null ? "absent" : quantity(v, UNIT[this.#by], 1);
      const against = isOdd
        ? `, ${quantity(Math.abs(off), "K", 1)} ${off > 0 ? "above" : "below"} the rack's median`
        : "";
      one.setAttribute("aria-label", `${one.dataset.rest}: ${words}${against}`);
      one.title = one.getAttribute("aria-label");
    });
    for (const one of this.choice.children)
      one.setAttribute("aria-checked", String(one.getAttribute("data-by") === this.#by));
    const seen = all.filter(known).length;
    this.summary.textContent =
      `median ${quantity(middle, UNIT[this.#by], 1)}; ${odd ? `${odd} odd` : "none is odd"}` +
      (seen < all.length ? `; ${all.length - seen} absent` : "");
  }

  #key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SIDE, ArrowDown: SIDE }[event.key];
    const at = this.#buttons.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const next = this.#buttons[at + by];
    if (!by || at < 0) return;
    event.preventDefault();
    if (!next) return;
    this.#buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}
