// All that is shown, and the drawing of it.

import { Cells } from "./cells.js";
import { byId, say } from "./dom.js";
import { Floor } from "./floor.js";
import { Frames } from "./frames.js";
import { judged } from "./freshness.js";
import { showIncidents } from "./incidents.js";
import { showChannels, showLegend } from "./legend.js";
import { FloorMap } from "./map.js";
import { Panel } from "./panel.js";
import { showCursor, showTip } from "./readout.js";
import { steer } from "./steering.js";
import { showState, Strip } from "./strip.js";
import { theme } from "./theme.js";
import { View } from "./view.js";
import { quantity, SEVERITIES } from "./words.js";

const LOOK_MS = 500;

export class Shown {
  floor = new Floor({ version: "", cells: 0, racks: [], names: [] });
  cells = new Cells(this.floor);
  view = new View(() => this.redraw());
  frames = new Frames();
  /** @type {import("./palette.js").Channel[]} */
  channels = [];
  channelName = "margin";
  severities = [];
  /** The past somebody wants to see; null is now. @type {{atMs: number, speed: number, paused: boolean}|null} */
  want = null;
  /** Whether a picture of that past has come. */
  pastSeen = false;
  marks = new Map();
  silent = new Set();
  cursor = -1;
  focused = false;
  #told = null;
  #heardAt = null;
  #live = { atMs: null, heardAt: 0 };
  #lost = "";
  #away = "";
  #staleS = 15;
  verdict = judged({
    lost: "",
    away: "",
    heardAt: null,
    atMs: null,
    tMs: null,
    past: false,
    paused: false,
    staleS: 15,
    now: 0,
  });
  #bytes = null;
  #bytesOf = null;
  #pending = false;
  #map = new FloorMap(byId("map"));
  #strip = new Strip();
  #called;

  /** @param {{incidentChosen: (incident: any) => void, seen: () => void}} called */
  constructor(called) {
    this.#called = called;
    this.panel = new Panel(this, () => {
      called.seen();
      this.redraw();
    });
    const canvas = byId("map");
    steer(canvas, this.view, {
      floor: () => this.floor,
      cursor: () => this.cursor,
      moved: (index) => this.moveCursor(index),
      opened: (rack, cell) => {
        this.moveCursor(rack.index);
        this.panel.open(rack, cell >= 0 && this.view.scale >= 9 ? this.floor.gpuId(cell) : "");
      },
      hovered: (hit, x, y) => showTip(hit, x, y, this),
    });
    for (const kind of ["focus", "blur"])
      canvas.addEventListener(kind, () => {
        this.focused = kind === "focus";
        this.redraw();
      });
    new ResizeObserver(() => {
      this.view.resize(byId("stage").clientWidth, byId("stage").clientHeight);
      this.#drawNow();
    }).observe(byId("stage"));
    setInterval(() => this.#judge(), LOOK_MS);
  }

  get jobs() {
    return this.#told?.jobs ?? [];
  }

  /** The shown moment; while the past is on its way, the wanted one. */
  get atMs() {
    return this.want
      ? this.pastSeen && this.#told
        ? this.#told.at_ms
        : this.want.atMs
      : (this.#told?.at_ms ?? null);
  }

  /** Newest sample in it. */
  get tMs() {
    return this.#told?.t_ms ?? null;
  }

  /** Whether cells of the chosen channel have come. */
  get painted() {
    return this.#bytes !== null;
  }

  /** The history's now, as far as it is known. */
  get nowMs() {
    return this.#live.atMs === null
      ? null
      : this.#live.atMs + (performance.now() - this.#live.heardAt);
  }

  get channel() {
    return this.channels.find((c) => c.name === this.channelName) ?? null;
  }

  setFloor(floor) {
    const cursorId = this.floor.racks[this.cursor]?.id;
    this.floor = floor;
    this.cells = new Cells(floor);
    this.#bytes = null;
    this.marks = new Map();
    this.silent = new Set();
    this.cursor = floor.byId.get(cursorId)?.index ?? -1;
    this.view.floor = floor;
    if (this.view.fitted) this.view.fit();
    this.#paint();
    this.#words();
    this.panel.refill();
  }

  hello(told, choose) {
    const first = !this.channels.length;
    this.channels = told.channels;
    this.severities = told.severities;
    this.#staleS = told.stale_s ?? this.#staleS;
    if (!this.channel) this.channelName = this.channels[0]?.name ?? "";
    if (this.#live.atMs === null && told.span_ms)
      this.#live = { atMs: told.span_ms[1], heardAt: performance.now() };
    this.#lost = "";
    this.#heardAt = null;
    this.#bytes = null;
    showChannels(this.channels, this.channelName, choose);
    this.#judge();
    if (first) this.panel.refill();
  }

  /** Takes a channel's name before or after the server has told which there are; false where there is none. */
  wish(name) {
    if (this.channels.length) return this.channels.some((c) => c.name === name);
    this.channelName = name;
    return true;
  }

  choose(name, chosen) {
    this.channelName = name;
    showChannels(this.channels, name, chosen);
    this.#bytes = null;
    this.#paint();
    this.#words();
  }

  goPast(want) {
    this.want = want;
    this.pastSeen = false;
    this.#heardAt = null;
    this.#judge();
  }

  goLive() {
    this.want = null;
    this.#heardAt = null;
    this.#judge();
  }

  picture(told) {
    if (!told.past) this.#live = { atMs: told.at_ms, heardAt: performance.now() };
    // What was on its way when somebody went elsewhere in time.
    if (Boolean(told.past) !== Boolean(this.want)) {
      if (told.past || !this.pastSeen) return;
      // A replay that has come to now goes on as now.
      this.want = null;
    }
    this.pastSeen = Boolean(told.past);
    this.#told = told;
    this.#heardAt = performance.now();
    this.#away = "";
    if (this.want) this.want.atMs = told.at_ms;
    this.silent = new Set(told.silent ?? []);
    this.#mark(told.incidents ?? []);
    this.#judge();
    showIncidents(told.incidents ?? [], told.at_ms, this.#called.incidentChosen);
    this.#words();
    this.#called.seen();
    this.redraw();
  }

  cellsCame(bytes, head) {
    const channel = this.channels.find((c) => c.number === head.channel);
    if (channel?.name !== this.channelName || head.past !== Boolean(this.want)) return;
    [this.#bytes, this.#bytesOf] = [bytes, channel];
    this.#paint();
    this.#words();
  }

  away(why) {
    this.#away = why || "no reason is told";
    this.#judge();
  }

  lost(why) {
    this.#lost = why;
    this.#judge();
  }

  restyle() {
    this.#map.restyle();
    this.#paint();
    this.#legend();
  }

  moveCursor(index) {
    this.cursor = index;
    this.#words(true);
    this.redraw();
  }

  redraw() {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      this.#drawNow();
    });
  }

  #mark(incidents) {
    this.marks = new Map();
    const rank = (severity) => SEVERITIES.indexOf(severity);
    for (const incident of incidents) {
      const index = this.floor.byId.get(incident.rack)?.index;
      if (index === undefined || rank(incident.severity) < 0) continue;
      const mark = this.marks.get(index) ?? { severity: incident.severity, count: 0 };
      if (rank(incident.severity) < rank(mark.severity)) mark.severity = incident.severity;
      mark.count += 1;
      this.marks.set(index, mark);
    }
  }

  #judge() {
    const before = this.verdict;
    const verdict = judged({
      lost: this.#lost,
      away: this.#away,
      heardAt: this.#heardAt,
      atMs: this.#told?.at_ms ?? null,
      tMs: this.#told?.t_ms ?? null,
      past: this.want !== null,
      paused: this.want?.paused ?? false,
      staleS: this.#staleS,
      now: performance.now(),
    });
    this.verdict = verdict;
    byId("verdict").hidden = verdict.good;
    say(byId("verdict-title"), verdict.title);
    say(byId("verdict-words"), verdict.words);
    document.body.classList.toggle("grey", !verdict.good);
    showState(verdict, { atMs: this.atMs, past: this.want !== null, paused: this.want?.paused });
    this.#strip.show(this.#told?.strip ?? {}, verdict);
    document.title = `${this.#headline(verdict)} - coldplate`;
    if (before.good !== verdict.good) this.#paint();
  }

  #headline(verdict) {
    if (!verdict.good) return verdict.title;
    const pages = (this.#told?.incidents ?? []).filter(
      (i) => i.severity === "critical" || i.severity === "warning",
    ).length;
    return `${pages ? `${quantity(pages)} to act on` : "well"}${this.want ? " (past)" : ""}`;
  }

  #paint() {
    const bytes = this.#bytes ?? new Uint8Array(this.floor.cells);
    this.cells.paint(this.#bytes ? this.#bytesOf : null, bytes, !this.verdict.good, theme());
    this.redraw();
  }

  #words(moved = false) {
    showCursor(this.floor.racks[this.cursor] ?? null, this, moved);
    this.#legend();
  }

  #legend() {
    if (this.channel)
      showLegend(this.channel, { severities: this.severities, jobs: this.jobs, theme: theme() });
  }

  #drawNow() {
    this.frames.timed(() =>
      this.#map.draw({
        floor: this.floor,
        cells: this.cells,
        view: this.view,
        marks: this.marks,
        silent: this.silent,
        cursor: this.cursor,
        focused: this.focused,
        opened: this.floor.byId.get(this.panel.rackId)?.index ?? -1,
        gpu: this.panel.gpuId ? this.floor.cellOf(this.panel.gpuId) : -1,
        grey: !this.verdict.good,
      }),
    );
  }
}
