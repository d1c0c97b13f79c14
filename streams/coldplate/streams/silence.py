"""Who fell silent: a source whose frames stopped while others go on.

By the broker's append times within one Kafka partition: a source is silent when the partition has records that were
appended more than three of its frames and an allowance after its last one. The broker's clock is one clock, so a
node whose own is wrong silences nobody; lag delays a partition's sources alike; when everything in a partition stops,
nothing can be said from here.
"""

from dataclasses import dataclass

from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity
from coldplate.wire.metric import Kind

SILENCE = "silence"
"""The detector's name in anomalies and evidence."""

FRAMES = 3
ALLOWANCE_MS = 5_000
_NOWHERE = -1


@dataclass(slots=True)
class _Source:
    rack: str
    kind: str
    partition: int
    heard_ms: int
    ticked_ms: int
    allowed_ms: int
    silent: bool = False


class Silence:
    """Last sign of life of every source.

    Parameters
    ----------
    cluster
        Stands in the anomalies.
    """

    def __init__(self, cluster: str) -> None:
        self._cluster = cluster
        self._sources: dict[str, _Source] = {}
        self._newest_ms: dict[int, int] = {}

    def take_over(self, name: str, kind: str, rack: str) -> None:
        """A source that was silent when the worker before us ended; it is until it is heard."""
        self._sources.setdefault(name, _Source(rack, kind, _NOWHERE, 0, 0, 0, silent=True))

    def heard(self, head: Head, partition: int, appended_ms: int) -> None:
        """A frame came out of a partition, which Kafka has since `appended_ms`."""
        self._newest_ms[partition] = max(appended_ms, self._newest_ms.get(partition, 0))
        allowed = FRAMES * head.ticks * head.tick_ms + ALLOWANCE_MS
        end_ms = (head.tick + head.ticks) * head.tick_ms
        source = self._sources.get(head.source)
        if source is None:
            plant = any(b.kind == Kind.CDU for b in head.blocks)
            kind = "silent-cdu" if plant else "silent-node"
            self._sources[head.source] = _Source(
                head.rack, kind, partition, appended_ms, end_ms, allowed
            )
            return
        source.partition = partition
        source.heard_ms = max(source.heard_ms, appended_ms)
        source.ticked_ms = max(source.ticked_ms, end_ms)
        # A short urgent frame does not make the next full one late.
        source.allowed_ms = max(allowed, source.allowed_ms) if head.ticks < 5 else allowed

    def look(self, now_ms: int) -> list[Anomaly]:
        """Sources that fell silent or came back since the last look."""
        out = []
        for name, source in self._sources.items():
            if (newest_ms := self._newest_ms.get(source.partition)) is None:
                continue
            silent = newest_ms - source.heard_ms > source.allowed_ms
            if silent != source.silent:
                source.silent = silent
                out.append(self._anomaly(name, source, newest_ms, now_ms))
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
