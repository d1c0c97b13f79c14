"""The same frames in the forms that peers read: as they are, as rows of JSON or binary, as lines.

A cycle of frames is taken apart once, before anything is measured; what is sent again has new times and the same values.
Rows are those that the sink makes of a frame, in the columns of the history's tables, so that a peer stores the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.console.benching.production import Cycle
from coldplate.sinks.rows import Columns, sample_columns
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable, raw_column
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.metric import Metric

HOLE = b"\x00"
"""Stands for a time; in no text."""

BASE_TICK = 1000
"""Of the cycle that is taken apart; frames begin a little before, and no tick is below 0."""

_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Message:
    """A record for a peer.

    Parameters
    ----------
    about
        Which of the peer's topics; a table's name, or "".
    rows, values
        In it.
    """

    about: str
    key: bytes
    payload: bytes
    rows: int
    values: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """Bytes with holes for times.

    Parameters
    ----------
    parts
        One more than there are holes.
    times_ms
        Of the holes, in the first cycle.
    stamp
        Milliseconds as they are written.
    """

    parts: Sequence[bytes]
    times_ms: Sequence[int]
    stamp: Callable[[int], bytes]

    def at(self, shift_ms: int) -> bytes:
        """The bytes, so much later."""
        made = {t: self.stamp(t + shift_ms) for t in set(self.times_ms)}
        out = [self.parts[0]]
        for t, part in zip(self.times_ms, self.parts[1:], strict=True):
            out += (made[t], part)
        return b"".join(out)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that can be made at any time; `make` takes milliseconds after the first cycle."""

    about: str
    rows: int
    values: int
    make: Callable[[int], bytes]


class Form(Protocol):
    """How a frame is written for a peer."""

    def __call__(self, frame: Frame) -> list[Prepared]:
        """The messages that a frame becomes."""
        ...


class Records:
    """A cycle of frames in one form.

    Parameters
    ----------
    cycle
        The frames.
    form
        None leaves them as they are.
    """

    def __init__(self, cycle: Cycle, form: Form | None = None) -> None:
        self.cycle = cycle
        per_cycle = round(cycle.load.cycle_s / cycle.gap_s)
        keyed = (cycle.frame(n, BASE_TICK) for n in range(per_cycle))
        frames = [(key, decode_frame(framed.record)) for key, framed in keyed]
        self._prepared = [(key, form(f) if form else _counted(f)) for key, f in frames]
        self._as_they_are = form is None

    def messages(self, number: int, first_tick: int) -> list[Message]:
        """What is sent for the `number`-th frame, when the first cycle began at a tick."""
        cycle, position = divmod(number, len(self._prepared))
        key, prepared = self._prepared[position]
        if self._as_they_are:
            (counts,) = prepared
            record = self.cycle.frame(number, first_tick)[1].record
            return [Message("", key, record, counts.rows, counts.values)]
        shift_ms = (first_tick - BASE_TICK + cycle * self.cycle.load.cycle_s) * 1000
        return [Message(p.about, key, p.make(shift_ms), p.rows, p.values) for p in prepared]


def _counted(frame: Frame) -> list[Prepared]:
    samples = sample_columns([frame])
    rows = sum(len(columns["t"]) for columns in samples.tables.values())
    return [Prepared("", rows, int(samples.values.sum()), lambda _: b"")]


def tables_of(frame: Frame) -> Iterator[tuple[SampleTable, Columns, int]]:
    """A frame's rows by table, with the values that are present in them."""
    tables = sample_columns([frame]).tables
    for table in SAMPLE_TABLES:
        if table.name in tables:
            columns = tables[table.name]
            bits = np.unpackbits(columns["present"].view(np.uint8))
            yield table, columns, int(bits.sum())


def json_rows(frame: Frame) -> list[Prepared]:
    """`JSONEachRow`: an object a row, those of a frame in one record."""
    out = []
    for table, columns, values in tables_of(frame):
        times_ms = columns["t"].tolist()
        others = {name: column.tolist() for name, column in columns.items() if name != "t"}
        lines = b""
        for row in zip(*others.values(), strict=True):
            fields = _json(dict(zip(others, row, strict=True)))
            lines += fields[:-1] + b',"t":' + HOLE + b"}\n"
        stamped = Stamped(lines.split(HOLE), times_ms, _digits)
        out.append(Prepared(table.name, len(times_ms), values, stamped.at))
    return out


def binary_rows(frame: Frame) -> list[Prepared]:
    """`RowBinary`: fixed columns in the order of the table, those of a frame in one record."""
    return [
        Prepared(table.name, len(columns["t"]), values, _Binary(columns).at)
        for table, columns, values in tables_of(frame)
    ]


class _Binary:
    """Rows as they lie in a record."""

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._rows = np.empty(len(columns["t"]), [(n, c.dtype) for n, c in columns.items()])
        for name, column in columns.items():
            self._rows[name] = column

    def at(self, shift_ms: int) -> bytes:
        """The bytes, so much later."""
        rows = self._rows.copy()
        rows["t"] += shift_ms
        return rows.tobytes()


def lines(frame: Frame) -> list[Prepared]:
    """Line protocol of InfluxDB: a line a device and tick with all values that are present, in their units."""
    out, rows, values = b"", 0, 0
    times_ms: list[int] = []
    for table, columns, present in tables_of(frame):
        for device, t, fields in _fields(table, columns):
            if fields:
                out += (
                    f"{table.kind.word},device={device} {','.join(fields)} ".encode() + HOLE + b"\n"
                )
                times_ms.append(t)
                rows += 1
        values += present
    stamped = Stamped(out.split(HOLE), times_ms, _digits)
    return [Prepared("", rows, values, stamped.at)]


def _fields(table: SampleTable, columns: Columns) -> Iterator[tuple[int, int, list[str]]]:
    texts = {
        m: [f"{m.name}={v:.15g}" for v in physical(m, columns[raw_column(m)]).tolist()]
        for m in table.metrics
    }
    masks = columns["present"].tolist()
    for i, (device, t) in enumerate(zip(columns["device"].tolist(), columns["t"].tolist(), strict=True)):  # fmt: skip
        yield device, t, [text[i] for m, text in texts.items() if masks[i] >> m.number & 1]


def physical(metric: Metric, steps: NDArray[np.generic]) -> NDArray[np.float64]:
    """Kept steps in the metric's unit."""
    per_unit = round(1.0 / metric.kept_scale)
    whole = steps.astype(np.float64)
    return whole / per_unit if per_unit > 1 else whole * metric.kept_scale


def _digits(ms: int) -> bytes:
    """Milliseconds; a number in JSON is that of a DateTime64's own steps."""
    return b"%d" % ms
