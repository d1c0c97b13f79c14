"""Records of a partition that wait to be stored, and how batches are cut off them; no input or output."""

from collections import deque
from collections.abc import Container, Sequence
from collections.abc import Set as AbstractSet

from coldplate.sinks.batch import AT_ONCE, Batch, Place, Record, Span
from coldplate.sinks.later import Later
from coldplate.wire.frame import Identity


class Known:
    """Frames that are left out: those that are stored, but for those that are needed again."""

    def __init__(self, stored: Container[Identity], again: AbstractSet[Identity]) -> None:
        self._stored, self._again = stored, again

    def __contains__(self, identity: object) -> bool:
        return identity in self._stored and identity not in self._again


class Pending:
    """Records of one partition that wait to be stored.

    Parameters
    ----------
    place
        Which.
    plan
        Ranges to redo first, in order.
    later
        What is stored and waits for its rollups.
    again
        Frames that an earlier run stored and whose rows are needed once more, for those.
    """

    def __init__(
        self, place: Place, plan: Sequence[Span] = (), later: Later | None = None,
        again: AbstractSet[Identity] = frozenset(),
    ) -> None:  # fmt: skip
        self.place = place
        self.later = later or Later(place)
        self.again = set(again)
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

    def take(self, rows_max: int, kind: str = AT_ONCE) -> Batch:
        """Cut the next batch off; only when `due`, or to store what is there at the end. One to redo stays of its kind."""
        if self._plan and self._first_offset() >= self._plan[0].first:
            span = self._plan.popleft()
            records = self._cut(span.last, None)
            return Batch(*self.place, span.first, span.last, records, redo=True, kind=span.kind)
        # Records before a range that is to be redone are not part of it.
        limit = self._plan[0].first - 1 if self._plan else None
        records = self._cut(limit, rows_max)
        return Batch(*self.place, records[0].offset, records[-1].offset, records, kind=kind)

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
