"""How the records of a partition become batches, and the tokens of a batch; no input or output.

A batch is a range of offsets of one partition. It is written down (an intent) before it is stored, and
after a crash the ranges that were written down are cut again exactly, so that every insert of a repeated
batch carries the token of the first attempt.
"""

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


AT_ONCE, LATER, ROLLUPS, FED = "", "later", "rollups", "fed"
"""Kinds of ranges: batches of which no rollups are made, batches of which they are made later, the rollups of several, and a note that these are stored."""


class Span(NamedTuple):
    """Offsets first to last, both included, and what is stored of them."""

    first: int
    last: int
    kind: str = AT_ONCE


def valid_spans(written: Sequence[tuple[Span, int]]) -> list[Span]:
    """Ranges to redo, of those written down by members of a generation of the group.

    A range that overlaps one of a later generation was written by a member that had lost the partition
    already: a later owner who sees a range redoes it and never cuts across. Nothing was stored under it.
    Rollups are of several batches, and are held against one another.
    """
    newest: dict[Span, int] = {}
    for span, generation in written:
        newest[span] = max(generation, newest.get(span, generation))
    return sorted(
        span
        for span, generation in newest.items()
        if not any(
            later > generation and other.first <= span.last and span.first <= other.last
            for other, later in newest.items()
            if (other.kind == ROLLUPS) is (span.kind == ROLLUPS)
        )
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
    kind
        Of the range.
    """

    topic: str
    partition: int
    first: int
    last: int
    records: tuple[Record, ...]
    redo: bool = False
    kind: str = AT_ONCE

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
