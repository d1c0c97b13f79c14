"""Shows the board as a terminal would, and says when it first held each change: `python -m` this, with a reader's ClickHouse in the environment."""

import io
import json
import sys
import time
from typing import Any

import psutil
from rich.console import Console

from coldplate.console.bringup.board import Board
from coldplate.console.bringup.draw import Drawing
from coldplate.console.bringup.plan import Plan
from coldplate.console.bringup.run import asking
from coldplate.console.bringup.watching import Watch
from coldplate.console.context import Context

EVERY_S = 1.0
"""As `coldplate board` looks."""

WIDTH, HEIGHT = 160, 60


def look(seconds: float, settle_s: float) -> dict[str, Any]:
    """Figures of a board that was looked at for so long, after a forecast and some time to settle."""
    own = psutil.Process()
    terminal = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT, force_terminal=True)
    seen: dict[str, int] = {}
    with asking(Context()) as ask:
        before_s = _cpu_s(own)
        # One more forecast falls into the time that is measured, and may hold a look up.
        first = Watch(ask, Plan(), settle_s + seconds / 2)
        first.look(wait=True)
        forecast_s = _cpu_s(own) - before_s
        until_s = time.monotonic() + settle_s
        while time.monotonic() < until_s:
            _once(first, terminal, {})
            time.sleep(EVERY_S)
        begin_ms, began_s, began_cpu_s, looks, looked_s = _now_ms(), time.monotonic(), _cpu_s(own), 0, 0.0  # fmt: skip
        while (now_s := time.monotonic()) < began_s + seconds:
            _once(first, terminal, seen)
            looks += 1
            looked_s += time.monotonic() - now_s
            time.sleep(max(0.0, began_s + looks * EVERY_S - time.monotonic()))
        wall_s, end_ms = time.monotonic() - began_s, _now_ms()
        first.close()
        cpu_ratio = max(0.0, _cpu_s(own) - began_cpu_s - forecast_s) / wall_s
    return {
        "begin_ms": begin_ms, "end_ms": end_ms, "seen_ms": seen, "cpu_ratio": cpu_ratio, "looks": looks,
        "look_ms": 1000 * looked_s / looks, "forecast_cpu_s": forecast_s, "rss_mb": round(own.memory_info().rss / 1e6),
    }  # fmt: skip


def _once(watch: Watch, terminal: Console, seen: dict[str, int]) -> None:
    found = watch.look()
    terminal.print(Drawing(found))
    terminal.file = io.StringIO()
    at_ms = _now_ms()
    for name in _held_by(found):
        seen.setdefault(name, at_ms)


def _held_by(board: Board) -> list[str]:
    """Of each rack its newest change; one that another of the same second hid was seen with it."""
    return [f"{s.place.rack} {s.now.t_ms}" for s in board.racks if s.now is not None]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.stdout.write(f"{json.dumps(look(float(sys.argv[1]), float(sys.argv[2])))}\n")
