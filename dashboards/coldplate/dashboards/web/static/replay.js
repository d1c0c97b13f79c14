// The time: a slider, a date, speeds, and the way back to now.

import { byId, button, say } from "./dom.js";
import { clock, moment, typed } from "./words.js";

/**
 * @typedef {Object} Timed
 * @property {(atMs: number) => void} seek
 * @property {(speed: number) => void} speed
 * @property {(paused: boolean) => void} pause
 * @property {() => void} live
 * @property {(words: string) => void} wrong
 */

export class Replay {
  #timed;
  #held = false;
  #bounds = [0, 0];
  #spanMs = [null, null];
  #speeds = [];
  #state = { past: false, paused: false, atMs: null, speed: 1 };

  /** @param {Timed} timed */
  constructor(timed) {
    this.#timed = timed;
    const slider = byId("slider");
    slider.addEventListener("input", () => {
      this.#held = true;
      this.#name(Number(slider.value));
    });
    slider.addEventListener("change", () => {
      this.#held = false;
      const atMs = Number(slider.value);
      if (atMs >= this.#bounds[1] - 1000) timed.live();
      else {
        timed.seek(atMs);
        byId("map").focus();
      }
    });
    // Who puts it back where it was changes nothing, and the browser says nothing.
    for (const kind of ["pointerup", "keyup", "blur"])
      slider.addEventListener(kind, () => {
        this.#held = false;
      });
    byId("window").addEventListener("change", () => this.#draw(true));
    byId("goto").addEventListener("submit", (event) => {
      event.preventDefault();
      const words = byId("goto-at").value;
      const atMs = typed(words, this.#state.nowMs ?? Date.now());
      if (atMs === null)
        timed.wrong(`"${words}" is no time; write 2026-11-27 14:30, 14:30 or -2h, all in UTC.`);
      else {
        timed.seek(atMs);
        byId("map").focus();
      }
    });
    byId("now").addEventListener("click", () => timed.live());
    byId("play").addEventListener("click", () => timed.pause(!this.#state.paused));
  }

  /** What there is to replay, as the server's hello tells it. */
  offer(spanMs, speeds) {
    this.#spanMs = spanMs ?? [null, null];
    this.#speeds = speeds;
    this.#draw(true);
  }

  /** @param {{past: boolean, paused: boolean, atMs: number|null, nowMs: number|null, speed: number}} state */
  show(state) {
    const turned = state.past !== this.#state.past || state.speed !== this.#state.speed;
    this.#state = state;
    document.body.classList.toggle("past", state.past);
    this.#draw(turned);
  }

  #draw(turned) {
    const { past, paused, atMs, nowMs, speed } = this.#state;
    const end = nowMs ?? this.#spanMs[1];
    const slider = byId("slider");
    slider.disabled = end === null || end === undefined;
    if (slider.disabled) return;
    if (!this.#held) {
      this.#bounds = this.#around(past ? atMs : end, end);
      [slider.min, slider.max] = this.#bounds.map((ms) => String(ms));
      slider.value = String(past ? atMs : this.#bounds[1]);
      this.#name(past ? atMs : end);
    }
    const days = this.#bounds[1] - this.#bounds[0] > 86_400_000;
    say(byId("rail-from"), days ? moment(this.#bounds[0]).slice(5, 16) : clock(this.#bounds[0]));
    say(
      byId("rail-to"),
      this.#bounds[1] >= end - 2000 ? "now" : moment(this.#bounds[1]).slice(5, 16),
    );
    const banner = byId("past-banner");
    banner.hidden = !past;
    say(byId("past-words"), past ? `${moment(atMs)} UTC` : "");
    for (const id of ["play", "speeds", "now"]) byId(id).hidden = !past;
    say(byId("play"), paused ? "Go on" : "Pause");
    if (turned) this.#speedButtons(speed);
    const field = byId("goto-at");
    if (document.activeElement !== field && atMs !== null) field.value = moment(past ? atMs : end);
  }

  /** The window of the slider: the last so many hours, or as many around a moment that lies further back. */
  #around(atMs, end) {
    const width = Number(byId("window").value) || Math.max(60_000, end - (this.#spanMs[0] ?? end));
    const floor = this.#spanMs[0] === null ? -Infinity : Math.min(this.#spanMs[0], atMs);
    if (atMs >= end - width)
      return [Math.max(end - width, floor), end].map((ms) => 1000 * Math.floor(ms / 1000));
    const [low, high] = this.#bounds;
    if (atMs > low && atMs < high && high - low <= width) return this.#bounds;
    return [Math.max(atMs - width / 2, floor), Math.min(atMs + width / 2, end)].map(
      (ms) => 1000 * Math.floor(ms / 1000),
    );
  }

  #name(atMs) {
    byId("slider").setAttribute("aria-valuetext", `${moment(atMs)} UTC`);
  }

  #speedButtons(current) {
    const held = byId("speeds").contains(document.activeElement);
    byId("speeds").replaceChildren(
      ...this.#speeds.map((speed) =>
        button(`${speed}\u00d7`, () => this.#timed.speed(speed), {
          role: "radio",
          "aria-checked": String(speed === current),
          "aria-label": `${speed} times`,
        }),
      ),
    );
    if (held) byId("speeds").querySelector("[aria-checked=true]")?.focus();
  }
}
