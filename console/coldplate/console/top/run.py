"""Looks at a node at whole intervals of the wall clock, and shows it, until somebody has seen enough."""

import time
from collections.abc import Iterator
from itertools import islice
from threading import Event

from rich.console import Console
from rich.live import Live

from coldplate.agents.collector import Collector
from coldplate.agents.errors import DevicesChanged
from coldplate.console.context import Context
from coldplate.console.crew import Crew
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.console.output import print_json
from coldplate.console.running import stop_on_signals
from coldplate.console.top.draw import Drawing
from coldplate.console.top.follow import Follow
from coldplate.console.top.keys import Keys
from coldplate.console.top.picture import Picture
from coldplate.wire.metric import Kind

LOOKS = 3
"""With `--once`: shares and counters need two looks, and a slow source one more."""

ANEW_S = 2.0
"""How long devices that have changed are waited for."""

KEY_S = 0.1
"""How soon a key, or another size of the terminal, is noticed."""


def run(
    context: Context, interval_s: float, recording: str | None, *, once: bool, as_json: bool
) -> None:
    """Show this node, or a recording.

    Raises
    ------
    Failure
        When there is no GPU to look at, or the recording cannot be read.
    """
    from coldplate.console.once import local_collector

    watch = _Watch(*local_collector(context, recording), 0.8 * interval_s)
    try:
        with stop_on_signals() as stop:
            looks = _looks(watch, interval_s, stop)
            if once:
                _once(looks, as_json=as_json)
            else:
                _live(looks, stop)
    finally:
        watch.close()


class _Watch:
    """Follows what there is, and anew what there is when devices have changed."""

    def __init__(self, crew: Crew, collector: Collector, deadline_s: float) -> None:
        self._crew, self._collector, self._deadline_s = crew, collector, deadline_s
        if not any(collector.devices.get(kind) for kind in (Kind.GPU, Kind.CDU)):
            why = "; ".join(f"{name}: {text}" for name, text in crew.missing().items())
            self.close()
            raise Failure(
                f"no GPU answers{f' ({why})' if why else ''};"
                " `--recording DIR` shows a recording instead",
                NOT_THERE,
            )
        self._follow = Follow(collector, crew.node)

    def look(self, tick_ms: int) -> Picture | None:
        """The picture at a tick; None while devices change."""
        try:
            return self._follow.look(tick_ms, self._crew.missing())
        except DevicesChanged:
            self._collector.close()
            self._crew.release()
            self._crew.wait(ANEW_S)
            self._collector = self._crew.gather(deadline_s=self._deadline_s)
            self._follow = Follow(self._collector, self._crew.node)
            return None

    def close(self) -> None:
        """Let go of all."""
        self._collector.close()
        self._crew.close()


def _looks(watch: _Watch, interval_s: float, stop: Event) -> Iterator[Picture | None]:
    """A picture at each interval, None some times in between; ends when `stop` is set."""
    interval_ms = round(interval_s * 1000)
    tick = time.time_ns() // 1_000_000 // interval_ms + 1
    while not stop.is_set():
        wait_s = tick * interval_ms / 1000 - time.time()
        if wait_s > 2 * interval_s:
            # The clock was set back.
            tick = time.time_ns() // 1_000_000 // interval_ms + 1
        elif wait_s > 0:
            stop.wait(min(wait_s, KEY_S))
            yield None
        else:
            yield watch.look(tick * interval_ms)
            tick = max(tick, time.time_ns() // 1_000_000 // interval_ms) + 1


def _once(looks: Iterator[Picture | None], *, as_json: bool) -> None:
    pictures = (picture for picture in looks if picture is not None)
    seen = list(islice(pictures, LOOKS))
    if not seen:
        return  # stopped before
    last = seen[-1]
    if as_json:
        print_json(last.as_json())
    else:
        Console(highlight=False).print(Drawing(last))


def _live(looks: Iterator[Picture | None], stop: Event) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        for picture in looks:
            if picture is not None:
                console.print(Drawing(picture))
                console.print()
        return
    shown, size = None, console.size
    with Keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        for picture in looks:
            if "q" in keys.pressed().lower():
                stop.set()
            elif picture is not None or (shown is not None and console.size != size):
                shown, size = picture or shown, console.size
                assert shown is not None
                live.update(Drawing(shown), refresh=True)
