// The live hall: what comes from the server goes into what is seen, what the viewer does goes to the server.

import { Connection } from "./connection.js";
import { byId, calm, say } from "./dom.js";
import { Floor, SIDE } from "./floor.js";
import { read, write } from "./fragment.js";
import { hook } from "./hook.js";
import { startKeys } from "./keys.js";
import { Replay } from "./replay.js";
import { near, startSearch } from "./search.js";
import { Shown } from "./shown.js";
import { startTheme } from "./theme.js";

const MESSAGE_MS = 15_000;
const MESSAGE_JOINED_MS = 3000;

const shown = new Shown({ incidentChosen, seen });
const line = new Connection({
  floor,
  hello,
  picture: (told) => shown.picture(told),
  away: (why) => shown.away(why),
  lost: (why) => shown.lost(why),
  cells: (bytes, head) => shown.cellsCame(bytes, head),
  wrong,
  wishes,
});
const replay = new Replay({ seek, speed, pause, live, wrong: message });
let first = true;
let messageEnds = 0;
let messageAt = -Infinity;

function floor(told) {
  const wasOpen = shown.panel.rackId;
  shown.setFloor(new Floor(told));
  if (!first && wasOpen && !shown.floor.byId.has(wasOpen)) {
    shown.panel.close();
    message(`Rack ${wasOpen} is no longer on this floor.`);
  } else if (!first) message("The floor has changed.");
  if (first) fromAddress();
  first = false;
}

function hello(told) {
  const wished = shown.channelName;
  shown.hello(told, choose);
  if (wished !== shown.channelName) message(`Nothing can be coloured by "${wished}".`);
  replay.offer(told.span_ms, told.speeds);
}

/** What a new line begins with. */
function wishes() {
  const { want, channelName } = shown;
  const past = want ? [{ replay: { at_ms: Math.round(want.atMs), speed: want.speed } }] : [];
  return [{ look: channelName }, ...past, ...(want?.paused ? [{ pause: true }] : [])];
}

function wrong(words) {
  message(words);
  if (shown.want && !shown.pastSeen) live();
}

function choose(name) {
  if (name === shown.channelName || !shown.channels.some((c) => c.name === name)) return;
  shown.choose(name, choose);
  line.send({ look: name });
  seen();
}

function seek(atMs) {
  shown.goPast({ atMs, speed: shown.want?.speed ?? 1, paused: false });
  line.send({ replay: { at_ms: Math.round(atMs), speed: shown.want.speed } });
  seen();
}

function speed(times) {
  if (!shown.want) return;
  shown.want.speed = times;
  line.send({ speed: times });
  seen();
}

function pause(paused) {
  if (!shown.want) return;
  shown.want.paused = paused;
  line.send({ pause: paused });
  seen();
}

function live() {
  if (!shown.want) return;
  shown.goLive();
  line.send({ live: true });
  seen();
}

/** Whatever changed: time bar and address follow. */
function seen() {
  const { want, channelName, atMs, nowMs } = shown;
  const { rackId, gpuId } = shown.panel;
  replay.show({
    past: want !== null,
    paused: want?.paused ?? false,
    atMs: want ? atMs : nowMs,
    nowMs,
    speed: want?.speed ?? 1,
  });
  if (!first) write({ rack: rackId, gpu: gpuId, channel: channelName, atMs: want ? atMs : null });
}

/** Does what the address says, and says what it cannot do. */
function fromAddress() {
  const wanted = read();
  const wrongs = [...wanted.wrong];
  if (wanted.channel) {
    if (!shown.wish(wanted.channel)) wrongs.push(`Nothing can be coloured by "${wanted.channel}".`);
    else if (shown.channels.length) choose(wanted.channel);
  }
  if (wanted.atMs !== null) seek(wanted.atMs);
  else live();
  const cell = wanted.gpu ? shown.floor.cellOf(wanted.gpu) : -1;
  const rack = cell >= 0 ? shown.floor.rackOfCell(cell) : shown.floor.byId.get(wanted.rack);
  const unknown =
    wanted.gpu && cell < 0
      ? ["GPU", wanted.gpu]
      : wanted.rack && !rack
        ? ["rack", wanted.rack]
        : null;
  if (unknown)
    wrongs.push(
      `No ${unknown[0]} is called "${unknown[1]}" here; there are ${near(shown.floor, unknown[1]).join(", ")}, ...`,
    );
  if (rack && (rack.id !== shown.panel.rackId || wanted.gpu !== shown.panel.gpuId))
    go({ rack, cell });
  else if (!rack) shown.panel.close();
  if (wrongs.length) message(wrongs.join(" "));
}

function go({ rack, cell }) {
  shown.moveCursor(rack.index);
  shown.panel.open(rack, cell >= 0 ? shown.floor.gpuId(cell) : "");
  shown.view.fly(rack.x + SIDE / 2, rack.y + rack.h / 2);
}

function incidentChosen(incident) {
  const rack = shown.floor.byId.get(incident.rack);
  const cell = shown.floor.cellOf(incident.subject);
  if (rack) go({ rack, cell: -1 });
  else if (cell >= 0) go({ rack: shown.floor.rackOfCell(cell), cell });
  else message(`${incident.kind} is of ${incident.subject}, which is no rack of this floor.`);
}

/** Says something; what was said just now stays beside it. */
function message(words) {
  const now = performance.now();
  const before = now - messageAt < MESSAGE_JOINED_MS ? byId("message").textContent : "";
  if (!before.includes(words)) say(byId("message"), `${before} ${words}`.trim());
  messageAt = now;
  clearTimeout(messageEnds);
  messageEnds = setTimeout(() => say(byId("message"), ""), MESSAGE_MS);
}

function next() {
  const { channels, channelName } = shown;
  const at = channels.findIndex((c) => c.name === channelName);
  if (channels.length) choose(channels[(at + 1) % channels.length].name);
}

startTheme(byId("theme"), () => shown.restyle());
startSearch(() => shown.floor, go, message);
startKeys(
  {
    c: next,
    "/": () => byId("search-text").focus(),
    "+": () => shown.view.zoom(1.3),
    "=": () => shown.view.zoom(1.3),
    "-": () => shown.view.zoom(1 / 1.3),
    0: () => shown.view.fit(),
    m: () => byId("map").focus(),
    i: () => byId("incidents").querySelector("button")?.focus(),
    n: live,
    b: () => location.assign("board"),
    p: () => shown.want && pause(!shown.want.paused),
    Escape: () => shown.panel.back(),
    "?": () => byId("keys").showModal(),
  },
  (digit) => {
    const channel = shown.channels.find((c) => c.number === digit);
    if (channel) choose(channel.name);
  },
);
byId("keys-open").addEventListener("click", () => byId("keys").showModal());
byId("zoom-in").addEventListener("click", () => shown.view.zoom(1.5));
byId("zoom-out").addEventListener("click", () => shown.view.zoom(1 / 1.5));
byId("zoom-fit").addEventListener("click", () => shown.view.fit());
addEventListener("hashchange", fromAddress);
document.documentElement.classList.toggle("calm", calm());
line.start();
Object.assign(window, { coldplate: hook(shown, line) });
