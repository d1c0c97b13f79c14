"""Pictures of a certificate as inline SVG: a mark a GPU, a bar a node, and the course of a pump's failover."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from coldplate.console.job.bands import Bands, Point
from coldplate.console.job.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Mark, bands_svg

CSS = """
.dot{fill:var(--main)}.dot.off{fill:var(--bad)}.line{stroke:var(--warm);stroke-dasharray:4 3}.middle{stroke:var(--soft)}
.stem{fill:var(--main);opacity:.75}.stem.off{fill:var(--bad);opacity:1}
"""
_TICKS = 4


def marks_svg(
    values: Sequence[float | None], names: Sequence[str], label: str, *, unit: str, middle: float,
    low: float, high: float, off: frozenset[str], groups: int = 8, bars: bool = False,
) -> str:  # fmt: skip
    """A mark a device over its place, in groups, between two limits; what is held back stands out.

    Parameters
    ----------
    values, names
        Of each device; None where nothing was measured.
    middle, low, high
        The median, and what is allowed.
    off
        Names that are held back.
    groups
        Into how many the places are parted by lines.
    bars
        Bars from zero instead of dots.
    """
    known = [v for v in values if v is not None]
    if not known:
        return f'<p class="none">{html.escape(label)}: nothing was measured</p>'
    bottom = 0.0 if bars else min(*known, low)
    top = max(*known, high)
    room = 0.08 * (top - bottom or 1.0)
    bottom, top = (0.0 if bars else bottom - room), top + room

    def x(place: float) -> float:
        return LEFT + (place + 0.5) / len(values) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (top - value) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">']
    for n in range(_TICKS + 1):
        at = bottom + n / _TICKS * (top - bottom)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(at):.1f}" y2="{y(at):.1f}"/>')  # fmt: skip
        out.append(f'<text x="{LEFT - 6}" y="{y(at) + 3.5:.1f}" text-anchor="end">{at:.3g}</text>')  # fmt: skip
    for edge, kind in ((low, "line"), (high, "line"), (middle, "middle")):
        out.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(edge):.1f}" y2="{y(edge):.1f}"/>')  # fmt: skip
    each = len(values) / groups
    for n in range(groups):
        place = x(n * each + each / 2 - 0.5)
        out.append(f'<text x="{place:.1f}" y="{HEIGHT - 6}" text-anchor="middle">node {n}</text>')
    wide = 0.6 * (WIDTH - LEFT - RIGHT) / len(values)
    for place, (value, name) in enumerate(zip(values, names, strict=True)):
        if value is None:
            continue
        mark = " off" if name in off else ""
        said = f"<title>{html.escape(name)}: {value:.4g} {unit}</title>"
        out.append(
            f'<rect class="stem{mark}" x="{x(place) - wide / 2:.1f}" y="{y(value):.1f}" width="{wide:.1f}" '
            f'height="{max(y(bottom) - y(value), 0.5):.1f}">{said}</rect>'
            if bars
            else f'<circle class="dot{mark}" cx="{x(place):.1f}" cy="{y(value):.1f}" r="3">{said}</circle>'
        )
    return "".join([*out, "</svg>"])


def failover_svgs(figures: Mapping[str, Any]) -> tuple[str, str]:
    """Flow, and the GPUs' temperatures, while a pump is stopped; its stop and return are marked."""
    begin_ms, step_ms = int(figures["begin_ms"]), round(figures["tick_s"] * 1000)
    flow, gpus = figures["flow_lpm"], figures["gpu_c"]
    end_ms = begin_ms + step_ms * len(flow)
    marks: list[Mark] = [
        (begin_ms + 1000 * at_s, "warning", f"pump {what}") for what, at_s in figures["marks"].items()
    ]  # fmt: skip
    points = {
        "flow_lpm": [Point(v, v, v, v, v) for v in flow],
        "gpu_c": [Point(None, None, None, None, None) if e is None else Point(e[1], e[2], e[3], e[0], e[4]) for e in gpus],
    }  # fmt: skip
    drawn = []
    for metric, label in (("flow_lpm", "Flow while a pump stops"), ("gpu_c", "GPU temperatures while a pump stops")):  # fmt: skip
        there = [n for n, p in enumerate(points[metric]) if p.p50 is not None]
        kept = {metric: [points[metric][n] for n in there]}
        bands = Bands(begin_ms, step_ms, there, kept, "samples", len(gpus), len(gpus))
        drawn.append(bands_svg(bands, metric, label, begin_ms=begin_ms, end_ms=end_ms, marks=marks))
    return drawn[0], drawn[1]
