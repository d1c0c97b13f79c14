"""Who fell silent: a source whose frames stopped while others go on.

By the broker's append times within one Kafka partition: a source is silent when, since its last frame, the partition
went on for longer than three of its frames and an allowance. The broker's clock is one clock, so a node whose own is
wrong silences nobody; lag delays a partition's sources alike; a time in which a whole partition had nothing counts for
little, so that an outage of Kafka silences nobody. A source that the inventory does not know is not waited for.
"""

from dataclasses import dataclass

from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind

SILENCE = "silence"
"""The detector's name in anomalies and evidence."""

FRAMES = 3
ALLOWANCE_MS = 5_000
PAUSE_MS_MAX = 10_000
"""What a pause of a whole partition counts at most: twice what a rack's sources, which send together, make."""

_NOWHERE = -1


@dataclass(slots=True)
class _Source:
    rack: str
    kind: str
    partition: int
    heard_ms: int
    heard_at: int
    ticked_ms: int
    allowed_ms: int
    silent: bool = False


@dataclass(slots=True)
class _Partition:
    """When it last got a record, and how long it has been getting some."""

    newest_ms: int
    lived: int = 0


class Silence:
    """Last sign of life of every source.

    Parameters
    ----------
    cluster
        Stands in the anomalies.
    known
        Whose sources are waited for; None: all that were ever heard.
    """

    def __init__(self, cluster: str, known: Inventory | None = None) -> None:
        self._cluster, self._known = cluster, known
        self._sources: dict[str, _Source] = {}
        self._partitions: dict[int, _Partition] = {}

    def take_over(self, name: str, kind: str, rack: str) -> None:
        """A source that was silent when the worker before us ended; it is until it is heard."""
        self._sources.setdefault(name, _Source(rack, kind, _NOWHERE, 0, 0, 0, 0, silent=True))

    def heard(self, head: Head, partition: int, appended_ms: int) -> None:
        """A frame came out of a partition, which Kafka has since `appended_ms`."""
        frame_ms = head.ticks * head.tick_ms
        place = self._partitions.setdefault(partition, _Partition(appended_ms))
        passed = max(0, appended_ms - place.newest_ms)
        place.lived += min(passed, max(PAUSE_MS_MAX, 2 * frame_ms))
        place.newest_ms += passed
        if self._known is not None and head.source not in self._known:
            return
        allowed = FRAMES * frame_ms + ALLOWANCE_MS
        end_ms = head.tick * head.tick_ms + frame_ms
        source = self._sources.get(head.source)
        if source is None:
            plant = any(b.kind == Kind.CDU for b in head.blocks)
            kind = "silent-cdu" if plant else "silent-node"
            self._sources[head.source] = _Source(
                head.rack, kind, partition, appended_ms, place.lived, end_ms, allowed
            )
            return
        source.partition = partition
        source.heard_ms, source.heard_at = appended_ms, place.lived
        source.ticked_ms = max(source.ticked_ms, end_ms)
        # A short urgent frame does not make the next full one late.
        source.allowed_ms = max(allowed, source.allowed_ms) if head.ticks < 5 else allowed

    def look(self, now_ms: int) -> list[Anomaly]:
        """Sources that fell silent or came back since the last look."""
        out = []
        for name, source in self._sources.items():
            if (place := self._partitions.get(source.partition)) is None:
                continue
            silent = place.lived - source.heard_at > source.allowed_ms
            if silent != source.silent:
                source.silent = silent
                out.append(self._anomaly(name, source, place.newest_ms, now_ms))
        return out

    def _anomaly(self, name: str, source: _Source, newest_ms: int, now_ms: int) -> Anomaly:
        evidence = Evidence(
            SILENCE, name, "silent_s", source.ticked_ms,
            round((newest_ms - source.heard_ms) / 1000, 1), source.allowed_ms / 1000,
            note="" if source.silent else "sends again",
        )  # fmt: skip
        return Anomaly(
            self._cluster, SILENCE, source.kind, name, source.rack,
            source.heard_ms + source.allowed_ms if source.silent else newest_ms,
            source.silent, Severity.WARNING, evidence, arrived_ms=now_ms,
        )  # fmt: skip
