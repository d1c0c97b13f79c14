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
from pathlib import Path
from typing import Any

import msgspec

from coldplate.console.benching.held import Held
from coldplate.console.benching.load import GPUS, Load, Mode
from coldplate.console.benching.measuring import Run
from coldplate.console.benching.progress import Progress
from coldplate.console.chain import chain, names_of
from coldplate.console.config import load as load_config
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.part import Part

NODES_PER_RACK = 8
LARGE_GPUS, LARGE_FLUSH_S, LARGE_ROLLUP_S = 30_000, 5.0, 120.0
"""The sinks of a hall of so many GPUs insert more seldom, as in the chart's values for such halls, and there are two of
them: what an insert costs the server hardly depends on its size, and a sink waits while it inserts."""

WARM_UP_S = 10.0

PARAMETERS = "[energy-jump]\non = 1e9\nat_once = 1e9\n"
"""What the load does each cycle, jump back with its energy meters, is not to be found: everything else is."""


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
    state: Path | None = None,
    out: Path | None = None,
    *,
    workers: int = 1,
    sinks: int | None = None,
) -> dict[str, Any]:
    """Run the benchmark; what its JSON shows.

    Parameters
    ----------
    load
        See `plan`.
    state
        Empty folder for the stack, kept afterwards; None takes a temporary one.
    out
        Where ledger, what was read back, incidents, counts and logs are kept.
    workers, sinks
        Processes of each, which share the partitions; of sinks None takes as many as a hall of that size needs.

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
        _configure(folder, load)
        context.config = load_config(context.config_file, {})
        files = context.state.folder("run")
        sinks = sinks or (2 if load.nodes * GPUS >= LARGE_GPUS else 1)
        readers = {"worker": names_of("worker", workers), "sink": names_of("sink", sinks)}
        waits = (*readers["worker"], *readers["sink"])
        producer = Part("producer", _sending(load, files), depends_on=waits)
        parts = chain(context, load.inventory(), [producer], workers=workers, sinks=sinks)
        stack = Held(context.state, parts.parts, env=parts.env)
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


def _configure(folder: Path, load: Load) -> None:
    (folder / "parameters.toml").write_text(PARAMETERS)
    parameters = msgspec.json.encode(str((folder / "parameters.toml").absolute())).decode()
    text = f"[worker]\nparameters = {parameters}\n"
    if load.nodes * GPUS >= LARGE_GPUS:
        text += f"[sink]\nflush_s = {LARGE_FLUSH_S}\nrollup_s = {LARGE_ROLLUP_S}\n"
    (folder / "bench.toml").write_text(text)


def _sending(load: Load, run: Path) -> tuple[str, ...]:
    module, words = "coldplate.console.benching.production", msgspec.json.encode(load).decode()
    files = (str(run / "producer.ledger"), str(run / "producer.json"))
    return (sys.executable, "-m", module, words, *files)
