"""A peer to compare the history with: VictoriaMetrics, a series a device and metric, fed through its bulk import.

It runs in the benchmark's own stack; what it stores is measured after it has merged everything.
"""

import http.client
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.console.benching.telegraf import peers_folder
from coldplate.console.failure import Failure
from coldplate.console.stack.part import Part
from coldplate.console.stack.ports import LOOPBACK
from coldplate.console.stack.state import StateDir
from coldplate.sinks.tables import SAMPLE_TABLES, raw_column
from coldplate.wire.metric import Metric

BUILD = (
    "GOBIN={folder} GOFLAGS=-buildvcs=false go install"
    " github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@v1.140.0"
)
"""Makes the program (a few minutes on two cores)."""

NAME = "victoria-metrics"
ANSWER_S_MAX, MERGE_S_MAX, LOOK_S = 300.0, 300.0, 0.2
Columns = Mapping[str, NDArray[Any]]
_json = msgspec.json.Encoder().encode


def build_command() -> str:
    """How to make the program, for a shell."""
    return BUILD.format(folder=peers_folder())


def program() -> Path | None:
    """The program; None when it was not made yet."""
    kept = peers_folder() / NAME
    found = str(kept) if kept.is_file() else shutil.which(NAME)
    return Path(found) if found else None


def victoria_part(state: StateDir, binary: Path) -> Part:
    """It on a port of `state`, with its data in the state folder."""
    port = state.port(NAME, [8428])
    argv = (
        str(binary), f"-storageDataPath={state.folder(NAME)}", f"-httpListenAddr={LOOPBACK}:{port}",
        "-retentionPeriod=100y", "-loggerLevel=ERROR",
    )  # fmt: skip
    return Part(NAME, argv, health=partial(_awaits, port), ports={NAME: port})


def _awaits(port: int) -> str | None:
    try:
        Victoria(port).ask("GET", "/health")
    except OSError:
        return f"port {port} to open"
    return None


class Victoria:
    """A client of its HTTP API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer's body.

        Raises
        ------
        Failure
            It refused.
        OSError
        """
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=ANSWER_S_MAX)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Failure(f"VictoriaMetrics: {path}: {answer.status} {said[:200]!r}")
        return said

    def merged_bytes(self) -> int:
        """What it stores, after everything is on disk and merged."""
        self.ask("GET", "/internal/force_flush")
        self.ask("GET", "/internal/force_merge")
        deadline_s = time.monotonic() + MERGE_S_MAX
        while self._sum("vm_active_force_merges") and time.monotonic() < deadline_s:
            time.sleep(LOOK_S)
        return int(self._sum("vm_data_size_bytes"))

    def rows(self) -> int:
        """Values that it stores."""
        return int(self._sum('vm_rows{type="storage/'))

    def _sum(self, name: str) -> float:
        lines = self.ask("GET", "/metrics").decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def lines(tables: Mapping[str, Columns], only: Sequence[str] = ()) -> Iterator[bytes]:
    """The rows of sample tables as lines of its import, a series each: present values at the history's resolution.

    Parameters
    ----------
    tables
        Columns by table.
    only
        Metrics; empty for all.
    """
    for table in SAMPLE_TABLES:
        if table.name not in tables:
            continue
        columns = tables[table.name]
        order = np.lexsort((columns["t"], columns["device"]))
        device, t, present = (columns[name][order] for name in ("device", "t", "present"))
        begins = np.flatnonzero(np.diff(device, prepend=device[:1] + 1))
        for metric in (m for m in table.metrics if not only or m.name in only):
            there = (present >> np.uint64(metric.number) & np.uint64(1)).astype(np.bool_)
            values = _physical(metric, columns[raw_column(metric)][order])
            for begin, end in zip(begins, [*begins[1:], len(device)], strict=True):
                some = there[begin:end]
                if some.any():
                    yield _json({
                        "metric": {"__name__": f"{table.kind.word}_{metric.name}", "device": str(device[begin])},
                        "values": values[begin:end][some].tolist(),
                        "timestamps": t[begin:end][some].tolist(),
                    })  # fmt: skip


def _physical(metric: Metric, steps: NDArray[np.generic]) -> NDArray[np.float64]:
    """In the metric's unit, as the shortest decimals, which it compresses best."""
    scale, per_unit = metric.kept_scale, round(1.0 / metric.kept_scale)
    whole = steps.astype(np.float64)
    return whole / per_unit if per_unit > 1 else whole * scale
