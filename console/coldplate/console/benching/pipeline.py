"""The whole pipeline under the load of a hall: real Kafka, workers, sink, real ClickHouse; everything counted.

The stack is one of its own, whatever is configured, so that nothing of the user's is touched. After a warm-up the load
is measured for the time asked for; then production ends, and workers and sink finish what is left.

Notes
-----
Processor time is that of the measured seconds. A pipeline that keeps up works on as many seconds of data in that time;
of one that does not, `realtime_ratio` is below 1, and more cores would be used if there were any.
"""

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from coldplate.console.benching.crew import clean_environment
from coldplate.console.benching.held import Held
from coldplate.console.benching.load import GPUS, Load, Mode
from coldplate.console.benching.measuring import Run
from coldplate.console.benching.progress import Progress
from coldplate.console.chain import chain, names_of
from coldplate.console.config import Sink
from coldplate.console.config import load as load_config
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.part import Part

NODES_PER_RACK = 8
LARGE_GPUS, LARGE_FLUSH_S, LARGE_ROLLUP_S = 10_000, 5.0, 120.0
"""Of a hall of so many GPUs sinks insert more seldom and make rollups of some minutes at once, as in the chart's values for
such halls: what an insert costs the server hardly depends on its size."""

TWO_SINKS_GPUS = 30_000
"""And of so many there are two of them: a sink waits while it inserts."""

WARM_UP_S = 10.0

PARAMETERS = "[energy-jump]\non = 1e9\nat_once = 1e9\n"
"""What the load does each cycle, jump back with its energy meters, is not to be found: everything else is."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Who stores the history: how many processes, and their settings of the same names."""

    count: int
    flush_s: float
    rollup_s: float

    @staticmethod
    def of(
        gpus: int, count: int | None = None, flush_s: float | None = None, rollup_s: float | None = None,
    ) -> "Sinks":  # fmt: skip
        """What is given, and for what is not what a hall of so many GPUs should have."""
        usual, large = Sink(), gpus >= LARGE_GPUS
        return Sinks(
            count or (2 if gpus >= TWO_SINKS_GPUS else 1),
            (LARGE_FLUSH_S if large else usual.flush_s) if flush_s is None else flush_s,
            (LARGE_ROLLUP_S if large else usual.rollup_s) if rollup_s is None else rollup_s,
        )


def plan(
    gpus: int, racks: int | None, ticks: int, metrics: str, seconds: float, *,
    mode: Mode = "faults", seed: int = 1, pause_s: float = 0.0,
) -> Load:  # fmt: skip
    """The load for so many GPUs: whole nodes of 8, and 8 nodes a rack unless told otherwise."""
    nodes = math.ceil(gpus / GPUS)
    racks = racks or math.ceil(nodes / NODES_PER_RACK)
    if racks > nodes:
        raise Failure(f"{racks} racks for {nodes} nodes: a rack has at least one", BAD_INPUT)
    warm_up_s = min(WARM_UP_S, seconds)
    return Load(nodes, racks, ticks, metrics, warm_up_s, seconds, mode, seed, pause_s)


def measure(
    load: Load,
    sinks: Sinks,
    state: Path | None = None,
    out: Path | None = None,
    *,
    workers: int = 1,
) -> dict[str, Any]:
    """Run the benchmark; what its JSON shows.

    Parameters
    ----------
    load
        See `plan`.
    sinks
        Processes that share the partitions, and their settings; see `Sinks.of`.
    state
        Empty folder for the stack, kept afterwards; None takes a temporary one.
    out
        Where ledger, what was read back, incidents, counts and logs are kept.
    workers
        Likewise.

    Raises
    ------
    Failure, StackError
        The stack does not start, or a part of it died.
    Interrupted
        A signal asked for a stop.
    """
    with _folder(state) as folder, Progress() as progress:
        context = Context(str(folder / "bench.toml"), str(folder))
        context.state.acquire()
        _configure(folder, sinks)
        context.config = load_config(context.config_file, {})
        files = context.state.folder("run")
        readers = {"worker": names_of("worker", workers), "sink": names_of("sink", sinks.count)}
        waits = (*readers["worker"], *readers["sink"])
        producer = Part("producer", _sending(load, files), depends_on=waits)
        parts = chain(context, load.inventory(), [producer], workers=workers, sinks=sinks.count)
        stack = Held(context.state, parts.parts, env=parts.env, environ=clean_environment())
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        try:
            with stack.signals(), stack:
                result = Run(context, stack, parts, load, readers, progress).result(out)
                if out is not None:
                    (out / "result.json").write_bytes(msgspec.json.encode(result))
                return result
        finally:
            if out is not None:
                for kept in (parts.run, context.state.logs):
                    shutil.copytree(kept, out / kept.name, dirs_exist_ok=True)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is None:
        with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as made:
            yield Path(made)
    elif given.exists() and any(given.iterdir()):
        raise Failure(f"{given} is not empty; the benchmark needs a folder of its own", BAD_INPUT)
    else:
        yield given


def _configure(folder: Path, sinks: Sinks) -> None:
    (folder / "parameters.toml").write_text(PARAMETERS)
    parameters = msgspec.json.encode(str((folder / "parameters.toml").absolute())).decode()
    sink = f"flush_s = {sinks.flush_s}\nrollup_s = {sinks.rollup_s}\n"
    (folder / "bench.toml").write_text(f"[worker]\nparameters = {parameters}\n[sink]\n{sink}")


def _sending(load: Load, run: Path) -> tuple[str, ...]:
    module, words = "coldplate.console.benching.production", msgspec.json.encode(load).decode()
    files = (str(run / "producer.ledger"), str(run / "producer.json"))
    return (sys.executable, "-m", module, words, *files)
