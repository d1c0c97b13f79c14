"""What lies over a screen for a while: help, the story of an incident, search."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from coldplate.console.live.canvas import Lines
from coldplate.console.live.draw import incident_line
from coldplate.console.live.picture import Open
from coldplate.console.live.view import View
from coldplate.console.live.words import safe

HELP = """\
arrows          move; on the map from rack to rack
enter           open: rack, then GPU; on an incident: its rack
escape          back
tab             from the map to the incidents, and back
c               colour by margin, temperature, power, flow, incident
/               search a rack or a GPU by a part of its id
w               why: evidence and steps of the incident
a               take care of the incident (acknowledge)
?               this
q               end
mouse           click: cursor; twice: open

A cell has the sign of its rack's worst incident (! critical, * warning, + ticket, ' info),
or . where nothing was heard for 15 s, and the step of its colour, 0 to 6: 6 is looked at first.
The incident that w and a are about: that of the list while it has the keys (tab), otherwise
the worst of the rack at the cursor. Grey is a picture of the past: its age stands above.
"""


class Overlay(View):
    """A box over the screen; escape takes it away."""

    CSS = """
    Overlay { background: $background; }
    Overlay Vertical { border: round $primary; padding: 0 1; }
    Overlay #strip { height: 2; }
    Overlay #title { height: auto; text-style: bold; }
    Overlay Lines { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.up", "Back")]

    def compose(self) -> ComposeResult:
        """Strip, title, lines."""
        yield Static(id="strip")
        with Vertical():
            yield Static(id="title")
            yield Lines(id="lines")


class HelpView(Overlay):
    """What keys do."""

    def renew(self) -> None:
        """Draw it."""
        super().renew()
        self.query_one("#title", Static).update(Text("keys"))
        self.query_one(Lines).show([Text(line) for line in HELP.splitlines()], ())


class WhyView(Overlay):
    """The story of an incident.

    Parameters
    ----------
    about
        Which one.
    """

    def __init__(self, about: Open) -> None:
        super().__init__()
        self._about = about

    @property
    def incident(self) -> Open | None:
        """The one that is told of, as it is now."""
        hall = self.live.hall
        return next((o for o in hall.incidents if o.id == self._about.id), None) if hall else None

    def renew(self) -> None:
        """Draw it."""
        super().renew()
        hall, detail = self.live.hall, self.live.detail
        about = self.incident or self._about
        title = incident_line(about, hall.now_ms) if hall else Text(safe(about.cause))
        if self.incident is None:
            title.append(" (closed by now)")
        self.query_one("#title", Static).update(title)
        if detail.shown.incident != about.id:
            lines = [Text("asking")]
        else:
            lines = [
                line
                for step in detail.steps
                for line in _told(step.t_ms, step.severity, step.state, step.why)
            ]
            lines += [Text(""), Text("measured:", "bold")]
            lines += [_measured(e) for e in (detail.steps[-1].evidence if detail.steps else ())]
        self.query_one(Lines).show(lines, ())


class SearchView(Overlay):
    """Racks and GPUs by a part of their id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "down", "Down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.part = ""
        self._found: dict[str, tuple[str, str]] = {}

    def compose(self) -> ComposeResult:
        """Strip, what is typed, what is found."""
        yield Static(id="strip")
        with Vertical():
            yield Static(id="title")
            yield Input(placeholder="part of the id of a rack or a GPU", id="part")
            yield Lines(id="lines")

    def renew(self) -> None:
        """Racks are known here; GPUs the history is asked for."""
        super().renew()
        hall, detail = self.live.hall, self.live.detail
        self.query_one("#title", Static).update(Text("search"))
        found: dict[str, tuple[str, str]] = {}
        if self.part:
            low = self.part.casefold()
            racks = [r.id for r in hall.racks if low in r.id.casefold()] if hall else []
            found = {rack: ("rack", rack) for rack in racks[:50]}
            if detail.shown.search == self.part:
                found |= {id_: (kind, rack) for kind, id_, rack in detail.found}
        self._found = found
        lines = [Text(f"{kind:<5}{safe(id_)}") for id_, (kind, _) in found.items()]
        self.query_one(Lines).show(lines, list(found))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask for what is typed."""
        self.part = event.value.strip()
        self.live.look()
        self.renew()

    def on_input_submitted(self) -> None:
        """The first that was found."""
        self.query_one(Lines).action_choose()

    def action_down(self) -> None:
        """From what is typed to what is found."""
        self.query_one(Lines).focus()

    def on_lines_chosen(self, message: Lines.Chosen) -> None:
        """Go there."""
        kind, rack = self._found[message.name]
        self.live.go_from_search(rack, message.name if kind == "gpu" else "")


def _told(t_ms: int, severity: str, state: str, why: str) -> list[Text]:
    at = datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return [Text(safe(f"{at}  {severity:<8} {state:<6}  {why}"))]


def _measured(e: Mapping[str, Any]) -> Text:
    parts = [str(e.get("subject", "")), str(e.get("metric", ""))]
    parts += [
        f"{word} {e[word]:g}"
        for word in ("value", "threshold", "baseline")
        if isinstance(e.get(word), (int, float))
    ]
    parts += [f"by {e['detector']}" if e.get("detector") else "", str(e.get("note", ""))]
    return Text(safe("  " + "  ".join(p for p in parts if p)))
