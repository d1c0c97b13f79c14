"""The first screen: the map, and the incidents that are open."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from coldplate.console.live.canvas import Lines
from coldplate.console.live.draw import incident_line, key, rack_line
from coldplate.console.live.hallmap import HallMap
from coldplate.console.live.picture import Open
from coldplate.console.live.view import View, one_line


class HallView(View):
    """The hall."""

    CSS = """
    HallView #strip { height: 2; }
    HallView #legend { height: auto; max-height: 2; }
    HallView #at { height: 1; text-style: bold; }
    HallView HallMap { height: 1fr; }
    HallView #heading { height: 1; color: $text-muted; }
    HallView #incidents { height: 25%; min-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "other", "Map/incidents")]

    def compose(self) -> ComposeResult:
        """Strip, legend, map, the rack at the cursor, incidents, keys."""
        yield Static(id="strip")
        yield Static(id="legend")
        yield HallMap(id="map")
        yield Static(id="at")
        yield Static(id="heading")
        yield Lines(id="incidents")
        yield Footer(show_command_palette=False)

    @property
    def incident(self) -> Open | None:
        """That of the list while it has the keys, otherwise the worst of the rack at the cursor."""
        hall, listed = self.live.hall, self.query_one("#incidents", Lines)
        if hall is None:
            return None
        if listed.has_focus:
            return next((o for o in hall.incidents if o.id == listed.chosen), None)
        return hall.worst().get(self.query_one(HallMap).rack)

    def renew(self) -> None:
        """Draw all of it."""
        super().renew()
        live, hall = self.live, self.live.hall
        if hall is None:
            return
        self.query_one("#legend", Static).update(key(hall, live.shade, grey=live.grey))
        self.query_one(HallMap).show(hall, live.shade, live.detail.gpus, grey=live.grey)
        self.query_one("#incidents", Lines).show(
            [incident_line(o, hall.now_ms) for o in hall.incidents], [o.id for o in hall.incidents]
        )
        count = len(hall.incidents)
        heading = (
            f"{count} open incident{'' if count == 1 else 's'}, worst first"
            if count
            else "no open incident"
        )
        self.query_one("#heading", Static).update(Text(heading))
        self._at()
        live.look()

    def action_other(self) -> None:
        """Give the keys to the other half."""
        listed = self.query_one("#incidents", Lines)
        (self.query_one(HallMap) if listed.has_focus else listed).focus()

    def on_hall_map_moved(self) -> None:
        """Say which rack it is."""
        self._at()

    def on_hall_map_opened(self, message: HallMap.Opened) -> None:
        """Show it."""
        self.live.fly(message.rack)

    def on_lines_chosen(self, message: Lines.Chosen) -> None:
        """Fly to the rack of an incident."""
        found = self.incident
        if found is not None and found.id == message.name:
            self.live.fly(found.rack)

    def _at(self) -> None:
        hall, rack = self.live.hall, self.query_one(HallMap).rack
        found = next((r for r in hall.racks if r.id == rack), None) if hall else None
        text = rack_line(found, hall) if found and hall else Text("the inventory has no rack")
        self.query_one("#at", Static).update(one_line(text))
