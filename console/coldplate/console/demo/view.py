"""Draws the demo on a terminal; on anything else it says what changes, a line each."""

import re
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Self

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from coldplate.console.demo.run import PRODUCERS, Progress
from coldplate.console.demo.watch import Told
from coldplate.wire.incident import Incident, Severity, State

DRAW_S = 0.25
SAY_S = 5.0
RATE_OVER_S = 10.0
PICTURED_S = 5.0
"""The picture is the last drawn with more than this on the countdown."""

COMFORT_K = 40.0
"""A margin that fills the bar."""

_COLOURS = {
    Severity.INFO: "cyan", Severity.TICKET: "blue", Severity.WARNING: "yellow", Severity.CRITICAL: "red",
}  # fmt: skip


class Rates:
    """Frames and values per second, over the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def look(self, counts: dict[str, int]) -> tuple[float, float]:
        """(frames/s, values/s) with these counts."""
        now_s = time.monotonic()
        self._seen.append((now_s, counts.get("frames", 0), counts.get("values", 0)))
        while now_s - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        then_s, frames, values = self._seen[0]
        passed_s = max(now_s - then_s, 0.5)
        return (self._seen[-1][1] - frames) / passed_s, (self._seen[-1][2] - values) / passed_s


class View:
    """Call it with each look at the stack; it draws a few times a second.

    Parameters
    ----------
    console
        Where to.
    svg
        Where the picture of the most telling moment goes: some seconds before the first GPU throttles.
    """

    def __init__(self, console: Console, svg: Path | None = None) -> None:
        self._console, self._svg = console, svg
        self._rates = Rates()
        self._due_s = self._said_s = 0.0
        self._steps: dict[str, str] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Draw, when it is time."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        self._due_s = now_s + DRAW_S
        if self._svg is not None and any(map(_counts_down, progress.sight.incidents.values())):
            canvas = Console(record=True, width=110, file=StringIO(), force_terminal=True)
            canvas.print(self.picture(progress))
            drawn = canvas.export_svg(title="coldplate demo")
            # rich names fonts on a server of others'; the reader's own monospace will do.
            self._svg.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL), "utf-8")
        if self._live is not None:
            self._live.update(self.picture(progress), refresh=True)
        else:
            self._say(progress, now_s)

    def picture(self, progress: Progress) -> RenderableType:
        """All of it."""
        told = list(progress.sight.incidents.values())
        return Group(
            self._head(progress), _parts(progress), _hottest(progress),
            *[_incident(t) for t in told if t.last.severity.pages],
            *[_line(t.last) for t in told if not t.last.severity.pages],
        )  # fmt: skip

    def _head(self, progress: Progress) -> RenderableType:
        frames, values = self._rates.look(progress.counts)
        lag = " ".join(f"{g.removeprefix('coldplate-')} {n}" for g, n in progress.sight.lag.items())
        table = Table.grid(padding=(0, 3))
        table.add_row(
            Text(f"{progress.elapsed_s:5.0f} s", style="bold"),
            f"{frames:,.0f} frames/s", f"{values:,.0f} values/s",
            f"lag {lag or '-'}", f"{progress.sight.rows:,} GPU rows in ClickHouse",
        )  # fmt: skip
        hall = f"live hall: {progress.hall}" if progress.hall else None
        return Panel(
            table, title="coldplate", title_align="left", subtitle=hall, subtitle_align="left", border_style="blue"
        )  # fmt: skip

    def _say(self, progress: Progress, now_s: float) -> None:
        for part in progress.parts:
            self._change(part.name, part.status.value)
        if progress.hall and self._steps.get("hall") != progress.hall:
            self._steps["hall"] = progress.hall
            self._tell(f"live hall: {progress.hall}")
        for told in progress.sight.incidents.values():
            i = told.last
            words = f"{i.severity.value} {i.state.value} {i.kind} on {i.subject}: {_countdown(i)}"
            if self._steps.get(i.id) != f"{i.state}{i.severity}":
                self._steps[i.id] = f"{i.state}{i.severity}"
                self._tell(f"{progress.elapsed_s:5.0f} s  incident {i.id}: {words} {i.cause}")
        if progress.started_ms and now_s - self._said_s >= SAY_S:
            self._said_s = now_s
            frames, values = self._rates.look(progress.counts)
            hottest = progress.sight.hottest[:1]
            near = f"; least margin {hottest[0][2]:.0f} K on {hottest[0][0]}" if hottest else ""
            self._tell(
                f"{progress.elapsed_s:5.0f} s  {frames:,.0f} frames/s, {values:,.0f} values/s,"
                f" {progress.sight.rows:,} GPU rows{near}"
            )

    def _change(self, name: str, status: str) -> None:
        if self._steps.get(name) != status:
            self._steps[name] = status
            if status in ("healthy", "done", "backing-off", "unhealthy"):
                self._tell(f"{name}: {status}")

    def _tell(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


def _counts_down(told: Told) -> bool:
    i = told.last
    left_s = (i.throttle_at_ms or 0) / 1000 - time.time()
    return left_s > PICTURED_S and i.throttle_seen_ms is None and i.state is State.OPEN


def _parts(progress: Progress) -> RenderableType:
    colours = {"healthy": "green", "done": "green", "starting": "yellow", "waiting": "dim"}
    cells = []
    for part in progress.parts:
        # A producer is a part that ends; while it runs it is as well as can be.
        well = part.name in PRODUCERS and part.status == "starting"
        status = "sending" if well else part.status.value
        cells.append(Text.assemble(
            (f"{part.name} ", "bold"), (status, "green" if well else colours.get(status, "red")),
        ))  # fmt: skip
    return Padding(Columns(cells, padding=(0, 3)), (0, 2))


def _hottest(progress: Progress) -> RenderableType:
    table = Table(
        box=None, padding=(0, 2), title="hottest GPUs", title_justify="left", title_style="bold"
    )
    for column, justify in (
        ("GPU", "left"),
        ("degC", "right"),
        ("W", "right"),
        ("margin", "right"),
        ("", "left"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for gpu, celsius, margin, watts in progress.sight.hottest:
        colour = "red" if margin <= 3 else "yellow" if margin <= 10 else "green"
        blocks = max(0, min(20, round(20 * margin / COMFORT_K)))
        bar = Text("█" * blocks + "·" * (20 - blocks), style=colour)
        table.add_row(
            gpu, f"{celsius:.0f}", f"{watts or 0:.0f}", Text(f"{margin:.0f} K", style=colour), bar
        )
    return table


def _incident(told: Told) -> RenderableType:
    i = told.last
    colour = "green" if i.state is State.CLOSED else _COLOURS[i.severity]
    return Panel(
        Group(*_words(i)), border_style=colour, title_align="left",
        title=f"{'closed' if i.state is State.CLOSED else i.severity.value.upper()}  {i.kind} on {i.subject}",
        subtitle=f"incident {i.id}, opened {_clock(i.opened_ms)}", subtitle_align="left",
    )  # fmt: skip


def _words(i: Incident) -> Iterator[RenderableType]:
    yield Text(i.cause, style="bold")
    yield Text(_countdown(i), style="bold red" if i.state is State.OPEN else "green")
    if i.affected:
        heats = "heated" if i.state is State.CLOSED else "heats"
        yield Text(f"{heats} {len(i.affected)} GPUs, first {', '.join(i.affected[:3])}")
    for e in i.evidence[:2]:
        usual = f", usually {e.baseline:,.1f}" if e.baseline is not None else ""
        yield Text(
            f"{e.subject} {e.metric} {e.value or 0:,.1f}{usual}  [{e.detector}]", style="dim"
        )


def _countdown(i: Incident) -> str:
    if i.state is State.CLOSED:
        return f"over since {_clock(i.closed_ms or i.updated_ms)}."
    if i.throttle_seen_ms is not None:
        said = ""
        if i.throttle_at_ms is not None:
            off_s = (i.throttle_seen_ms - i.throttle_at_ms) / 1000
            said = f", forecast was {abs(off_s):.0f} s {'early' if off_s > 0 else 'late'}"
        return f"GPUs throttle since {_clock(i.throttle_seen_ms)}{said}."
    if i.throttle_at_ms is not None:
        left_s = max(0.0, i.throttle_at_ms / 1000 - time.time())
        return f"first GPU throttles in {left_s:.0f} s."
    return ""


def _line(i: Incident) -> RenderableType:
    return Text(f"  {i.severity.value}: {i.cause}", style=_COLOURS[i.severity])


def _clock(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%H:%M:%SZ")
