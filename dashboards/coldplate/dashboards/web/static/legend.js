// What colours mean, with numbers; and the choice of what they show.

import { byId, el } from "./dom.js";
import { colourOf, hex, viridis } from "./palette.js";
import { quantity, SIGNS } from "./words.js";

const STOPS = 24;
const TICKS = 5;
const JOBS_SHOWN = 3;

/** A button a channel. @param {(name: string) => void} chosen */
export function showChannels(channels, current, chosen) {
  const group = byId("channels");
  const held = group.contains(document.activeElement);
  group.replaceChildren(
    ...channels.map((channel) =>
      el(
        "button",
        {
          type: "button",
          role: "radio",
          "aria-checked": String(channel.name === current),
          title: `${channel.title} (${channel.number})`,
          tabindex: channel.name === current ? 0 : -1,
          onclick: () => chosen(channel.name),
          onkeydown: (event) => {
            const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
            if (!by) return;
            event.preventDefault();
            const at = channels.indexOf(channel);
            chosen(channels[(at + by + channels.length) % channels.length].name);
          },
        },
        el("kbd", { "aria-hidden": "true" }, String(channel.number)),
        channel.name,
      ),
    ),
  );
  if (held) group.querySelector("[aria-checked=true]")?.focus();
}

/** The scale of a channel. */
export function showLegend(channel, { severities, jobs, theme }) {
  const legend = byId("legend");
  const words = `${channel.name} ${channel.scale} ${severities} ${channel.name === "job" ? jobs : ""} ${theme}`;
  if (legend.dataset.words === words) return;
  legend.dataset.words = words;
  if (channel.scale) legend.replaceChildren(...scale(channel));
  else if (channel.name === "incident") {
    legend.replaceChildren(
      ...severities.map((name, value) =>
        key(hex(colourOf(channel, value)), name ? `${SIGNS[name] ?? ""} ${name}` : "none"),
      ),
    );
  } else {
    const more =
      jobs.length > JOBS_SHOWN
        ? [el("span", { class: "more" }, `and ${jobs.length - JOBS_SHOWN} more`)]
        : [];
    legend.replaceChildren(
      ...jobs.slice(0, JOBS_SHOWN).map((job, n) => key(hex(colourOf(channel, n + 1)), job)),
      ...more,
    );
  }
  legend.append(
    el(
      "span",
      { class: "key" },
      el("i", { class: "hatch" }),
      channel.name === "job" ? "no job" : "absent",
    ),
  );
  legend.setAttribute("aria-label", `${channel.title}: ${legend.textContent}`);
}

function scale(channel) {
  const [from, to] = channel.scale;
  const bar = el("span", { class: "bar" });
  const stops = Array.from({ length: STOPS }, (_, n) => hex(viridis(n / (STOPS - 1))));
  bar.style.background = `linear-gradient(90deg, ${stops.join(",")})`;
  const ticks = Array.from({ length: TICKS }, (_, n) => from + ((to - from) * n) / (TICKS - 1));
  const round = (value) => quantity(value, "", Number.isInteger(value) ? 0 : 1);
  return [
    el(
      "span",
      { class: "scale" },
      bar,
      el("span", { class: "ticks" }, ...ticks.map((t) => el("span", {}, `${round(t)} `))),
    ),
    el("span", { class: "unit" }, channel.unit),
  ];
}

function key(colour, text) {
  const swatch = el("i", {});
  swatch.style.background = colour;
  return el("span", { class: "key", title: text }, swatch, el("span", {}, text));
}
