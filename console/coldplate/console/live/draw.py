"""Draws the hall as lines of a terminal; the same for the screen, for `--once` and for tests."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from coldplate.console.live.grid import GRID_COLUMNS, Grid
from coldplate.console.live.picture import STALE_S, Gpu, Hall, Open, Rack
from coldplate.console.live.shade import SIGNS, Shade, colour, legend, looks, style
from coldplate.console.live.words import aged, lasted, number, safe

Line = list[Segment]
FAINT = Style(dim=True)
ALARM = Style(bold=True, reverse=True)
STRONG = Style(bold=True)


def strip(hall: Hall | None, age_s: float | None, away: str) -> list[Text]:
    """The two lines above all: the hall in numbers, and how far they can be trusted."""
    if hall is None:
        why = f"ClickHouse away: {safe(away)}; it is asked again" if away else "asking the history"
        return [Text(why, style=ALARM if away else FAINT), Text("")]
    there = {rack.id for rack in hall.racks}
    worst = {rack: o for rack, o in hall.worst().items() if rack in there}
    states = [(s, sum(o.severity == s for o in worst.values())) for s in SIGNS]
    heard = [rack for rack in hall.racks if not rack.silent(hall.now_ms)]
    silent = len(hall.racks) - len(heard)
    margin_c = min((r.margin_c for r in heard if r.margin_c is not None), default=None)
    ramp = (
        "-"
        if hall.ramp_w_s is None
        else f"{hall.ramp_w_s / 1e6:+.3f} MW/s over {hall.ramp_over_s:.0f} s"
    )
    first = Text()
    first.append(
        f"{number(None if hall.power_w is None else hall.power_w / 1e6, '.3f', 'MW')}", STRONG
    )
    first.append(f"  ramp {ramp}  throttled {sum(r.throttled for r in heard)} GPUs")
    first.append(f"  least margin {number(margin_c, '.1f', 'K')}")
    second = Text(f"{len(hall.racks)} racks")
    for severity, count in states:
        if count:
            second.append(
                f"  {SIGNS[severity]} {count} {severity}", STRONG if severity == "critical" else ""
            )
    second.append(f"  . {silent} silent" if silent else "")
    second.append("  ")
    stale = age_s is None or age_s > STALE_S
    if away:
        second.append(f"ClickHouse away: {safe(away)}; ", ALARM)
    second.append(aged(age_s), ALARM if stale or away else STRONG)
    return [first, second]


def key(hall: Hall, shade: Shade, *, grey: bool = False) -> Text:
    """What colours and signs stand for."""
    out = Text(f"{shade.name}{f' in {shade.unit}' if shade.unit else ''}: ")
    for step, words in legend(hall, shade):
        out.append(f" {words} ", style(step, grey=grey))
    out.append("  signs: ! critical * warning + ticket ' info . silent")
    return out


def cells(
    hall: Hall,
    shade: Shade,
    grid: Grid,
    *,
    at: int | None = None,
    grey: bool = False,
    gpus: Mapping[str, Sequence[Gpu]] | None = None,
) -> list[Line]:
    """The map, line by line.

    Parameters
    ----------
    at
        Number of the rack where the cursor stands.
    grey
        Whether this is a picture of the past.
    gpus
        By rack, for cells that show them.
    """
    lines: list[list[tuple[int, Sequence[Segment]]]] = [[] for _ in range(grid.height)]
    for x, y, name in grid.labels:
        lines[y].append((x, [Segment(safe(name)[:8], FAINT)]))
    edges = shade.scale([shade.of_rack(rack) for rack in hall.racks])
    names = short([rack.id for rack in hall.racks])
    for n, (rack, look, (x, y)) in enumerate(
        zip(hall.racks, looks(hall, shade), grid.at, strict=True)
    ):
        of = style(look.step, grey=grey or look.old, at=n == at)
        width = grid.cell.width
        if width == 1:
            lines[y].append((x, [Segment(look.sign if look.sign != " " else look.digit, of)]))
        elif width == 2:
            lines[y].append((x, [Segment(look.sign + look.digit, of)]))
        elif grid.cell.gpus:
            name = look.sign + safe(names[n][-(width - 1) :], width - 1)
            lines[y].append((x, [Segment(name, of)]))
            members = (gpus or {}).get(rack.id, ())
            for m, pair in enumerate(
                _halves(members, shade, edges_of(shade, edges, members), grey=grey)
            ):
                if m + 1 < grid.cell.height:
                    lines[y + 1 + m].append((x, pair))
        else:
            lines[y].append((x, [Segment(safe(names[n][-width:], width), of)]))
            value = f"{look.sign}{look.digit} {look.text}"
            lines[y + 1].append((x, [Segment(safe(value, width), of)]))
    return [_joined(parts) for parts in lines]


def edges_of(shade: Shade, edges: Sequence[float], gpus: Sequence[Gpu]) -> Sequence[float]:
    """Of GPUs: their own where a rack's say nothing about one of them."""
    return edges if shade.edges else shade.scale([shade.of_gpu(g) for g in gpus])


def _halves(
    gpus: Sequence[Gpu], shade: Shade, edges: Sequence[float], *, grey: bool
) -> Iterator[Line]:
    """Two lines of GPUs in one of the terminal's."""
    steps = [
        None if (value := shade.of_gpu(gpu)) is None else shade.step(value, edges) for gpu in gpus
    ]
    for first in range(0, len(steps), 2 * GRID_COLUMNS):
        upper = steps[first : first + GRID_COLUMNS]
        lower = steps[first + GRID_COLUMNS : first + 2 * GRID_COLUMNS]
        lower += [None] * (len(upper) - len(lower))
        yield [
            Segment("▀", Style(color=colour(a, grey=grey), bgcolor=colour(b, grey=grey)))
            for a, b in zip(upper, lower, strict=True)
        ]


def short(names: Sequence[str]) -> list[str]:
    """Names without what all of them begin with.

    Examples
    --------
    >>> short(["rack-0001", "rack-0012"]), short(["a", "b"]), short(["hall/x"])
    (['0001', '0012'], ['a', 'b'], ['x'])
    """
    left = 0
    if names:
        # What the first and the last in order have in common, all have.
        low, high = min(names), max(names)
        same = next(
            (n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low)
        )
        left = max(low[:same].rfind(c) for c in "-/_.: ") + 1
    return [name[left:] for name in names]


def _joined(parts: list[tuple[int, Sequence[Segment]]]) -> Line:
    out: Line = []
    column = 0
    for x, segments in sorted(parts, key=itemgetter(0)):
        if x > column:
            out.append(Segment(" " * (x - column)))
        out += segments
        column = max(x, column) + sum(s.cell_length for s in segments)
    return out


def rack_line(rack: Rack, hall: Hall) -> Text:
    """One rack in a line."""
    water = rack.water
    said = "silent; last: " if rack.silent(hall.now_ms) else ""
    return Text(
        f"{safe(rack.id)} {safe(rack.row)}: {said}{number(_kw(rack.power_w), '.1f', 'kW')}"
        f"  margin {number(rack.margin_c, '.1f', 'K')}  hottest {number(rack.gpu_c, '.1f', 'C')}"
        f"  flow {number(water.get('flow_lpm'), '.1f', 'l/min')}"
        f"  GPUs {rack.seen}/{rack.gpus}, {rack.throttled} throttled"
    )


def incident_line(o: Open, now_ms: int) -> Text:
    """One incident in a line."""
    marks = "".join(
        f" [{w}]"
        for w in (o.acked_by and f"acked by {o.acked_by}", "silenced" if o.silenced else "")
        if w
    )
    line = Text(
        f"{SIGNS.get(o.severity, '+')} {o.severity:<8} ", STRONG if o.severity == "critical" else ""
    )
    ago = lasted((now_ms - o.opened_ms) / 1000)
    line.append(safe(f"{ago:>11}  {o.kind} {o.subject}{marks}: {o.cause}"))
    if o.affected:
        line.append(f" ({o.affected} affected)")
    if o.acked_by or o.silenced:
        line.stylize(FAINT)
    return line


def _kw(watts: float | None) -> float | None:
    return None if watts is None else watts / 1000
