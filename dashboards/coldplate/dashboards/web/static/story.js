// Incidents of a rack or GPU, each with why it is one.

import { ask, part, Trouble } from "./api.js";
import { el } from "./dom.js";
import { entry } from "./incidents.js";
import { moment, parsed, span } from "./words.js";

export class Stories {
  #open = "";
  #story = el("div", { class: "story" });

  constructor() {
    this.element = el("div", { class: "stories" });
  }

  /** @param {any[]} incidents as `/api/rack` tells them @param {number} nowMs */
  show(incidents, nowMs) {
    const words = JSON.stringify(incidents);
    if (this.element.dataset.words !== words) {
      this.element.dataset.words = words;
      const held = this.element.contains(document.activeElement)
        ? document.activeElement.getAttribute("data-id")
        : "";
      const items = incidents.map((incident) => this.#item(incident));
      this.element.replaceChildren(
        items.length
          ? el("ol", {}, ...items)
          : el("p", { class: "quiet" }, "None in the past day."),
      );
      if (held)
        [...this.element.querySelectorAll("button")].find((b) => b.dataset.id === held)?.focus();
    }
    incidents.forEach((incident, n) => {
      const opened = parsed(incident.opened_at);
      const closed = parsed(incident.closed_at);
      const age = this.element.querySelectorAll(".age")[n];
      if (age)
        age.textContent =
          incident.state === "closed"
            ? `closed ${span(nowMs - (closed ?? nowMs))} ago`
            : opened === null
              ? ""
              : span(nowMs - opened);
    });
  }

  #item(incident) {
    const item = entry(incident, "", () => this.#toggle(incident.id));
    item.firstElementChild.setAttribute("aria-expanded", String(this.#open === incident.id));
    if (incident.state === "closed") item.classList.add("closed");
    if (this.#open === incident.id) item.append(this.#story);
    return item;
  }

  async #toggle(id) {
    this.#open = this.#open === id ? "" : id;
    this.#story.remove();
    for (const one of this.element.querySelectorAll("button[data-id]")) {
      const opened = one.getAttribute("data-id") === this.#open;
      one.setAttribute("aria-expanded", String(opened));
      if (opened) one.after(this.#story);
    }
    if (!this.#open) return;
    this.#story.replaceChildren(el("p", { class: "quiet" }, "Asking why ..."));
    try {
      const told = await ask(`why/${part(id)}`);
      if (this.#open === id) this.#story.replaceChildren(...why(told));
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.#story.replaceChildren(el("p", { class: "trouble" }, error.words));
    }
  }
}

/** An incident explained. @param {any} told as `/api/why` tells it */
export function why(told) {
  const text = told.text ?? {};
  const part = (title, words) => (words ? [el("h4", {}, title), el("p", {}, words)] : []);
  const list = (title, lines) =>
    lines?.length
      ? [el("h4", {}, title), el("ul", {}, ...lines.map((line) => el("li", {}, line)))]
      : [];
  const closing = told.would_close_when ?? {};
  const steps = (told.steps ?? []).map(
    (step) =>
      `${moment(step.t_ms)}: ${[step.severity, step.state, step.why].filter(Boolean).join(", ")}`,
  );
  return [
    ...part("What", text.what),
    ...list("Do now", text.todo),
    ...list("Seen", text.evidence),
    ...part("Hit", text.affected),
    ...part("Since", text.since),
    ...part("How sure", text.sure),
    ...list(
      "Closes when",
      (closing.conditions ?? []).map((c) => c.words),
    ),
    ...list("Course", steps),
  ];
}
