"""Changes of racks' states as they come in, for the benchmark of the board: `python -m` this, with ClickHouse's URL in the environment.

Half of what is not in test has been accepted, the rest is on its way. Each rack in test comes to its next step every ten
seconds; now and then one is held, and goes on at its next.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from coldplate.console.bringup.states import HELD, WAY, Change
from coldplate.sinks.client import Client
from coldplate.sinks.settings import ClickHouseSettings

URL = "COLDPLATE_BENCH_FEED"
STEP_S = 10.0
GPUS, HOUR_MS = 64, 3_600_000
HOURS = (0.0, 6.0, 1.5, 4.0, 1.5, 2.0, 1.0, 74.0)
TESTING = WAY.index("burning-in")
PHASES = ("hold", "rope", "idle", "half", "full", "failover", "steps", "soak", "restart")


def changes_before(racks: int, testing: int, now_ms: int, seed: int = 1) -> list[Change]:
    """A bring-up that is half done: rack by rack all states that it has come to.

    Parameters
    ----------
    racks, testing
        Of the hall, and of them in test.
    now_ms
        All is before it.
    seed
        Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    out: list[Change] = []
    accepted = (racks - testing) // 2
    way = max(1, (racks - testing - accepted) // 2)
    for n in range(accepted + testing + way):
        at = len(WAY) - 1 if n < accepted else TESTING if n < accepted + testing else int(rng.integers(1, TESTING))  # fmt: skip
        lasted = [h * rng.uniform(0.8, 1.2) for h in HOURS[1:at]]
        t = now_ms - HOUR_MS * (sum(lasted) + 1 + (accepted - n) * 0.25 if n < accepted else sum(lasted) + 1)  # fmt: skip
        for state, hours in zip(WAY[1 : at + 1], (0.0, *lasted), strict=True):
            t += HOUR_MS * hours
            out.append(Change(name_of(n), round(t), state, gpus=GPUS, who="bench"))
    return out


def name_of(rack: int) -> str:
    """As the generated inventory has it."""
    return f"rack-{rack:04d}"


def columns_of(changes: Sequence[Change]) -> dict[str, list[Any]]:
    """As table `commissions` takes them."""
    return {
        "rack": [c.rack for c in changes], "t": [c.t_ms for c in changes], "state": [c.state for c in changes],
        "step": [c.step for c in changes], "cause": [c.cause for c in changes], "verdict": [c.verdict for c in changes],
        "held": [list(c.held) for c in changes], "gpus": [c.gpus for c in changes], "who": [c.who for c in changes],
        "certificate": [""] * len(changes),
    }  # fmt: skip


def feed(racks: int, testing: int, rng: np.random.Generator) -> Iterator[tuple[str, str, str]]:
    """Rack, state and step of one change after the other, without end."""
    first = (racks - testing) // 2
    names = [name_of(first + n) for n in range(testing)]
    at = rng.integers(len(PHASES), size=testing)
    while True:
        at = (at + 1) % len(PHASES)
        for rack, phase in zip(names, at.tolist(), strict=True):
            yield rack, HELD if rng.random() < 0.01 else WAY[TESTING], PHASES[phase]


def main() -> int:
    """Write until told to stop; then say when each change was had."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    racks, testing = int(sys.argv[1]), int(sys.argv[2])
    changes, written = feed(racks, testing, np.random.default_rng(2)), {}
    gap_s, due_s = STEP_S / testing, time.monotonic()
    with Client(ClickHouseSettings.from_url(os.environ[URL])) as client:
        while not stop.wait(max(0.0, due_s - time.monotonic())):
            due_s += gap_s
            rack, state, step = next(changes)
            t_ms = time.time_ns() // 1_000_000
            cause = "coupling" if state == HELD else ""
            change = Change(rack, t_ms, state, step, cause, gpus=GPUS, who="bench")
            client.insert("commissions", columns_of([change]), None)
            written[f"{rack} {t_ms}"] = t_ms
    sys.stdout.write(f"{json.dumps(written)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
