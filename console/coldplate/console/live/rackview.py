"""One rack: its water, its GPUs, its last ten minutes."""

from collections.abc import Mapping

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Footer, Static

from coldplate.console.live.draw import incident_line, rack_line
from coldplate.console.live.gpugrid import GpuGrid
from coldplate.console.live.picture import Open, Series, Values
from coldplate.console.live.shade import MARGIN, SIGNS
from coldplate.console.live.view import View, one_line
from coldplate.console.live.words import number, safe, span_of, spark

SPAN_S = 600.0
NAME, TELL = 18, 26


class RackView(View):
    """A rack.

    Parameters
    ----------
    rack
        Its id.
    gpu
        Where the cursor is to stand; "" for the first.
    """

    CSS = """
    RackView #strip { height: 2; }
    RackView #rack { height: 1; text-style: bold; }
    RackView #said { height: auto; max-height: 3; }
    RackView #water { height: auto; }
    RackView #heading { height: 1; color: $text-muted; }
    RackView GpuGrid { height: 1fr; min-height: 4; }
    RackView #series { height: auto; }
    """

    def __init__(self, rack: str, gpu: str = "") -> None:
        super().__init__()
        self.rack, self._gpu = rack, gpu

    def compose(self) -> ComposeResult:
        """From what is asked first to what is asked last."""
        yield Static(id="strip")
        yield Static(id="rack")
        yield Static(id="said")
        yield Static(id="water")
        yield Static(id="heading")
        yield GpuGrid(id="gpus")
        yield Static(id="series")
        yield Footer(show_command_palette=False)

    @property
    def incident(self) -> Open | None:
        """The worst of this rack."""
        hall = self.live.hall
        return hall.worst().get(self.rack) if hall else None

    def renew(self) -> None:
        """Draw all of it."""
        super().renew()
        live, hall = self.live, self.live.hall
        if hall is None:
            return
        rack = next((r for r in hall.racks if r.id == self.rack), None)
        text = rack_line(rack, hall) if rack else Text(f"{safe(self.rack)} is not in the inventory")
        self.query_one("#rack", Static).update(one_line(text))
        here = [o for o in hall.incidents if o.rack == self.rack]
        lines = [one_line(incident_line(o, hall.now_ms)) for o in here[:3]]
        self.query_one("#said", Static).update(one_line(Text("\n").join(lines)))
        self.query_one("#water", Static).update(water(rack.water) if rack else Text(""))
        grid = self.query_one(GpuGrid)
        gpus = live.detail.gpus.get(self.rack, ())
        shade = live.shade if any(live.shade.of_gpu(g) is not None for g in gpus) else MARGIN
        heading = (
            f"GPUs, step:{shade.name} in {shade.unit}; ! held down by heat or power brake, . silent"
        )
        self.query_one("#heading", Static).update(one_line(Text(heading)))
        signs = {o.subject: SIGNS.get(o.severity, "+") for o in reversed(here)}
        if gpus and self._gpu:
            grid.show(gpus, shade, hall.now_ms, signs, grey=live.grey)
            grid.go(self._gpu)
            self._gpu = ""
        grid.show(gpus, shade, hall.now_ms, signs, grey=live.grey)
        series = live.detail.series if live.detail.shown.rack == self.rack else {}
        self.query_one("#series", Static).update(
            lines_of({n: series.get(n, ()) for n in ("power_w", "flow_lpm", "gpu_c", "margin_c")},
                     hall.now_ms, self.size.width)
        )  # fmt: skip

    def on_gpu_grid_opened(self, message: GpuGrid.Opened) -> None:
        """Show it."""
        self.live.open_gpu(self.rack, message.gpu)


def water(values: Values) -> Text:
    """The CDU's numbers; a leak stands out."""

    def told(name: str, form: str, unit: str) -> str:
        return number(values.get(name), form, unit)

    pumps = "/".join(number(values.get(f"pump{n}_rpm"), ".0f") for n in (1, 2))
    text = Text(
        f"CDU  supply {told('supply_c', '.1f', 'C')}  return {told('return_c', '.1f', 'C')}"
        f"  flow {told('flow_lpm', '.1f', 'l/min')}  pumps {pumps} rpm\n"
        f"     pressure {told('supply_kpa', '.0f', 'kPa')} / {told('return_kpa', '.0f', 'kPa')}"
        f"  filter {told('filter_kpa_delta', '.0f', 'kPa')}"
        f"  reservoir {number(_percent(values.get('reservoir_ratio')), '.0f', '%')}"
        f"  room {told('room_c', '.1f', 'C')}, dew point {told('dew_point_c', '.1f', 'C')}  "
    )
    leak = values.get("leak")
    text.append(
        "leak -" if leak is None else "LEAK" if leak else "no leak", "bold reverse" if leak else ""
    )
    return text


def lines_of(series: Mapping[str, Series], now_ms: int, width: int) -> Text:
    """A line of bars a metric, with its range and its last value."""
    room = max(10, width - NAME - TELL - 2)
    out = []
    for name, points in series.items():
        span = span_of(points)
        told = "-" if span is None else f"{points[-1][1]:.4g} ({span[0]:.4g} to {span[1]:.4g})"
        out.append(one_line(Text(f"{name:<{NAME}} {spark(points, room, now_ms, SPAN_S)} {told}")))
    out.append(Text(f"the last {SPAN_S / 60:.0f} minutes, now at the right", "dim"))
    return one_line(Text("\n").join(out))


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio
