"""What `coldplate live` takes of a core while a hall changes each second; prints one JSON object.

    python bench/live.py [--racks 1563] [--seconds 30] [--size 120x40]

Every rack's values change at each look, so that the whole map is drawn anew; the source is this process's own, so the
figure is that of the terminal's program alone, without what ClickHouse takes.
"""

import argparse
import asyncio
import json
import math
import os
import time
from dataclasses import replace

from coldplate.console.benching.machine import describe
from coldplate.console.live.app import Live
from coldplate.console.live.picture import Detail, Hall, Open, Rack, Shown
from coldplate.wire.inventory import generate

SETTLE_S = 3.0


class Changing:
    """A hall in which all values wander."""

    def __init__(self, racks: int) -> None:
        self.looks = 0
        self._racks = [
            Rack(d.id, d.hall, d.row, 64, seen=64) for d in generate(racks, 1, 1).of_kind("rack")
        ]

    def hall(self) -> Hall:
        """Another each time."""
        self.looks += 1
        now_ms = time.time_ns() // 1_000_000
        racks = [self._rack(n, rack, now_ms) for n, rack in enumerate(self._racks)]
        incidents = [
            Open(f"{n}", "warning", "hot", r.id, r.id, now_ms - 9000, "It is hot.")
            for n, r in enumerate(racks[:: max(1, len(racks) // 20)])
        ]
        return Hall(now_ms, now_ms, racks, incidents, sum(r.power_w or 0 for r in racks), 0.0, 10.0)

    def detail(self, shown: Shown) -> Detail:
        """Nothing is looked at."""
        return Detail(shown)

    def close(self) -> None:
        """Nothing to let go."""

    def _rack(self, n: int, rack: Rack, now_ms: int) -> Rack:
        wave = math.sin(n + self.looks)
        return replace(
            rack, t_ms=now_ms, power_w=4e4 + 1e4 * wave, gpu_c=60 + 20 * wave,
            margin_c=16 - 15 * wave, water={"flow_lpm": 60 + 10 * wave},
        )  # fmt: skip


async def measure(racks: int, seconds: float, size: tuple[int, int]) -> dict[str, object]:
    """Run it for a while without a terminal."""
    source = Changing(racks)
    app = Live(source)
    async with app.run_test(size=size):
        await asyncio.sleep(SETTLE_S)
        began_s, cpu_s, looks = time.monotonic(), time.process_time(), source.looks
        await asyncio.sleep(seconds)
        spent_s, used_s = time.monotonic() - began_s, time.process_time() - cpu_s
    seen = source.looks - looks
    return {
        "racks": racks, "size": "x".join(map(str, size)), "seconds": round(spent_s, 1),
        "looks": seen, "core_ratio": round(used_s / spent_s, 4),
        "cpu_ms_per_look": round(1000 * used_s / max(1, seen), 1), "load_1min": os.getloadavg()[0],
        "machine": describe(),
    }  # fmt: skip


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--racks", type=int, default=1563)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--size", default="120x40")
    given = parser.parse_args()
    width, _, height = given.size.partition("x")
    print(json.dumps(asyncio.run(measure(given.racks, given.seconds, (int(width), int(height))))))


if __name__ == "__main__":
    main()
