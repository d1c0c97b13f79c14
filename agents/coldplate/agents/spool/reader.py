"""Reads a log once through, oldest record first, one segment in memory at a time."""

from collections.abc import Iterator

from coldplate.agents.queue import Record
from coldplate.agents.spool.log import Log, Segment
from coldplate.agents.spool.segment import scan, unpack


class Reader:
    """Where in a log the next record is; what is done already is passed over.

    Parameters
    ----------
    log
        May be written to and may lose segments meanwhile.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._segment: Segment | None = None
        self._expected = self._at = 0
        self._rest: Iterator[tuple[int, int, bytes]] | None = None
        self._began_at = 0

    def next(self) -> Record | None:
        """The next record, which now counts as in memory; None at the end of the log."""
        while True:
            if self._segment is None or self._segment.number not in self._log.segments:
                if not self._turn():
                    return None
                continue
            if (record := self._of(self._segment)) is not None:
                return record
            if self._segment is self._log.active or not self._leave(self._segment):
                return None

    def skip(self, record: Record) -> None:
        """The record that was just appended stays in memory; only at the end of the log."""
        assert record.place is not None
        if self._segment is None or self._segment.number != record.place[0]:
            if self._segment is not None:
                self._leave(self._segment)
            self._segment, self._rest = self._log.segments[record.place[0]], None
        self._expected, self._at = record.place[1] + 1, self._segment.size

    def _turn(self) -> bool:
        """To the next segment."""
        last = -1 if self._segment is None else self._segment.number
        following = next((s for n, s in self._log.segments.items() if n > last), None)
        if following is None:
            return False
        self._segment, self._expected, self._at, self._rest = following, 0, 0, None
        return True

    def _of(self, segment: Segment) -> Record | None:
        """The next record of a segment; None when there is none, for now."""
        if self._rest is None:
            if self._at >= segment.size:
                return None
            try:
                with segment.path.open("rb") as file:
                    file.seek(self._at)
                    data = file.read(segment.size - self._at)
            except OSError as error:
                self._log.unreadable(segment, error)
                return None
            self._began_at, self._rest = self._at, scan(data)
        for ordinal, end, body in self._rest:
            self._at = self._began_at + end
            if ordinal < self._expected or ordinal >= segment.records:
                continue
            self._miss(segment, ordinal)
            self._expected = ordinal + 1
            if ordinal not in segment.done:
                record = unpack(body)
                record.place = (segment.number, ordinal)
                segment.in_memory += 1
                self._log.unread -= 1
                return record
        self._rest, self._at = None, segment.size
        return None

    def _leave(self, segment: Segment) -> bool:
        """All of a complete segment was read: to the next one, if there is one."""
        if segment.number in self._log.segments:
            self._miss(segment, segment.records)
            self._expected = segment.records
            self._log.finish(segment)
        return self._turn()

    def _miss(self, segment: Segment, until: int) -> None:
        """Records from the expected one up to that ordinal are not there."""
        gap = sum(1 for o in range(self._expected, until) if o not in segment.done)
        if gap:
            self._log.damaged(segment, gap)
