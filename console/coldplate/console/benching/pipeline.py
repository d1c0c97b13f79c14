"""The whole pipeline under the load of a hall: real Kafka, worker, sink, real ClickHouse; everything counted.

The stack is one of its own, whatever is configured, so that nothing of the user's is touched. After a warm-up the load
is measured for the time asked for; then production ends, and worker and sink finish what is left.

Notes
-----
Processor time is that of the measured seconds. A pipeline that keeps up works on as many seconds of data in that time;
of one that does not, `realtime_ratio` is below 1, and more cores would be used if there were any.
"""

import math
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from coldplate.console.benching import machine, outcome
from coldplate.console.benching.looks import Looks
from coldplate.console.benching.machine import Usage
from coldplate.console.benching.production import GPUS, Load
from coldplate.console.benching.progress import Progress
from coldplate.console.chain import Chain, chain
from coldplate.console.config import load as load_config
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.logfile import tail
from coldplate.console.stack.part import Part
from coldplate.console.stack.supervisor import Supervisor

NODES_PER_RACK = 8
WARM_UP_S = 10.0
START_S_MAX = 180.0
DRAIN_S_MAX = 120.0
LOOK_S = 0.05

READERS = ("worker", "sink")
PROCESSES = ("producer", "kafka", "worker", "sink", "clickhouse")


class Interrupted(Exception):  # noqa: N818  a wish, no error
    """A stop was asked for, and everything has stopped."""


def plan(gpus: int, racks: int | None, ticks: int, metrics: str, seconds: float) -> Load:
    """The load for so many GPUs: whole nodes of 8, and 8 nodes a rack unless told otherwise."""
    nodes = math.ceil(gpus / GPUS)
    racks = racks or math.ceil(nodes / NODES_PER_RACK)
    if racks > nodes:
        raise Failure(f"{racks} racks for {nodes} nodes: a rack has at least one", BAD_INPUT)
    return Load(nodes, racks, ticks, metrics, min(WARM_UP_S, seconds), seconds)


def measure(load: Load, state: Path | None = None, out: Path | None = None) -> dict[str, Any]:
    """Run the benchmark; what its JSON shows.

    Parameters
    ----------
    load
        See `plan`.
    state
        Empty folder for the stack, kept afterwards; None takes a temporary one.
    out
        Where ledger, counts and logs are kept.

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
        _configure(folder)
        context.config = load_config(context.config_file, {})
        files = context.state.folder("run")
        producer = Part("producer", _sending(load, files), depends_on=READERS)
        parts = chain(context, load.inventory(), [producer])
        stack = Supervisor(context.state, parts.parts, env=parts.env)
        try:
            with stack.signals(), stack:
                return _Run(context, stack, parts, load, progress).result()
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


def _configure(folder: Path) -> None:
    """What the load does each cycle, jump back with its energy meters, is not to be found: everything else is."""
    (folder / "parameters.toml").write_text("[energy-jump]\non = 1e9\nat_once = 1e9\n")
    parameters = msgspec.json.encode(str((folder / "parameters.toml").absolute())).decode()
    (folder / "bench.toml").write_text(f"[worker]\nparameters = {parameters}\n")


def _sending(load: Load, run: Path) -> tuple[str, ...]:
    module, words = "coldplate.console.benching.production", msgspec.json.encode(load).decode()
    files = (str(run / "producer.ledger"), str(run / "producer.json"))
    return (sys.executable, "-m", module, words, *files)


class _Run:
    """One run over a stack."""

    def __init__(
        self, context: Context, stack: Supervisor, parts: Chain, load: Load, progress: Progress
    ) -> None:
        self._context, self._stack, self._parts = context, stack, parts
        self._load, self._progress = load, progress
        self._looks = {r: Looks(load.frames_per_s, load.frames_in_all) for r in READERS}
        self._began_s: float | None = None

    def result(self) -> dict[str, Any]:
        """Run it through."""
        load, looks = self._load, self._looks.values()
        began_s = self._wait_for_the_first_frame()
        begin_s = began_s + load.warm_up_s
        end_s = begin_s + load.seconds
        self._until(lambda: time.time() >= begin_s)
        pids = {s.name: s.pid for s in self._stack.states if s.name in PROCESSES and s.pid}
        before = Usage.now(pids)
        self._until(lambda: time.time() >= end_s)
        used, rss_mb = Usage.now(pids).since(before), machine.rss_mb(pids)
        self._until(self._drained, DRAIN_S_MAX)
        lags = [s for reader in looks for s in reader.lag_s(begin_s, end_s)]
        cores = sum(used.cpu_s.values()) / load.seconds
        others = max(0.0, used.machine_s / load.seconds - cores)
        found = outcome.measured(self._context, begin_s, end_s)
        return {
            "gpus": load.nodes * GPUS, "nodes": load.nodes, "racks": load.racks,
            "seconds": load.seconds, "ticks_per_frame": load.ticks, "metrics": load.metrics,
            **found, **outcome.compare(self._context, self._parts.ledger_file("producer")),
            "realtime_ratio": round(min(reader.ratio(begin_s) for reader in looks), 2),
            "lag_max_s": round(max(lags, default=math.nan), 2),
            "lag_end_s": round(max(reader.lag_at_s(end_s) for reader in looks), 2),
            "cpu_s": used.cpu_s, "cores_used": round(cores, 3),
            "rss_mb": rss_mb, "rss_total_mb": sum(rss_mb.values()),
            "false_incidents": max(found["false_incidents"], self._open_incidents()),
            "production": self._production(),
            "versions": {**machine.versions(), **outcome.servers(self._context)},
            "machine": {**machine.describe(), "cores_used_by_others": round(others, 2)},
        }  # fmt: skip

    def _wait_for_the_first_frame(self) -> float:
        """When it is due: everything is up then, and the frames are prepared."""
        if not self._until(lambda: self._sent().get("began_s", 0.0) > 0, START_S_MAX):
            waits = [f"{s.name} awaits {s.awaits}" for s in self._stack.states if not s.status.up]
            raise Failure(f"nothing was sent within {START_S_MAX:g} s: {'; '.join(waits)}")
        self._began_s = float(self._sent()["began_s"])
        for reader in self._looks.values():
            reader.began_s = self._began_s
        return self._began_s

    def _until(self, condition: Callable[[], bool], limit_s: float = math.inf) -> bool:
        """Supervise and look until a condition holds; whether it did within the limit.

        Raises
        ------
        Interrupted, Failure
            A stop was asked for; a part died.
        """
        deadline_s = time.monotonic() + limit_s
        while not (held := condition()) and time.monotonic() < deadline_s:
            self._stack.poll()
            if self._stack.stopping:
                raise Interrupted
            for state in self._stack.states:
                if state.restarts:
                    raise Failure(f"{state.name} died ({state.last_exit}): {tail(Path(state.log))}")
            for name, reader in self._looks.items():
                reader.take(read_stats(self._parts.stats_file(name)))
            self._progress.show(*self._words())
            time.sleep(LOOK_S)
        return held

    def _sent(self) -> dict[str, Any]:
        return read_stats(self._parts.stats_file("producer"))

    def _drained(self) -> bool:
        return all(reader.done >= self._load.frames_in_all for reader in self._looks.values())

    def _words(self) -> tuple[str, float]:
        """For the progress: words, and the share of the whole."""
        if self._began_s is None:
            up = [s.name for s in self._stack.states if s.status.up]
            return f"starting; up: {', '.join(up) or 'nothing yet'}", 0.0
        now_s, in_all_s = time.time(), self._load.warm_up_s + self._load.seconds
        lags = ", ".join(f"{n} {r.lag_at_s(now_s):.1f} s behind" for n, r in self._looks.items())
        passed_s = now_s - self._began_s
        if passed_s > in_all_s:
            return f"all is sent; {lags}", 1.0
        rate = f"{self._load.frames_per_s:,.0f} frames/s"
        return f"{passed_s:.0f} of {in_all_s:.0f} s, {rate}; {lags}", passed_s / in_all_s

    def _open_incidents(self) -> int:
        """As the worker has it: the newest may not be in the history yet."""
        return int(read_stats(self._parts.stats_file("worker")).get("open_incidents", 0))

    def _production(self) -> dict[str, Any]:
        """How the frames came about."""
        sent = self._sent()
        return {
            "frames": "the twin's, prepared ahead and sent again each cycle: new ticks and sequence numbers, same bodies",
            "process": "one publisher for all nodes: a record batch holds frames of many",
            "cycle_s": sent["cycle_s"], "prepared_mb": round(sent["cycle_bytes"] / 1e6, 1),
            "late_max_s": round(sent["late_max_s"], 3),
        }  # fmt: skip
