"""Draws a node: a line of columns a GPU where the terminal is wide, two where it is narrow.

A cell that has nothing to show shows `-`. Colours say what words and numbers say too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from coldplate.console.top.picture import Gpu, Picture, Told, Values
from coldplate.console.top.reasons import GRAVE

WIDE = 150
"""From so many columns on a GPU has one line."""

GAP = "  "
NAME = 6

CALM = "green"
WARM = "yellow"
HOT = "red"

GIB = 2.0**30


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What bars are made of."""

    full: str = "█"
    band: str = "▒"
    rest: str = "·"
    degree: str = "°C"


ASCII = Glyphs("#", "=", ".", "C")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture as rich draws it, in the width that there is.

    Parameters
    ----------
    picture
        What is to be shown.
    """

    picture: Picture

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All of it, cut at the terminal's edges."""
        glyphs = ASCII if options.ascii_only else Glyphs()
        lines = list(_lines(self.picture, options.max_width, glyphs))
        # A terminal's last line stays free, or it would scroll.
        room = console.height - 1 if console.is_terminal else len(lines)
        if len(lines) > room:
            lines = list(_lines(self.picture, options.max_width, glyphs, jobs=False))
        if len(lines) > room:
            left = len(lines) - room + 1
            lines[room - 1 :] = [Text(f"{left} more lines; a taller terminal shows them")]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        yield Group(*lines)


def _lines(picture: Picture, width: int, glyphs: Glyphs, *, jobs: bool = True) -> Iterator[Text]:
    yield from _head(picture, glyphs)
    yield Text("")
    if not picture.gpus:
        yield Text("no GPU answers")
    wide = width >= WIDE
    for i, gpu in enumerate(picture.gpus):
        power, heat = _power(gpu, glyphs), _heat(gpu, glyphs)
        rows = [power + heat] if wide else [power, heat]
        if i == 0:
            for n, row in enumerate(rows):
                yield _row(
                    "GPU" if n == 0 else "",
                    [replace(c, text=c.title, style="") for c in row],
                    "bold",
                )
        for n, row in enumerate(rows):
            yield _row(gpu.name if n == 0 else "", row)
        if said := _said(gpu, picture.t_ms, jobs=jobs):
            yield said
    if picture.told:
        yield Text("")
    for told in picture.told:
        yield _event(told)
    for name, why in picture.unwell.items():
        yield Text(f"{name}: {why}", style=WARM)


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a line, as wide as it is said to be.

    Parameters
    ----------
    text
        Padded or cut to the width.
    width
        In columns.
    style
        As rich has it.
    title
        Its heading.
    right
        Whether it stands at the right, as numbers do.
    """

    text: str
    width: int
    style: str = ""
    title: str = ""
    right: bool = False


def _row(name: str, cells: Sequence[Cell], style: str = "") -> Text:
    out = Text(f"{name:<{NAME}.{NAME}}", style=style or "bold")
    for i, cell in enumerate(cells):
        # The last may run on to the terminal's edge.
        cut = cell.text[: cell.width if i < len(cells) - 1 else None]
        padded = cut.rjust(cell.width) if cell.right else cut.ljust(cell.width)
        out.append(GAP)
        out.append(padded, style=cell.style or style or "not bold")
    out.rstrip()
    return out


def _number(values: Values, name: str, form: str = ".0f", factor: float = 1.0) -> str:
    value = values.get(name)
    return "-" if value is None else format(value * factor, form)


def _power(gpu: Gpu, glyphs: Glyphs) -> list[Cell]:
    """What it does and draws."""
    v = gpu.values
    util, power, limit = v.get("gpu_util_ratio"), v.get("power_w"), v.get("power_limit_w")
    low, high = v.get("power_min_w"), v.get("power_max_w")
    band = "-" if low is None or high is None else f"{low:.0f}-{high:.0f}"
    hz, amplitude = v.get("swing_hz"), v.get("swing_w")
    swing = "-" if hz is None or amplitude is None else f"{hz:.2f} Hz {amplitude:.0f} W"
    capped = power is not None and limit is not None and power > 0.98 * limit
    return [
        Cell(_bar(util, util, 1.0, 10, glyphs), 10, CALM, "busy"),
        Cell(_number(v, "gpu_util_ratio", ".0f", 100.0), 3, title="%", right=True),
        Cell(_bar(low or power, high or power, limit, 12, glyphs), 12, WARM if capped else CALM, "power"),
        Cell(f"{_number(v, 'power_w')}/{_number(v, 'power_limit_w')}", 9, title="W/limit", right=True),
        Cell(band, 9, title="min-max W", right=True),
        Cell(swing, 13, title="swing", right=True),
    ]  # fmt: skip


def _heat(gpu: Gpu, glyphs: Glyphs) -> list[Cell]:
    """How it is cooled, and what its clock makes of that."""
    v = gpu.values
    margin, r, held = v.get("margin_c"), gpu.resistance, gpu.held_by
    warmth = "" if margin is None else HOT if margin <= 3 else WARM if margin <= 10 else CALM
    why = "-" if held is None else ",".join(held) or "free"
    grave = held is not None and any(word in GRAVE for word in held)
    return [
        Cell(_number(v, "gpu_c"), 3, warmth, glyphs.degree, right=True),
        Cell(_number(v, "hbm_c"), 3, title="HBM", right=True),
        Cell(_number(v, "margin_c"), 6, warmth, "margin", right=True),
        Cell("-" if r is None else f"{r.k_per_w:.4f} {r.against}", 13, title="R K/W against", right=True),
        Cell(_number(v, "sm_clock_mhz"), 4, title="MHz", right=True),
        Cell(_number(v, "mem_used_bytes", ".1f", 1 / GIB), 7, title="mem GiB", right=True),
        Cell(why, 21, HOT if grave else "", "clock held by"),
    ]  # fmt: skip


def _bar(
    low: float | None, high: float | None, whole: float | None, width: int, glyphs: Glyphs
) -> str:
    """Full up to `low`, banded up to `high`; `-` where that cannot be told."""
    if low is None or high is None or not whole:
        return "-"
    full = max(0, min(width, round(width * low / whole)))
    upto = max(full, min(width, round(width * high / whole)))
    return glyphs.full * full + glyphs.band * (upto - full) + glyphs.rest * (width - upto)


def _said(gpu: Gpu, t_ms: int, *, jobs: bool) -> Text | None:
    """A line of its own for whose it is and what ails it; None when there is nothing to say."""
    v = gpu.values
    out = Text(" " * NAME + GAP, style="not bold")
    if gpu.job and jobs:
        out.append(f"job {gpu.job}{f' of {gpu.user}' if gpu.user else ''}{GAP}", style="cyan")
    for name, words in (
        ("ecc_uncorrected_total", "uncorrected ECC"),
        ("ecc_corrected_total", "corrected ECC"),
        ("remap_pending", "row remap waits for a reset"),
        ("remap_failed", "row remap failed"),
        ("recovery_action", "recovery action"),
        ("needs_reset", "needs reset"),
    ):
        if v.get(name):
            out.append(
                f"{words} {v[name]:.0f}{GAP}", style=WARM if name == "ecc_corrected_total" else HOT
            )
    if gpu.xid is not None:
        ago_s = max(0, t_ms - gpu.xid.t_ms) / 1000
        out.append(f"XID {gpu.xid.code} {ago_s:.0f} s ago", style=HOT)
    out.rstrip()
    return out if out.plain else None


def _head(picture: Picture, glyphs: Glyphs) -> Iterator[Text]:
    v = picture.values
    clock = datetime.fromtimestamp(picture.t_ms / 1000, UTC).strftime("%H:%M:%SZ")
    yield Text.assemble((picture.node, "bold"), GAP, clock, GAP, *_clock(v))
    cells = [
        f"node {_number(v, 'node_power_w')} W",
        f"CPU {_number(v, 'cpu_util_ratio', '.0f', 100.0)} % {_number(v, 'cpu_power_w')} W",
        f"{_number(v, 'cpu_c')} {glyphs.degree}",
        f"memory {_number(v, 'mem_available_bytes', '.0f', 1 / GIB)} GiB free",
        f"air {_number(v, 'air_inlet_c')} {glyphs.degree}",
    ]
    yield Text(GAP.join(cells))
    for cdu, w in picture.water.items():
        yield _water(cdu, w, glyphs)


def _clock(v: Values) -> list[tuple[str, str] | str]:
    wrong, error_s = v.get("clock_wrong"), v.get("clock_error_s")
    if wrong:
        return [("clock WRONG", HOT)]
    known = "" if error_s is None else f" within {error_s * 1000:.0f} ms"
    return ["clock -" if wrong is None else f"clock right{known}"]


def _water(cdu: str, v: Values, glyphs: Glyphs) -> Text:
    pumps = "/".join(_number(v, f"pump{i}_rpm") for i in (1, 2))
    cells = [
        f"water {cdu}",
        f"supply {_number(v, 'supply_c', '.1f')} {glyphs.degree}",
        f"return {_number(v, 'return_c', '.1f')} {glyphs.degree}",
        f"{_number(v, 'flow_lpm')} l/min",
        f"pumps {pumps} rpm",
    ]
    out = Text(GAP.join(cells))
    if v.get("leak"):
        out.append(f"{GAP}LEAK", style=HOT)
    return out


def _event(told: Told) -> Text:
    at = datetime.fromtimestamp(told.t_ms / 1000, UTC).strftime("%H:%M:%SZ")
    code = "" if told.code is None else f" {told.code}"
    return Text(f"{at} {told.kind}{code} {told.subject} {told.text}".rstrip(), style=WARM)
