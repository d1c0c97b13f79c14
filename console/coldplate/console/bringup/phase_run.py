"""`coldplate board phase`: one picture, or the terminal's, again and again."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from coldplate.console.bringup.phase_asked import seen
from coldplate.console.bringup.phase_watch import Limits, Watched, watched
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.run import live, printed
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.job.spans import find
from coldplate.console.live.words import lasted, number, safe, spark
from coldplate.console.output import print_json
from coldplate.console.querying import Asking

RAMP = "ramp-too-steep"
SPARK, SPARK_S = 60, 600.0
WARMEST, FIRST = 5, 8


def run(
    context: Context, plan: Plan, job: str, every_s: float, at_ms: int | None, *, once: bool, as_json: bool
) -> bool:  # fmt: skip
    """Show a phase; whether all was well, as far as one picture tells.

    Raises
    ------
    Failure
        No such job, no history, or no terminal.
    """
    limits = limits_of(context, plan)
    with closing(Asking(context)) as asking:

        def look() -> Watched:
            now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
            return watched(seen(asking, find(asking, job, now_ms), now_ms), limits)

        if once or as_json or at_ms is not None:
            found = look()
            if as_json:
                print_json(found.told())
            else:
                printed(Drawing(found))
            return not found.wrongs
        live(lambda: Drawing(look()), every_s)
        return True


def limits_of(context: Context, plan: Plan) -> Limits:
    """The detector's share of the site's power as the utility's limit; the rest is the plan's.

    Raises
    ------
    Failure
        The file of parameters cannot be used.
    """
    on = [d.on for d in context.parameters().detectors if d.name == RAMP]
    if not on:
        raise Failure(f"no detector is called {RAMP}: its `on` is the utility's limit as a share of the site's power")  # fmt: skip
    return Limits(on[0] * plan.site_mw, plan.swing_mw, plan.margin_k)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A phase as rich draws it.

    Parameters
    ----------
    found
        What is to be shown.
    away
        Why it is of the past; "" when it is not.
    """

    found: Watched
    away: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All of it, a line each."""
        lines = list(_lines(self.found, self.away))
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        yield Group(*lines)


def _lines(found: Watched, away: str) -> Iterator[Text]:
    s, limits, failures = found.seen, found.limits, found.failures
    if away:
        yield Text(f"ClickHouse away: {safe(away)}; it is asked again", style="bold reverse")
    for words in found.wrongs:
        yield Text(f"WRONG  {safe(words)}", style="bold reverse red")
    for words in found.nears:
        yield Text(f"near   {safe(words)}", style="yellow")
    if not found.wrongs and not found.nears:
        yield Text("well: nothing is out of its bounds", style="green")
    state = "runs" if s.job.running else "has ended"
    yield Text(f"job {safe(s.job.name)} {state}, {lasted((s.now_ms - s.job.begin_ms) / 1000)}, {len(s.job.gpus):,} GPUs in {len(s.job.racks)} racks", style="bold")  # fmt: skip
    power_mw = s.power_w[-1][1] / 1e6 if s.power_w else None
    yield Text(f"power {number(power_mw, '.3f', 'MW')} by {s.source or 'no meter'}  steepest {number(found.ramp.mw_s, '+.3f', 'MW/s')} of {limits.ramp_mw_s:.1f}")  # fmt: skip
    yield Text(f"      {spark(list(s.power_w), SPARK, s.now_ms, SPARK_S)} 10 min")
    yield Text(f"swing {number(found.swing_mw, '.3f', 'MW')} of {limits.swing_mw:g} at {number(s.swing_hz, '.2f', 'Hz')}")  # fmt: skip
    yield Text(f"failures {failures.found}; usual by now {failures.low:.1f} to {failures.high:.1f}, too many above {failures.most}")  # fmt: skip
    for b in s.broken[:FIRST]:
        yield Text(f"  {lasted((b.opened_ms - s.job.begin_ms) / 1000):>11}  {safe(b.kind)}  {safe(b.subject)}")  # fmt: skip
    yield Text("warmest racks", style="dim")
    for r in s.racks[:WARMEST]:
        yield Text(f"  {safe(r.rack, 16)} {number(r.gpu_c, '.0f', 'degC'):>9}  margin {number(r.margin_c, '.0f', 'K'):>6}  held down {r.throttled}")  # fmt: skip
