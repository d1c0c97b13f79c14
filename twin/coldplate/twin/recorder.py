"""Writes a recording: the samples of a collector, tick by tick, with what happened and what was wrong.

Values are rounded to their metric's resolution, as they are in a frame, and have the narrowest type that holds it. A
device of which nothing is known at a tick, or whose source is silent, has no row. Rows stand at the time that their
source's clock tells, in order of it: what a clock ahead of the others tells waits for them. Memory holds some 100,000
rows, and those that wait; a row of a clock so far behind that its time is written already is left out.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Collector, Happening, Samples
from coldplate.twin.recording import Event, Header, Label, RecordingError
from coldplate.wire.inventory import Inventory, save_csv
from coldplate.wire.metric import CATALOGUE, Kind, Metric

GROUP_ROWS = 1 << 17


class Recorder:
    """A recording that is being written; closed, it can be read.

    Parameters
    ----------
    folder
        Made when it is not there; must be empty.
    header
        What it is.
    inventory
        The hall's devices.
    collector
        Whose samples they are: its devices, and how its sources are heard.

    Raises
    ------
    RecordingError
        When the folder has something in it or cannot be made.
    """

    def __init__(
        self, folder: Path, header: Header, inventory: Inventory, collector: Collector,
    ) -> None:  # fmt: skip
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise RecordingError(
                    f"{folder}: is not empty; a recording gets a folder of its own"
                )
            save_csv(inventory, folder / "inventory.csv")
            (folder / "recording.toml").write_text(to_toml(msgspec.to_builtins(header)), "utf-8")
            self._events = (folder / "events.jsonl").open("wb")
        except OSError as error:
            raise RecordingError(f"{folder}: {error}") from None
        self.folder = folder
        self.rows = 0
        self._collector, self._tick_ms = collector, round(header.tick_s * 1000)
        self._tables = {k: _Table(k, folder, ids) for k, ids in collector.devices.items()}

    def add(self, t_ms: int, samples: Samples) -> None:
        """Take the samples of the collector's last tick."""
        heard, times = self._heard(t_ms, samples)
        for kind, values in samples.items():
            for time_ms in np.unique(times[kind]):
                at = heard[kind] & (times[kind] == time_ms)
                self.rows += self._tables[kind].add(int(time_ms), values, at)
            self._tables[kind].rest(t_ms)

    def _heard(
        self, t_ms: int, samples: Samples
    ) -> tuple[dict[Kind, NDArray[np.bool_]], dict[Kind, NDArray[np.int64]]]:
        """Of each device: whether its source is heard, and what its clock says."""
        counts = {kind: values.shape[1] for kind, values in samples.items()}
        heard = {kind: np.ones(n, np.bool_) for kind, n in counts.items()}
        times = {kind: np.full(n, t_ms) for kind, n in counts.items()}
        if (conditions := self._collector.conditions()) is not None:
            odd = np.flatnonzero(conditions.silent | (conditions.shift_ticks != 0))
            for i in map(int, odd):
                for kind, span in self._collector.sources[i].devices.items():
                    rows = slice(span.start, span.stop)
                    heard[kind][rows] = not conditions.silent[i]
                    times[kind][rows] += int(conditions.shift_ticks[i]) * self._tick_ms
        return heard, times

    def event(self, happening: Happening) -> None:
        """Note something that happened."""
        h = happening
        event = Event(from_ms(h.t_ms), h.subject, h.kind, h.code, h.text, dict(h.data))
        self._events.write(msgspec.json.encode(event) + b"\n")

    def labels(self, labels: Iterable[Label]) -> None:
        """Write what was wrong, once and for all."""
        lines = b"".join(msgspec.json.encode(label) + b"\n" for label in labels)
        (self.folder / "labels.jsonl").write_bytes(lines)

    def text(self, name: str, text: str) -> None:
        """Lay another file beside them, such as the scenario."""
        (self.folder / name).write_text(text, "utf-8")

    def close(self) -> None:
        """Write what is held."""
        self._events.close()
        for table in self._tables.values():
            table.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self.close()


class _Table:
    """One kind's file."""

    def __init__(self, kind: Kind, folder: Path, ids: tuple[str, ...]) -> None:
        import pyarrow as pa  # noqa: PLC0415  without recordings nobody needs it
        import pyarrow.parquet as pq  # noqa: PLC0415

        self._metrics = CATALOGUE[kind]
        self._ids = pa.array(ids)
        fields = [
            ("t", pa.timestamp("ms", "UTC")), ("id", pa.dictionary(pa.int32(), pa.string())),
            *((m.name, pa.from_numpy_dtype(_dtype(m))) for m in self._metrics),
        ]  # fmt: skip
        self._schema = pa.schema(fields)
        self._file = pq.ParquetWriter(
            folder / f"{kind.word}.parquet", self._schema, compression="zstd"
        )
        self._held: list[tuple[int, NDArray[np.intp], NDArray[np.float64]]] = []
        self._rows, self._written_ms = 0, -1

    def add(self, t_ms: int, values: NDArray[np.float64], heard: NDArray[np.bool_]) -> int:
        there = np.flatnonzero(heard & ~np.isnan(values).all(axis=0))
        if not len(there) or t_ms <= self._written_ms:
            return 0
        self._held.append((t_ms, there, values[:, there]))
        self._rows += len(there)
        return len(there)

    def rest(self, now_ms: int) -> None:
        """A tick is complete: write when enough is held."""
        if self._rows >= GROUP_ROWS:
            self._write(now_ms)

    def close(self) -> None:
        if self._held:
            self._write(max(t for t, _, _ in self._held))
        self._file.close()

    def _write(self, until_ms: int) -> None:
        """What is not later than a time."""
        import pyarrow as pa  # noqa: PLC0415

        self._held.sort(key=lambda held: held[0])
        due = [held for held in self._held if held[0] <= until_ms]
        if not due:
            return
        self._held, self._written_ms = self._held[len(due) :], due[-1][0]
        self._rows = sum(len(where) for _, where, _ in self._held)
        times = np.concatenate([np.full(len(where), t) for t, where, _ in due])
        where = np.concatenate([where for _, where, _ in due]).astype(np.int32)
        values = np.concatenate([v for _, _, v in due], axis=1)
        columns: list[Any] = [
            pa.array(times).cast(self._schema.field("t").type),
            pa.DictionaryArray.from_arrays(pa.array(where), self._ids),
            *(_column(m, row) for m, row in zip(self._metrics, values, strict=True)),
        ]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema))


def _dtype(metric: Metric) -> np.dtype[Any]:
    """The narrowest type that has the metric's resolution in physical units."""
    if metric.dtype[0] == "f" or metric.scale == 1.0:
        return np.dtype(metric.dtype)
    return np.dtype("f4" if int(metric.dtype[1]) <= 2 else "f8")


def _column(metric: Metric, values: NDArray[np.float64]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    absent = np.isnan(values)
    steps = np.rint(np.where(absent, 0.0, values) / metric.scale)
    # 0.1 is no binary fraction: 547 / 10 is nearer to 54.7 than 547 * 0.1.
    per_unit = round(1.0 / metric.scale)
    physical = steps / per_unit if per_unit > 1 else steps * metric.scale
    return pa.array(physical.astype(_dtype(metric)), mask=absent)


def from_ms(t_ms: int) -> datetime:
    """A time in UTC."""
    return datetime.fromtimestamp(t_ms / 1000, UTC)


def to_toml(values: Mapping[str, Any]) -> str:
    """A TOML document of plain values, tables and arrays of tables; what is None is left out.

    >>> print(to_toml({"racks": 4, "name": "demo", "faults": [{"kind": "xid", "end_s": None}]}), end="")
    racks = 4
    name = "demo"
    <BLANKLINE>
    [[faults]]
    kind = "xid"
    """
    plain, tables = [], []
    for key, value in values.items():
        if isinstance(value, Mapping):
            tables.append(f"\n[{key}]\n{to_toml(value)}")
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
            tables += [f"\n[[{key}]]\n{to_toml(entry)}" for entry in value]
        elif value is not None:
            plain.append(f"{key} = {json.dumps(value, ensure_ascii=False)}\n")
    return "".join((*plain, *tables))
