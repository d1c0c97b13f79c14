"""How the records of a partition become batches, and the tokens of a batch; no input or output.

A batch is a range of offsets of one partition. It is written down (an intent) before it is stored, and
after a crash the ranges that were written down are cut again exactly, so that every insert of a repeated
batch carries the token of the first attempt.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Place = tuple[str, int]
"""(topic, partition)."""


class Record(NamedTuple):
    """A Kafka record; `timestamp_ms` is when the broker appended it, `signature` what its source wrote beside it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    value: bytes
    signature: bytes = b""


class Span(NamedTuple):
    """Offsets first to last, both included."""

    first: int
    last: int


def valid_spans(written: Sequence[tuple[Span, int]]) -> list[Span]:
    """Ranges to redo, of those written down by members of a generation of the group.

    A range that overlaps one of a later generation was written by a member that had lost the partition
    already: a later owner who sees a range redoes it and never cuts across. Nothing was stored under it.
    """
    return sorted(
        {
            span
            for span, generation in written
            if not any(
                later > generation and other.first <= span.last and span.first <= other.last
                for other, later in written
                if other != span
            )
        }
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition that are stored together.

    Parameters
    ----------
    topic, partition
        Where from.
    first, last
        Offsets; not every one between them needs to have a record.
    records
        In order of offset.
    redo
        True when the range was written down by an earlier run.
    """

    topic: str
    partition: int
    first: int
    last: int
    records: tuple[Record, ...]
    redo: bool = False

    @property
    def place(self) -> Place:
        """(topic, partition)."""
        return (self.topic, self.partition)

    def token(self, kafka: str, topic_id: str, table: str) -> str:
        """The insert's token: the same for the same offsets of the same log, in no other case.

        Parameters
        ----------
        kafka
            Kafka's cluster id: Kafka may be wiped while ClickHouse is kept.
        topic_id
            Kafka's id of the topic, or its name where the broker has none.
        table
            Inserted into.
        """
        return f"{kafka}/{topic_id}/{self.partition}/{self.first}-{self.last}/{table}"


class Pending:
    """Records of one partition that wait to be stored.

    Parameters
    ----------
    place
        Which.
    plan
        Ranges to redo first, in order.
    """

    def __init__(self, place: Place, plan: Sequence[Span] = ()) -> None:
        self.place = place
        self.rows = 0
        self._plan = deque(plan)
        self._records: deque[tuple[Record, int, float]] = deque()
        self._seen = -1

    def __len__(self) -> int:
        return len(self._records)

    @property
    def redoing(self) -> bool:
        """True while written ranges are to be redone."""
        return bool(self._plan)

    @property
    def oldest(self) -> tuple[int, int | None]:
        """Offset of the first record that waits, or of the next to come; when it was appended, None of that."""
        if self._records:
            return self._records[0][0].offset, self._records[0][0].timestamp_ms
        return self._first_offset(), None

    def add(self, record: Record, rows: int, now_s: float) -> None:
        """Take a record that will make about so many rows; one that was seen before is left."""
        if record.offset > self._seen:
            self._seen = record.offset
            self._records.append((record, rows, now_s))
            self.rows += rows

    def passed(self, position: int) -> None:
        """The log was read up to before `position`: records may be missing at a range's end."""
        self._seen = max(self._seen, position - 1)

    def due(self, now_s: float, flush_s: float, rows_max: int) -> bool:
        """True when a batch is to be stored now."""
        if self._plan and self._first_offset() >= self._plan[0].first:
            return self._seen >= self._plan[0].last
        waited = bool(self._records) and now_s - self._records[0][2] >= flush_s
        return waited or self.rows >= rows_max

    def take(self, rows_max: int) -> Batch:
        """Cut the next batch off; only when `due`, or to store what is there at the end."""
        if self._plan and self._first_offset() >= self._plan[0].first:
            span = self._plan.popleft()
            records = self._cut(span.last, None)
            return Batch(*self.place, span.first, span.last, records, redo=True)
        # Records before a range that is to be redone are not part of it.
        limit = self._plan[0].first - 1 if self._plan else None
        records = self._cut(limit, rows_max)
        return Batch(*self.place, records[0].offset, records[-1].offset, records)

    def _first_offset(self) -> int:
        if self._records:
            return self._records[0][0].offset
        return self._seen + 1 if self._seen >= 0 else 0

    def _cut(self, last: int | None, rows_max: int | None) -> tuple[Record, ...]:
        out: list[Record] = []
        rows = 0
        while self._records and (last is None or self._records[0][0].offset <= last):
            if rows_max is not None and rows >= rows_max:
                break
            record, record_rows, _ = self._records.popleft()
            rows += record_rows
            out.append(record)
        self.rows -= rows
        return tuple(out)
