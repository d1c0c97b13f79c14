"""What waits to be sent: bounded in bytes, in order, urgent first. Knows neither Kafka nor threads.

Order: records of one topic and key (frames of a rack) leave as they came, because detection drops what comes late. An
urgent record goes before the ordinary ones of other keys; those of its own key that still wait go just before it.
Topics take turns, so that an event waits for one urgent frame at most.

Bounds: what leaves is in flight until it is done or given back, and counts until then. Half of the bytes may be in
flight, so that there is always something that waits and can give way to a new record.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Container
from dataclasses import dataclass
from typing import Protocol

IN_FLIGHT_MAX = 4000
"""Records that are in flight at most."""


@dataclass(slots=True, eq=False)
class Record:
    """One record.

    Parameters
    ----------
    number
        Counts from the first that was put in.
    first_ms
        Event time of its first tick or event.
    place
        Where it stands on disk, segment and ordinal; None when it does not.
    refusals
        How often Kafka said that it will not have it.
    """

    number: int
    topic: str
    key: bytes
    value: bytes
    urgent: bool
    first_ms: int = 0
    place: tuple[int, int] | None = None
    refusals: int = 0


class Waiting(Protocol):
    """What a publisher takes records from, whether they wait in memory or on disk; knows no threads."""

    counts: Counter[str]
    """Of records since the start, by what became of them."""

    @property
    def in_flight(self) -> int:
        """Records that have left and are not done."""

    @property
    def pending(self) -> int:
        """Records that wait or are in flight."""

    def put(self, topic: str, key: bytes, value: bytes, *, urgent: bool, first_ms: int) -> None:
        """Take a record in; others give way to it, and are counted."""

    def take(self, without: Container[str] = ()) -> Record | None:
        """The next record, now in flight, of a topic not in `without`; None when there is none or no room."""

    def wait_s(self) -> float | None:
        """After a `take` that gave None: when there may be one, though nothing else happens. None: never."""

    def done(self, record: Record, count: str) -> None:
        """A record in flight has found its end, counted under this name; of another nothing is done."""

    def give_back(self, record: Record) -> None:
        """A record in flight goes to the head of those that wait; of another nothing is done."""

    def give_back_all(self) -> int:
        """Everything in flight waits again, in its order, before what waits; returns how many records."""

    def now(self) -> dict[str, int]:
        """What there is now: `pending`, `in_flight`, `unsaved` (lost when the process ends), ..."""

    def close(self) -> None:
        """Let go of files."""


class RecordQueue:
    """Records that wait and records in flight; every operation is O(1), save a giving back of all.

    Parameters
    ----------
    bytes_max
        Bytes of values, waiting and in flight. Beyond it the oldest ordinary record that waits is dropped, and
        without one the oldest urgent one; a record of more than half of it is not taken.
    counts
        Where to count, when it is part of something larger.
    """

    def __init__(self, bytes_max: int, counts: Counter[str] | None = None) -> None:
        self.counts: Counter[str] = Counter() if counts is None else counts
        self._bytes_max, self._bytes, self._bytes_in_flight = bytes_max, 0, 0
        self._topics: OrderedDict[str, _Topic] = OrderedDict()
        self._in_flight: set[Record] = set()

    @property
    def in_flight(self) -> int:
        """Records that have left and are not done."""
        return len(self._in_flight)

    @property
    def pending(self) -> int:
        """Records that wait or are in flight."""
        return len(self._in_flight) + sum(len(t) for t in self._topics.values())

    @property
    def size_bytes(self) -> int:
        """Of values, waiting and in flight."""
        return self._bytes

    def now(self) -> dict[str, int]:
        """`pending` and `in_flight`; what is pending is all `unsaved`."""
        return {"pending": self.pending, "in_flight": self.in_flight, "unsaved": self.pending}

    def wait_s(self) -> float | None:
        """Nothing here comes with time."""
        return None

    def close(self) -> None:
        """There are no files."""

    def put(self, topic: str, key: bytes, value: bytes, *, urgent: bool, first_ms: int = 0) -> None:
        """Take a record in; others give way to it, and are counted."""
        record = Record(self.counts["taken"], topic, key, value, urgent, first_ms)
        self.counts["taken"] += 1
        if len(value) > self._bytes_max // 2:
            self.counts["dropped_too_large"] += 1
            return
        self.add(record)

    def add(self, record: Record) -> None:
        """Take a record in that was counted and numbered before."""
        if record.topic not in self._topics:
            self._topics[record.topic] = _Topic()
        self._topics[record.topic].add(record)
        self._bytes += len(record.value)
        while self._bytes > self._bytes_max:
            old = self._first_to_drop()
            self._topics[old.topic].remove(old)
            self._bytes -= len(old.value)
            self.counts["dropped_queue_full"] += 1

    def take(self, without: Container[str] = ()) -> Record | None:
        """The next record, now in flight, of a topic not in `without`; None when there is none or no room."""
        record = self._next(without)
        if record is None or len(self._in_flight) >= IN_FLIGHT_MAX:
            return None
        if self._bytes_in_flight + len(record.value) > self._bytes_max // 2:
            return None
        self._topics[record.topic].remove(record)
        self._topics.move_to_end(record.topic)
        self._in_flight.add(record)
        self._bytes_in_flight += len(record.value)
        return record

    def done(self, record: Record, count: str) -> None:
        """A record in flight has found its end, counted under this name; of another nothing is done."""
        if self._landed(record):
            self._bytes -= len(record.value)
            self.counts[count] += 1

    def give_back(self, record: Record) -> None:
        """A record in flight goes to the head of those that wait; of another nothing is done."""
        if self._landed(record):
            self._topics[record.topic].add(record, first=True)

    def give_back_all(self) -> int:
        """Everything in flight waits again, in its order, before what waits; returns how many records."""
        records = sorted(self._in_flight, key=lambda r: r.number, reverse=True)
        for record in records:
            self.give_back(record)
        return len(records)

    def _landed(self, record: Record) -> bool:
        if record not in self._in_flight:
            return False
        self._in_flight.remove(record)
        self._bytes_in_flight -= len(record.value)
        return True

    def _next(self, without: Container[str]) -> Record | None:
        for urgent in (True, False):
            for name, topic in self._topics.items():
                if name not in without and (record := topic.next(urgent)) is not None:
                    return record
        return None

    def _first_to_drop(self) -> Record:
        for urgent in (False, True):
            found = [r for t in self._topics.values() if (r := t.oldest(urgent)) is not None]
            if found:
                return min(found, key=lambda r: r.number)
        raise AssertionError("at most half of the bytes are in flight")


class _Topic:
    """The records of one topic that wait, each in two lines: of its urgency, and of its key."""

    def __init__(self) -> None:
        # Not plain dicts: finding the first key of one that loses its first keys is O(n).
        self._of_urgency: dict[bool, OrderedDict[Record, None]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self._of_key: dict[bytes, OrderedDict[Record, None]] = defaultdict(OrderedDict)

    def __len__(self) -> int:
        return sum(len(line) for line in self._of_urgency.values())

    def add(self, record: Record, *, first: bool = False) -> None:
        for line in (self._of_urgency[record.urgent], self._of_key[record.key]):
            line[record] = None
            if first:
                line.move_to_end(record, last=False)

    def remove(self, record: Record) -> None:
        del self._of_urgency[record.urgent][record]
        of_key = self._of_key[record.key]
        del of_key[record]
        if not of_key:
            del self._of_key[record.key]

    def oldest(self, urgent: bool) -> Record | None:
        return next(iter(self._of_urgency[urgent]), None)

    def next(self, urgent: bool) -> Record | None:
        """What leaves next for the sake of the oldest record of an urgency: the oldest of its key."""
        oldest = self.oldest(urgent)
        return None if oldest is None else next(iter(self._of_key[oldest.key]))
