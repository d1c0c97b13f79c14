"""What cells are coloured by, and the seven steps of it.

The palette is viridis: it rises in lightness alone, so who sees no red or green, or no colours, reads it too; and each
cell has its step as a digit. Incidents and silence have a sign besides.

References
----------
Smith and van der Walt, A Better Default Colormap for Matplotlib, SciPy 2015.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from rich.style import Style

from coldplate.console.live.picture import RANK, Gpu, Hall, Rack

PALETTE = ("#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725")
GREYS = ("#262626", "#303030", "#3a3a3a", "#444444", "#4e4e4e", "#585858", "#626262")
EMPTY = "#1c1c1c"
STEPS = len(PALETTE)
LIGHT_FROM = 4

SIGNS = {"critical": "!", "warning": "*", "ticket": "+", "info": "'"}
SILENT = "."
STEP_OF = {"info": 1, "ticket": 2, "warning": 4, "critical": 6}
"""Of incidents: their colours lie apart."""


@dataclass(frozen=True, slots=True)
class Shade:
    """One way to colour.

    Parameters
    ----------
    word, name, unit
        For whoever chooses, and for the legend.
    of_rack, of_gpu
        The value; None where it is absent.
    edges
        Between the steps, ascending; () takes them from the values there are.
    falling
        Whether low values are those to look at.
    form
        How a value is written.
    """

    word: str
    name: str
    unit: str
    of_rack: Callable[[Rack], float | None]
    of_gpu: Callable[[Gpu], float | None]
    edges: Sequence[float] = ()
    falling: bool = False
    form: str = ".0f"

    def scale(self, values: Sequence[float | None]) -> Sequence[float]:
        """The edges; where they are not fixed, up to a round number above the greatest value."""
        if self.edges:
            return self.edges
        top = _round_up(max((v for v in values if v is not None), default=1.0))
        return [top * n / STEPS for n in range(1, STEPS)]

    def step(self, value: float, edges: Sequence[float]) -> int:
        """0 is nothing to look at, 6 the first thing to look at."""
        n = bisect_right(edges, value)
        return STEPS - 1 - n if self.falling else n


def _per_kw(watts: float | None) -> float | None:
    return None if watts is None else watts / 1000


MARGIN = Shade(
    "margin", "least margin", "K", lambda r: r.margin_c, lambda g: g.values.get("margin_c"),
    (2.0, 5.0, 10.0, 15.0, 20.0, 30.0), falling=True,
)  # fmt: skip
TEMPERATURE = Shade(
    "temperature", "hottest GPU", "C", lambda r: r.gpu_c, lambda g: g.values.get("gpu_c"),
    (40.0, 50.0, 60.0, 70.0, 80.0, 85.0),
)  # fmt: skip
POWER = Shade(
    "power", "power", "kW", lambda r: _per_kw(r.power_w), lambda g: _per_kw(g.values.get("power_w")),
    form=".3g",
)  # fmt: skip
FLOW = Shade(
    "flow",
    "flow",
    "l/min",
    lambda r: r.water.get("flow_lpm"),
    lambda _: None,
    falling=True,
    form=".3g",
)
INCIDENT = Shade("incident", "incident", "", lambda _: None, lambda _: None)
SHADES = (MARGIN, TEMPERATURE, POWER, FLOW, INCIDENT)


@dataclass(frozen=True, slots=True)
class Look:
    """A rack's cell.

    Parameters
    ----------
    sign
        Of its worst incident, or of its silence; " " for neither.
    step
        Of its value; None where that is absent.
    text
        The value.
    old
        Whether nothing came since.
    """

    sign: str
    step: int | None
    text: str
    old: bool = False

    @property
    def digit(self) -> str:
        """The step as a digit."""
        return " " if self.step is None else str(self.step)


def looks(hall: Hall, shade: Shade) -> list[Look]:
    """A cell a rack, in their order."""
    worst = hall.worst()
    values = [shade.of_rack(rack) for rack in hall.racks]
    edges = shade.scale(values)
    out = []
    for rack, value in zip(hall.racks, values, strict=True):
        incident, silent = worst.get(rack.id), rack.silent(hall.now_ms)
        sign = SIGNS.get(incident.severity, "+") if incident else SILENT if silent else " "
        if shade is INCIDENT:
            step = STEP_OF.get(incident.severity, 2) if incident else None if silent else 0
            out.append(Look(sign, step, incident.severity if incident else ""))
        elif value is None:
            out.append(Look(sign, None, "-"))
        else:
            step, text = shade.step(value, edges), format(value, shade.form)
            out.append(Look(sign, step, text, silent))
    return out


@cache
def style(step: int | None, *, grey: bool = False, at: bool = False) -> Style:
    """Of a cell; `at` is where the cursor stands."""
    if step is None:
        back, light = EMPTY, False
    else:
        back, light = (GREYS if grey else PALETTE)[step], not grey and step >= LIGHT_FROM
    plain = Style(color="#000000" if light else "#e4e4e4", bgcolor=back)
    return plain + Style(reverse=True, bold=True, underline=True) if at else plain


def colour(step: int | None, *, grey: bool = False) -> str:
    """Of half a cell."""
    return EMPTY if step is None else (GREYS if grey else PALETTE)[step]


def legend(hall: Hall, shade: Shade) -> list[tuple[int, str]]:
    """Steps with the values they stand for, first what is to be looked at."""
    if shade is INCIDENT:
        by_rank = sorted(STEP_OF, key=lambda s: -RANK[s])
        return [(STEP_OF[s], f"{SIGNS[s]} {s}") for s in by_rank] + [(0, "none")]
    edges = shade.scale([shade.of_rack(rack) for rack in hall.racks])
    written = [format(e, shade.form) for e in edges]
    spans = [f"<{written[0]}"]
    spans += [f"{a}-{b}" for a, b in pairwise(written)]
    spans.append(f">={written[-1]}")
    steps = [(STEPS - 1 - n if shade.falling else n, text) for n, text in enumerate(spans)]
    return [(step, f"{step}:{text}") for step, text in sorted(steps, reverse=True)]


def _round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7, 10 times a power of ten."""
    power = 1.0
    while value > 10 * power:
        power *= 10
    while 0 < value <= power and power > 1e-6:
        power /= 10
    return next(n * power for n in (1, 1.5, 2, 3, 5, 7, 10) if n * power >= value or n == 10)


def shade_of(word: str) -> Shade:
    """The one of that word."""
    return next(s for s in SHADES if s.word == word)
