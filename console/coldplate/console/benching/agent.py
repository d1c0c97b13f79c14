"""What a node's agent weighs: a process as `coldplate agent` runs it, with real Kafka, measured from outside.

Kafka is one of its own, whatever is configured, so that what its log grew by is what was sent. The processor time is the
kernel's, in nanoseconds, of all the process's threads.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import psutil

from coldplate.agents.topics import create_topics
from coldplate.console.benching import telegraf
from coldplate.console.benching.machine import describe
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.sampling import SOURCES, Sampling, SourceName
from coldplate.console.config import load as load_config
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.supervisor import Supervisor
from coldplate.wire.topic import TopicSpec

WARM_UP_S = 12.0
"""A window of swings is full by then, and every connection is made."""

START_S_MAX = 60.0
LOOK_S = 0.5
HOUR_MS = 3_600_000

FRUGAL = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Environment of an agent that is a service: no pool of threads for matrices, one heap for all threads (1.5 MB less)."""

IMPORTS = {
    "recorded": "coldplate.console.agenting, coldplate.agents.collectors.recorded",
    "nvml": "coldplate.console.agenting, coldplate.agents.collectors.nvml",
}


def measure(
    source: SourceName, gpus: int, seconds: float, recording: Path, peer: str | None = None
) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    source, gpus, recording
        What the agent samples, see `Sampling`.
    seconds
        Measured, after a warm-up.
    peer
        `telegraf` to run it beside, at the same time and into the same Kafka.

    Raises
    ------
    Failure, StackError
        The agent or Kafka did not start, or died.
    """
    if source not in SOURCES:
        raise Failure(f"there is no source {source} here", BAD_INPUT)
    if not recording.is_dir():
        raise Failure(f"there is no recording in {recording}", BAD_INPUT)
    with tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder, Progress() as progress:
        context = Context(os.devnull, folder)
        context.config = load_config(os.devnull, {})
        parts, endpoints = local_servers(context.state, Cache.default(), clickhouse=False)
        context.brokers = endpoints.kafka
        with Supervisor(context.state, parts) as stack, stack.signals(), ExitStack() as beside:
            stack.wait_healthy(START_S_MAX)
            _topics(context)
            bench = _Bench(context, stack, progress, seconds)
            other = _telegraf(beside, bench, gpus) if peer == "telegraf" else None
            agent = beside.enter_context(_agent(context, Sampling(source, gpus, str(recording))))
            before, after = bench.window([agent.pid, *([other] if isinstance(other, int) else [])])
            said = _end(agent)
            out = _weight(source, gpus, seconds, before[0], after[0], said)
            out["frame_bytes_per_s"] = round(
                bench.topic_bytes(context.topics.frames) / max(1, said["counts"]["ticks"]), 1
            )
            if other is not None:
                out["peer"] = (
                    {"telegraf": other} if isinstance(other, str)
                    else {"telegraf": _peer(seconds, before[1], after[1])}
                )  # fmt: skip
    return {**out, "import_ms": _import_ms(source), "machine": describe()}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A process, and the bytes of Telegraf's topic, at a moment."""

    cpu_s: float
    rss_mb: float
    threads: int
    wakes: int
    bytes: int


class _Bench:
    """A window of time over processes and the broker."""

    def __init__(
        self, context: Context, stack: Supervisor, progress: Progress, seconds: float
    ) -> None:
        self._context, self._stack, self._progress = context, stack, progress
        self.seconds = seconds
        self.context = context

    def window(self, pids: list[int]) -> tuple[list[_Seen], list[_Seen]]:
        """Each process when the warm-up is over and when the time is."""
        self._wait(min(WARM_UP_S, self.seconds), "warming up")
        before = [self._look(pid) for pid in pids]
        self._wait(self.seconds, "measuring")
        return before, [self._look(pid) for pid in pids]

    def topic_bytes(self, topic: str) -> int:
        """Size of a topic's log: record batches as they came over the wire."""
        logs = self._context.state.path.glob(f"kafka/data/{topic}-*/*.log")
        return sum(log.stat().st_size for log in logs)

    def _wait(self, seconds: float, words: str) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            self._stack.poll()
            if self._stack.stopping:
                raise KeyboardInterrupt
            self._progress.show(f"{words}, {left_s:.0f} s left", 1 - left_s / seconds)
            time.sleep(min(LOOK_S, left_s))

    def _look(self, pid: int) -> _Seen:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
            cpu_ns = sum(int((t / "schedstat").read_text().split()[0]) for t in tasks)
            memory = psutil.Process(pid).memory_info().rss
            wakes = sum(_wakes(t / "status") for t in tasks)
        except (OSError, psutil.Error):
            raise Failure(f"process {pid} has died; what it said stands above") from None
        size = self.topic_bytes(telegraf.TOPIC)
        return _Seen(cpu_ns / 1e9, memory / 1e6, len(tasks), wakes, size)


def _wakes(status: Path) -> int:
    for line in status.read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "voluntary_ctxt_switches":
            return int(value)
    return 0


def _topics(context: Context) -> None:
    peer = TopicSpec(telegraf.TOPIC, 1, HOUR_MS, "none", "what Telegraf sends")
    create_topics(context.kafka, [*context.topics.specs(1), peer])


@contextmanager
def _agent(context: Context, sampling: Sampling) -> Iterator[subprocess.Popen[str]]:
    """The agent's process, when it samples."""
    argv = (
        sys.executable, "-m", "coldplate.console.benching.sampling",
        msgspec.json.encode(sampling).decode(),
    )  # fmt: skip
    env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
    state = {
        "COLDPLATE_STATE": str(context.state.path), "COLDPLATE_CONFIG": os.devnull,
        "COLDPLATE_AGENT__STATE_DIR": str(context.state.folder("agent")),
        "COLDPLATE_AGENT__LOCAL__PORT": str(_free_port()),
    }  # fmt: skip
    env |= {"COLDPLATE_KAFKA": context.brokers, **FRUGAL, **state}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise Failure("the agent did not start; what it said stands above")
            yield process
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(agent: subprocess.Popen[str]) -> dict[str, Any]:
    """Stop the agent; what it said at its end."""
    agent.terminate()
    said, _ = agent.communicate(timeout=START_S_MAX)
    if agent.returncode or not said:
        raise Failure(f"the agent ended with status {agent.returncode}")
    out: dict[str, Any] = json.loads(said.splitlines()[-1])
    return out


def _telegraf(beside: ExitStack, bench: _Bench, gpus: int) -> int | str:
    """Its process id, or why there is none."""
    binary = telegraf.program()
    if binary is None:
        return f"not there; make it with: {telegraf.build_command()}"
    folder = bench.context.state.folder("peer")
    running = telegraf.running(binary, folder, bench.context.brokers, gpus)
    return beside.enter_context(running).pid


def _weight(
    source: str, gpus: int, seconds: float, before: _Seen, after: _Seen, said: dict[str, Any]
) -> dict[str, Any]:
    ticks = said["counts"]["ticks"]
    own_s = after.cpu_s - before.cpu_s - said["stand_in_cpu_s"] / ticks * seconds
    late_ms = np.array(said["late_ms"])
    return {
        "source": source, "gpus": gpus, "seconds": seconds,
        "cpu_ratio": round(own_s / seconds, 5),
        "nvml_ratio": round(said["driver_s"] / ticks, 5),
        "rss_mb": round(after.rss_mb - said["stand_in_rss_mb"], 1),
        "stand_in_rss_mb": round(said["stand_in_rss_mb"], 1), "threads": after.threads,
        "wakes_per_s": round((after.wakes - before.wakes) / seconds, 1),
        "tick_jitter_p50_ms": round(float(np.median(late_ms)), 3),
        "tick_jitter_p99_ms": round(float(np.percentile(late_ms, 99)), 3),
        "ticks": ticks, "missed_ticks": said["counts"].get("missed_ticks", 0),
        "values": said["counts"]["values"],
    }  # fmt: skip


def _peer(seconds: float, before: _Seen, after: _Seen) -> dict[str, Any]:
    return {
        "cpu_ratio": round((after.cpu_s - before.cpu_s) / seconds, 5),
        "rss_mb": round(after.rss_mb, 1), "threads": after.threads,
        "bytes_per_s": round((after.bytes - before.bytes) / seconds, 1),
        "reads": "8 GPUs' temperature and power over Redfish and 40 Modbus registers once a second",
    }  # fmt: skip


def _import_ms(source: str, repeats: int = 3) -> float:
    """What the agent's imports take in a new interpreter, median."""
    code = f"import time; b = time.perf_counter(); import {IMPORTS[source]}; print(time.perf_counter() - b)"
    argv = (sys.executable, "-W", "ignore", "-c", code)
    took = [float(subprocess.check_output(argv, text=True)) for _ in range(repeats)]
    return round(1000 * median(took), 1)
