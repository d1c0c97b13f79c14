"""Which rack is in which partition, and what a worker forgets when partitions become another worker's."""

from collections.abc import Set as AbstractSet
from functools import lru_cache

from aiokafka.partitioner import murmur2

from coldplate.streams.pipeline import Pipeline
from coldplate.wire.topic import rack_key


def partition_of(rack: str, count: int) -> int:
    """Where Kafka's clients put a rack's records in a topic of `count` partitions.

    >>> [partition_of(f"rack-{n:04d}", 12) for n in range(4)]
    [7, 0, 4, 6]
    """
    return partition_of_key(rack_key(rack), count)


def partition_of_key(key: bytes, count: int) -> int:
    """The same of any key."""
    return _hash(key) % count


@lru_cache(maxsize=1 << 14)
def _hash(key: bytes) -> int:
    """Worked out in Python, byte by byte: once for a rack."""
    return int(murmur2(key) & 0x7FFFFFFF)


def leave(pipeline: Pipeline, partitions: AbstractSet[int], count: int) -> None:
    """Incidents of partitions that are another worker's now are no longer ours to tell of, nor who falls silent there.

    Incidents of more than one rack stay while we have one of their racks.
    """
    pipeline.silence.part(partitions)
    book = pipeline.correlator._book  # noqa: SLF001  nobody else ends an incident without a record
    for case in book:
        if case.racks and all(partition_of(rack, count) in partitions for rack in case.racks):
            book.forget(case)
