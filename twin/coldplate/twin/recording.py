"""A recording: a folder with what the devices of a hall read, what happened, and what was wrong with it.

    recording.toml   name, origin, start, tick_s, notes
    inventory.csv    the devices
    KIND.parquet     t (milliseconds, UTC), id, one nullable column a metric of the catalogue; in order of t
    events.jsonl     t, id, kind, code, text, data
    labels.jsonl     fault, kind, cause, affected, onset, visible, harm, end, severity

Readers take what is there: files and columns may be missing, columns that the catalogue does not know are passed over,
and both are named. Rows are read as they are needed, so that memory does not grow with the recording.
"""

import tomllib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from coldplate.wire.inventory import InventoryError, load
from coldplate.wire.metric import CATALOGUE, Kind

F64 = NDArray[np.float64]
BATCH_ROWS = 1 << 16


class RecordingError(ValueError):
    """A folder that is no recording, or cannot be written; the message says which file and what is expected."""


class Header(msgspec.Struct, frozen=True):
    """`recording.toml`.

    Parameters
    ----------
    name
        Of the recording.
    origin
        `twin`, `agent`, `history` or `external`.
    start
        Time of the first tick.
    tick_s
        Time between ticks.
    notes
        For people.
    """

    name: str
    origin: str
    start: datetime
    tick_s: float = 1.0
    notes: str = ""


class Event(msgspec.Struct, frozen=True):
    """One line of `events.jsonl`."""

    t: datetime
    id: str
    kind: str
    code: int | None = None
    text: str = ""
    data: dict[str, str | int | float | bool | None] = {}


class Label(msgspec.Struct, frozen=True):
    """One line of `labels.jsonl`: a fault, or a look-alike (`healthy-*`), and when it was what.

    Parameters
    ----------
    fault
        Id of the fault within the recording.
    kind, cause
        What was wrong, and with which device.
    affected
        Devices on which it can be seen.
    onset, end
        When it was there; `end` is None where it stays.
    visible
        First second at which its effect exceeds the sensors' noise.
    harm
        First second of throttling, shutdown, or whatever the kind leads to; None when none comes.
    severity
        0, barely to be seen, to 1, harmful.
    """

    fault: str
    kind: str
    cause: str
    affected: tuple[str, ...]
    onset: datetime
    visible: datetime | None = None
    harm: datetime | None = None
    end: datetime | None = None
    severity: float | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """All that was read at one time.

    Parameters
    ----------
    t_ms
        Unix milliseconds.
    samples
        By kind: shape (metrics of the catalogue, devices of the recording), NaN where absent.
    """

    t_ms: int
    samples: Mapping[Kind, F64]


class Recording:
    """A recording to be read.

    Parameters
    ----------
    folder
        Where it lies.
    batch_rows
        Rows that are read at a time.

    Raises
    ------
    RecordingError
        When it has no header, no inventory or no samples.
    """

    def __init__(self, folder: Path, *, batch_rows: int = BATCH_ROWS) -> None:
        self.folder = folder
        self._batch_rows = batch_rows
        self.header = _header(folder / "recording.toml")
        try:
            self.inventory = load(folder / "inventory.csv")
        except InventoryError as error:
            raise RecordingError(str(error)) from None
        self._files = {k: p for k in Kind if (p := folder / f"{k.word}.parquet").is_file()}
        if not self._files:
            raise RecordingError(f"{folder}: no samples, such as gpu.parquet")
        self.devices: dict[Kind, tuple[str, ...]] = {
            kind: tuple(d.id for d in self.inventory.of_kind(kind.word)) for kind in self._files
        }
        self.missing: dict[Kind, tuple[str, ...]] = {}
        """Metrics for which there is no column."""
        self.passed_over: dict[Kind, tuple[str, ...]] = {}
        """Columns that the catalogue does not know."""
        self._columns: dict[Kind, dict[str, int]] = {}
        for kind, path in self._files.items():
            self._look_at(kind, path)

    def ticks(self) -> Generator[Tick, None, None]:
        """All ticks in order of time, with every kind that has rows then.

        Raises
        ------
        RecordingError
            When rows are not in order of t.
        """
        rows = {kind: self._ticks_of(kind) for kind in self._files}
        ahead = {kind: first for kind, it in rows.items() if (first := next(it, None))}
        while ahead:
            t_ms = min(t for t, _ in ahead.values())
            now = {kind: values for kind, (t, values) in ahead.items() if t == t_ms}
            yield Tick(t_ms, now)
            for kind in now:
                following = next(rows[kind], None)
                if following is None:
                    del ahead[kind]
                else:
                    ahead[kind] = following

    def end_ms(self) -> int:
        """Time of the last tick."""
        import pyarrow.parquet as pq  # noqa: PLC0415  without recordings nobody needs it

        last = 0
        for path in self._files.values():
            with pq.ParquetFile(path) as file:
                if file.num_row_groups:
                    group = file.read_row_group(file.num_row_groups - 1, columns=["t"])
                    last = max(last, int(_times_ms(group["t"].combine_chunks())[-1]))
        return last

    def events(self) -> list[Event]:
        """What happened, in order of time; nothing where there is no file."""
        return sorted(_lines(self.folder / "events.jsonl", Event), key=lambda e: e.t)

    def labels(self) -> list[Label]:
        """What was wrong, in the file's order; nothing where there is no file."""
        return _lines(self.folder / "labels.jsonl", Label)

    def _look_at(self, kind: Kind, path: Path) -> None:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        try:
            schema = pq.read_schema(path)
        except (OSError, pa.ArrowException) as error:
            raise RecordingError(f"{path}: {error}") from None
        if missing := {"t", "id"} - set(schema.names):
            raise RecordingError(f"{path}: no column {', '.join(sorted(missing))}")
        if not pa.types.is_timestamp(schema.field("t").type):
            raise RecordingError(f"{path}: column t is {schema.field('t').type}, not a timestamp")
        numbers = {m.name: m.number for m in CATALOGUE[kind]}
        self._columns[kind] = {n: numbers[n] for n in schema.names if n in numbers}
        self.missing[kind] = tuple(n for n in numbers if n not in schema.names)
        known = {"t", "id", *numbers}
        self.passed_over[kind] = tuple(n for n in schema.names if n not in known)

    def _ticks_of(self, kind: Kind) -> Iterator[tuple[int, F64]]:
        """The ticks of one kind; rows of one time may lie in two batches."""
        import pyarrow.parquet as pq  # noqa: PLC0415

        shape = (len(CATALOGUE[kind]), len(self.devices[kind]))
        position = {device: i for i, device in enumerate(self.devices[kind])}
        held: tuple[int, F64] | None = None
        columns = ["t", "id", *self._columns[kind]]
        numbers = tuple(self._columns[kind].values())
        with pq.ParquetFile(self._files[kind], read_dictionary=["id"]) as file:
            for batch in file.iter_batches(self._batch_rows, columns=columns):
                times = _times_ms(batch.column("t"))
                where = _positions(batch.column("id"), position)
                values = [_floats(batch.column(n)) for n in self._columns[kind]]
                cuts = np.flatnonzero(np.diff(times)) + 1
                for first, last in zip((0, *cuts), (*cuts, len(times)), strict=True):
                    t_ms = int(times[first])
                    if held is None or t_ms != held[0]:
                        if held is not None:
                            if t_ms < held[0]:
                                raise RecordingError(
                                    f"{self._files[kind]}: rows are not in order of t"
                                )
                            yield held
                        held = (t_ms, np.full(shape, np.nan))
                    span = slice(int(first), int(last))
                    known = where[span] >= 0
                    for number, column in zip(numbers, values, strict=True):
                        held[1][number, where[span][known]] = column[span][known]
        if held is not None:
            yield held


def to_ms(t: datetime) -> int:
    """Unix milliseconds; a time without a zone is UTC."""
    return round((t if t.tzinfo else t.replace(tzinfo=UTC)).timestamp() * 1000)


def _header(path: Path) -> Header:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Header)
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path}: {error}") from None


def _lines(path: Path, of: type[Any]) -> list[Any]:
    if not path.is_file():
        return []
    decode = msgspec.json.Decoder(of).decode
    out = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                out.append(decode(line))
            except msgspec.DecodeError as error:
                raise RecordingError(f"{path}: line {number}: {error}") from None
    return out


def _times_ms(column: Any) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415

    times: NDArray[np.int64] = (
        column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()).to_numpy()
    )
    return times


def _positions(column: Any, position: Mapping[str, int]) -> NDArray[np.int64]:
    """Position of each row's device; -1 for one that the inventory does not know."""
    if not hasattr(column, "dictionary"):
        column = column.dictionary_encode()
    places = np.array([position.get(d, -1) for d in column.dictionary.to_pylist()], np.int64)
    rows: NDArray[np.int64] = places[column.indices.to_numpy(zero_copy_only=False)]
    return rows


def _floats(column: Any) -> F64:
    import pyarrow as pa  # noqa: PLC0415

    values: F64 = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values
