// What is opened beside the map: a rack, or a GPU in it.

import { byId } from "./dom.js";
import { openGpu } from "./gpu.js";
import { openRack } from "./rack.js";

export class Panel {
  rackId = "";
  gpuId = "";
  #shown;
  #changed;
  #element = byId("panel");
  #stop = () => {};

  /** @param {import("./shown.js").Shown} shown @param {() => void} changed called when something else is open */
  constructor(shown, changed) {
    this.#shown = shown;
    this.#changed = changed;
  }

  /** @param {import("./floor.js").Rack} rack @param {string} gpuId "" for the rack itself */
  open(rack, gpuId) {
    [this.rackId, this.gpuId] = [rack.id, gpuId];
    document.body.classList.add("has-panel");
    this.#element.hidden = false;
    this.#element.scrollTop = 0;
    this.refill();
    this.#element.focus({ preventScroll: true });
    this.#changed();
  }

  close() {
    if (!this.rackId) return;
    this.#stop();
    [this.rackId, this.gpuId] = ["", ""];
    const held = this.#element.contains(document.activeElement);
    this.#element.hidden = true;
    this.#element.replaceChildren();
    document.body.classList.remove("has-panel");
    if (held) byId("map").focus();
    this.#changed();
  }

  /** One step: from the GPU to its rack, from the rack to the floor. */
  back() {
    const rack = this.#rack();
    if (!this.gpuId || !rack) return this.close();
    const was = this.gpuId;
    this.open(rack, "");
    [...this.#element.querySelectorAll(".gpus button")].find((b) => b.dataset.id === was)?.focus();
  }

  /** Makes it anew: another floor, or channels that were not known yet. */
  refill() {
    this.#stop();
    const rack = this.#rack();
    if (!rack) return;
    const shown = this.#shown;
    const whole = (ms) => (ms === null ? null : Math.round(ms));
    const around = {
      channels: shown.channels,
      atMs: () => (shown.want ? whole(shown.atMs) : null),
      nowMs: () => whole(shown.atMs),
      gpuOpened: (id) => this.open(rack, id),
      closed: () => this.close(),
      back: () => this.back(),
    };
    const gpus = Array.from({ length: rack.cells }, (_, n) => shown.floor.gpuId(rack.first + n));
    this.#stop = this.gpuId
      ? openGpu(this.#element, rack, this.gpuId, around)
      : openRack(this.#element, rack, gpus, around);
  }

  #rack() {
    return this.#shown.floor.byId.get(this.rackId);
  }
}
