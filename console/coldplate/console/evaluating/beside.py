"""The hall without its faults, stepped in a process of its own: half of a run's work, on another core.

Readings come as plain float64 through the process's output, kind by kind, tick by tick; a full pipe holds it back.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Protocol

import msgspec
import numpy as np
from msgspec.structs import replace

from coldplate.agents.collector import Samples
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.metric import CATALOGUE, Kind

WORTH_IT = 100_000
"""GPUs times ticks: less is done before a process has started."""

CLOSE_WITHIN_S = 5.0


class Readings(Protocol):
    """Who gives samples tick by tick."""

    def sample(self, tick_ms: int) -> Samples:
        """Of the next tick."""


class _Elsewhere:
    """Samples that are worked out elsewhere, a tick ahead."""

    def __init__(self, reads: IO[bytes], devices: Mapping[Kind, Sequence[str]]) -> None:
        self._reads = reads
        self._shapes = {k: (len(CATALOGUE[k]), len(ids)) for k, ids in devices.items()}

    def sample(self, tick_ms: int) -> Samples:
        out = {}
        for kind, shape in self._shapes.items():
            told = self._reads.read(8 * shape[0] * shape[1])
            if len(told) < 8 * shape[0] * shape[1]:
                raise RuntimeError(f"the hall without faults ended before {tick_ms} ms")
            out[kind] = np.frombuffer(told, np.float64).reshape(shape)
        return out


def without_faults(scenario: Scenario) -> Scenario:
    """The same hall on the same day."""
    return replace(scenario, faults=(), scatter=0)


@contextmanager
def beside(
    scenario: Scenario, first_ms: int, ticks: int, tick_ms: int, *, worth_it: int = WORTH_IT
) -> Iterator[Readings]:
    """The hall without faults, tick by tick from a time on; its process is over with the context."""
    healthy = without_faults(scenario)
    if scenario.racks * scenario.nodes * scenario.gpus * ticks < worth_it:
        yield TwinCollector(Hall(healthy))
        return
    told = msgspec.json.encode(healthy).decode()
    arguments = [sys.executable, "-m", __name__, told, str(first_ms), str(ticks), str(tick_ms)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield _Elsewhere(process.stdout, TwinCollector(Hall(healthy)).devices)
    finally:
        process.stdout.close()
        process.terminate()
        process.wait(CLOSE_WITHIN_S)


def _step(told: str, first_ms: int, ticks: int, tick_ms: int) -> None:
    """Step the hall and write what it reads; ends when nobody reads any more."""
    collector = TwinCollector(Hall(msgspec.json.decode(told, type=Scenario)))
    try:
        for tick in range(ticks):
            samples = collector.sample(first_ms + tick * tick_ms)
            for kind in collector.devices:
                sys.stdout.buffer.write(np.ascontiguousarray(samples[kind], np.float64).tobytes())
            sys.stdout.buffer.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stdout = None  # nobody reads what is left in its buffer


if __name__ == "__main__":
    _step(sys.argv[1], *(int(a) for a in sys.argv[2:5]))
