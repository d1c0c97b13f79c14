"""Which rack is in which partition, and what a worker forgets when partitions become another worker's."""

from collections.abc import Set as AbstractSet

from aiokafka.partitioner import murmur2

from coldplate.streams.pipeline import Pipeline
from coldplate.wire.topic import rack_key


def partition_of(rack: str, count: int) -> int:
    """Where Kafka's clients put a rack's records in a topic of `count` partitions.

    >>> [partition_of(f"rack-{n:04d}", 12) for n in range(4)]
    [7, 0, 4, 6]
    """
    return int(murmur2(rack_key(rack)) & 0x7FFFFFFF) % count


def leave(pipeline: Pipeline, partitions: AbstractSet[int], count: int) -> None:
    """Incidents of partitions that are another worker's now are no longer ours to tell of, nor who falls silent there.

    Incidents of more than one rack stay while we have one of their racks.
    """
    pipeline.silence.part(partitions)
    book = pipeline.correlator._book  # noqa: SLF001  nobody else ends an incident without a record
    for case in book:
        if case.racks and all(partition_of(rack, count) in partitions for rack in case.racks):
            book.forget(case)
