"""A job's report as one page: text, tables and SVG in one file, which asks for nothing else and needs no script."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.job import tables
from coldplate.console.job.charts import Mark, bands_svg, text
from coldplate.console.job.lines import size, when, who
from coldplate.console.job.report import Report
from coldplate.console.job.style import CSS
from coldplate.console.stack.atomic import write_atomically
from coldplate.sinks.webhooks.telling.moment import day_and_time, length
from coldplate.sinks.webhooks.telling.quantity import say

MARKS_MAX, MARKED = 12, ("critical", "warning")
"""Incidents that are marked in the pictures: tickets are of days, and of halls."""

# Nothing may be fetched or run, whatever a name holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CHARTS = (
    ("power_w", "Power of a GPU"), ("gpu_c", "GPU temperature"), ("gpu_util_ratio", "GPU busy"),
    ("sm_clock_mhz", "SM clock"), ("hbm_c", "HBM temperature"),
)  # fmt: skip


def check_target(path: Path) -> None:
    """Before anything is asked.

    Raises
    ------
    Failure
        The page cannot be written there.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise Failure(f"--report {path}: a name that ends in .html", BAD_INPUT)
    if path.is_dir():
        raise Failure(f"--report {path}: is a folder; name a file in it", BAD_INPUT)
    if not path.parent.is_dir():
        raise Failure(
            f"--report {path}: there is no folder {path.parent}; make it first", BAD_INPUT
        )
    if not os.access(path.parent, os.W_OK):
        raise Failure(f"--report {path}: you may not write into {path.parent}", BAD_INPUT)


def write_page(r: Report, path: Path) -> int:
    """Write it whole or not at all; its length in bytes.

    Raises
    ------
    Failure
        It cannot be written.
    """
    page = page_of(r)
    try:
        write_atomically(path, page, mode=0o644)
    except OSError as error:
        raise Failure(f"--report {path}: {error.strerror or error}", BAD_INPUT) from None
    return len(page.encode())


def page_of(r: Report) -> str:
    """The page."""
    name = text(r.job.name)
    body = [
        _header(r), tables.tiles(r), _key(r), _grid([*_charts(r), tables.held(r)]),
        _grid([tables.earlier(r), tables.stragglers(r)]), _wide(tables.incidents(r)), _wide(tables.figures(r)), _footer(r),
    ]  # fmt: skip
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Job {name}</title><style>{CSS}</style></head>\n'
        f"<body><main>\n{chr(10).join(part for part in body if part)}\n</main></body></html>\n"
    )


def _header(r: Report) -> str:
    state = (
        '<span class="chip warning">running</span>'
        if r.job.running
        else '<span class="chip good">ended</span>'
    )
    notes = [*r.missing()]
    if r.job.running:
        notes.insert(0, f"it still runs: all figures are until {day_and_time(r.at_ms)}")
    runs = r.job.runs()
    if len(runs) > 1:
        ran = length(sum(b - a for a, b in runs))
        notes.append(
            f"{len(runs)} runs, {ran} in all: it was started anew, or its id was used again"
        )
    if r.sharing.jobs:
        others = ", ".join(r.sharing.jobs[:5])
        notes.append(
            f"it shared {len(r.sharing.shares)} of its GPUs with {others}; their energy is divided by time"
        )
    if r.lost:
        notes.append(f"GPUs lost: {', '.join(r.lost[:8])}{' and more' if len(r.lost) > 8 else ''}")
    said = "".join(f'<p class="note">{text(n[:1].upper() + n[1:], 400)}.</p>' for n in notes)
    return (
        f'<header><div class="title"><h1>Job {text(r.job.name)}</h1>{state}</div>'
        f"<p>{text(who(r), 200)} · {text(when(r), 200)}</p><p>{text(size(r), 200)}</p></header>{said}"
    )


def _grid(cards: Sequence[str]) -> str:
    return f'<div class="two">{"".join(cards)}</div>'


def _wide(card: str) -> str:
    return f'<div class="wide">{card}</div>'


def _charts(r: Report) -> Iterable[str]:
    if r.bands is None:
        return
    marks: list[Mark] = [
        (i.opened_at.timestamp() * 1000, i.severity, f"{i.severity}: {i.cause}")
        for i in r.incidents[:MARKS_MAX] if i.severity in MARKED
    ]  # fmt: skip
    for metric, word in _CHARTS:
        if not any(p.p50 is not None for p in r.bands.points[metric]):
            continue
        share = metric.endswith("_ratio")
        svg = bands_svg(
            r.bands, metric, f"{word} over time", begin_ms=r.job.begin_ms, end_ms=r.job.end_ms, marks=marks,
            floor=0.0 if share or metric == "power_w" else None, ceiling=1.0 if share else None,
        )  # fmt: skip
        middle = say(metric, r.bands.median(metric))
        yield f'<section class="card"><h2>{word}<small>median {text(middle)}</small></h2>{svg}</section>'


def _key(r: Report) -> str:
    if r.bands is None:
        return ""
    some = (
        f" of {r.bands.gpus:,} of its {r.bands.of:,} GPUs, evenly chosen"
        if r.bands.gpus < r.bands.of
        else " of its GPUs"
    )
    marked = any(i.severity in MARKED for i in r.incidents[:MARKS_MAX])
    line = "<span>&#9662; incident</span>" if marked else ""
    return (
        f'<div class="key"><span><i class="k1"></i>median{some}</span><span><i class="k2"></i>p5 to p95</span>'
        f'<span><i class="k3"></i>lowest to highest sample</span>{line}<span>times in UTC, steps of {length(r.bands.step_ms)}</span></div>'
    )


def _footer(r: Report) -> str:
    out = [f"Made by coldplate as of {day_and_time(r.at_ms)} in {r.took_s:.1f} s."]
    if r.energy.source:
        out.append(
            f"Energy is of the GPUs alone, by {r.energy.source}; the node's other parts and cooling are not in it."
        )
    if r.bands is not None:
        out.append(f"Pictures from {r.bands.tier}, of buckets wholly within the job.")
    if r.measured is not None:
        some = (
            f" of {r.measured.gpus:,} of its {r.measured.of:,} GPUs"
            if r.measured.gpus < r.measured.of
            else ""
        )
        out.append(f"Figures{some} from {r.measured.tier}.")
    return f"<footer>{''.join(f'<p>{text(line, 300)}</p>' for line in out)}</footer>"
