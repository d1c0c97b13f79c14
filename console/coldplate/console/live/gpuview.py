"""One GPU: all its metrics, and its last ten minutes."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static

from coldplate.console.live.picture import Open
from coldplate.console.live.rackview import lines_of
from coldplate.console.live.view import View
from coldplate.console.live.words import safe
from coldplate.console.top.reasons import words
from coldplate.wire.metric import CATALOGUE, Kind

SERIES = ("power_w", "gpu_c", "hbm_c", "margin_c", "sm_clock_mhz", "gpu_util_ratio")
NAME = max(len(m.name) for m in CATALOGUE[Kind.GPU])
COLUMN = NAME + 18


class GpuView(View):
    """A GPU.

    Parameters
    ----------
    rack, gpu
        Its id, and that of its rack.
    """

    CSS = """
    GpuView #strip { height: 2; }
    GpuView #name { height: 1; text-style: bold; }
    GpuView VerticalScroll { height: 1fr; }
    GpuView #series { height: auto; margin: 0 0 1 0; }
    """

    def __init__(self, rack: str, gpu: str) -> None:
        super().__init__()
        self.rack, self.gpu = rack, gpu

    def compose(self) -> ComposeResult:
        """Bars first, then the table."""
        yield Static(id="strip")
        yield Static(id="name")
        with VerticalScroll():
            yield Static(id="series")
            yield Static(id="metrics")
        yield Footer(show_command_palette=False)

    @property
    def incident(self) -> Open | None:
        """The worst of this GPU; otherwise of its rack."""
        hall = self.live.hall
        if hall is None:
            return None
        own = next((o for o in hall.incidents if o.subject == self.gpu), None)
        return own or hall.worst().get(self.rack)

    def renew(self) -> None:
        """Draw all of it."""
        super().renew()
        detail, hall = self.live.detail, self.live.hall
        known = detail.shown.gpu == self.gpu
        values = detail.values if known else {}
        mask = values.get("clock_event_reasons")
        held = "-" if mask is None else ", ".join(words(int(mask))) or "nothing"
        self.query_one("#name", Static).update(Text(f"{safe(self.gpu)}   clock held by: {held}"))
        if hall is not None:
            series = detail.series if known else {}
            self.query_one("#series", Static).update(
                lines_of({n: series.get(n, ()) for n in SERIES}, hall.now_ms, self.size.width)
            )
        entries = []
        for metric in CATALOGUE[Kind.GPU]:
            value = values.get(metric.name)
            told = "-" if value is None else f"{value:,.6g}"
            unit = "" if metric.unit == "1" else metric.unit
            entries.append(f"{metric.name:<{NAME}} {told} {unit}".rstrip())
        columns = max(1, self.size.width // COLUMN)
        deep = -(-len(entries) // columns)
        lines = [
            "".join(entry.ljust(COLUMN) for entry in entries[n::deep]).rstrip() for n in range(deep)
        ]
        self.query_one("#metrics", Static).update(Text("\n".join(lines)))
