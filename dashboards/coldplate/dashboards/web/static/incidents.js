// The list of open incidents, worst first.

import { byId, el, say } from "./dom.js";
import { clock, count, parsed, SIGNS, SEVERITIES, span } from "./words.js";

const SHOWN_MAX = 200;

/**
 * @param {any[]} incidents as the picture tells them
 * @param {number} nowMs what ages are told against
 * @param {(incident: any) => void} chosen
 */
export function showIncidents(incidents, nowMs, chosen) {
  const list = byId("incidents");
  const focused = document.activeElement?.closest("#incidents button")?.getAttribute("data-id");
  const sorted = worstFirst(incidents);
  const old = new Map(
    [...list.children].map((item) => [item.firstElementChild.getAttribute("data-id"), item]),
  );
  const items = sorted.slice(0, SHOWN_MAX).map((incident) => {
    const words = JSON.stringify(incident);
    const before = old.get(incident.id);
    const item = before?.dataset.words === words ? before : entry(incident, words, chosen);
    const opened = parsed(incident.opened);
    const age = item.querySelector(".age");
    say(age, opened === null ? "" : span(nowMs - opened));
    return item;
  });
  // Only where something differs: who reads along must not lose the place.
  if (items.length !== list.children.length || items.some((item, n) => item !== list.children[n])) {
    list.replaceChildren(...items);
    if (focused)
      [...list.querySelectorAll("button")].find((b) => b.dataset.id === focused)?.focus();
  }
  say(byId("side-count"), incidents.length ? String(incidents.length) : "");
  const more =
    sorted.length > SHOWN_MAX ? `and ${sorted.length - SHOWN_MAX} more` : "No incident is open.";
  say(byId("side-none"), more);
  byId("side-none").hidden = sorted.length > 0 && sorted.length <= SHOWN_MAX;
}

/** By severity, then the newest. */
export function worstFirst(incidents) {
  const rank = (incident) => SEVERITIES.indexOf(incident.severity) + 1 || 9;
  return [...incidents].sort(
    (a, b) => rank(a) - rank(b) || (parsed(b.opened) ?? 0) - (parsed(a.opened) ?? 0),
  );
}

/** An incident's line, for lists. */
export function entry(incident, words, chosen) {
  const opened = parsed(incident.opened ?? incident.opened_at);
  const owner = incident.acked_by
    ? [el("span", { class: "tag" }, `with ${incident.acked_by}`)]
    : [];
  const silenced = incident.silenced ? [el("span", { class: "tag" }, "silenced")] : [];
  const hurt =
    incident.affected > 0 ? [el("span", {}, `${count(incident.affected, "device")} hit`)] : [];
  const line = el(
    "button",
    {
      type: "button",
      "data-id": incident.id,
      class: incident.severity,
      onclick: () => chosen(incident),
    },
    el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[incident.severity] ?? "+"),
    el(
      "span",
      { class: "head" },
      el(
        "span",
        { class: "kind" },
        el("span", { class: "unseen" }, `${incident.severity}: `),
        incident.kind,
      ),
      el("span", { class: "age", title: opened === null ? "" : `since ${clock(opened)} UTC` }),
    ),
    el("span", { class: "subject" }, incident.subject),
    el("span", { class: "cause" }, incident.cause),
    el(
      "span",
      { class: "tags" },
      el("span", { class: "severity" }, incident.severity),
      ...hurt,
      ...owner,
      ...silenced,
    ),
  );
  return el("li", { "data-words": words }, line);
}
