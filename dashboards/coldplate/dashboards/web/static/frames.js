// How long drawing takes: the last two seconds' worth of pictures.

const KEPT = 120;

export class Frames {
  count = 0;
  lastMs = 0;
  #times = [];

  /** Draws and takes the time. */
  timed(draw) {
    const begin = performance.now();
    draw();
    this.lastMs = performance.now() - begin;
    this.count += 1;
    this.#times.push(this.lastMs);
    if (this.#times.length > KEPT) this.#times.shift();
  }

  /** Of the last pictures. */
  get p95Ms() {
    const sorted = [...this.#times].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(0.95 * sorted.length) - 1)] ?? 0;
  }
}
