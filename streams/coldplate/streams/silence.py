"""Who fell silent: a source whose ticks stopped while others go on.

Event time against event time, within one Kafka partition: a source is silent when the partition's newest tick
is further ahead of its own than three of its frames and an allowance. Lag delays a partition's sources alike
and silences nobody; when everything in it stops, nothing can be said from here.
"""

from dataclasses import dataclass

from coldplate.wire.frame import Head
from coldplate.wire.incident import Anomaly, Evidence, Severity
from coldplate.wire.metric import Kind

FRAMES = 3
ALLOWANCE_MS = 5_000


@dataclass(slots=True)
class _Source:
    rack: str
    kind: str
    partition: int
    last_ms: int
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

    def heard(self, head: Head, partition: int) -> None:
        """A frame came out of a partition."""
        end_ms = (head.tick + head.ticks) * head.tick_ms
        self._newest_ms[partition] = max(end_ms, self._newest_ms.get(partition, 0))
        allowed = FRAMES * head.ticks * head.tick_ms + ALLOWANCE_MS
        source = self._sources.get(head.source)
        if source is None:
            plant = any(b.kind == Kind.CDU for b in head.blocks)
            kind = "silent-cdu" if plant else "silent-node"
            self._sources[head.source] = _Source(head.rack, kind, partition, end_ms, allowed)
            return
        source.last_ms = max(source.last_ms, end_ms)
        # A short urgent frame does not make the next full one late.
        source.allowed_ms = max(allowed, source.allowed_ms) if head.ticks < 5 else allowed

    def look(self, now_ms: int) -> list[Anomaly]:
        """Sources that fell silent or came back since the last look."""
        out = []
        for name, source in self._sources.items():
            newest_ms = self._newest_ms[source.partition]
            silent = newest_ms - source.last_ms > source.allowed_ms
            if silent != source.silent:
                source.silent = silent
                out.append(self._anomaly(name, source, newest_ms, now_ms))
        return out

    def _anomaly(self, name: str, source: _Source, newest_ms: int, now_ms: int) -> Anomaly:
        evidence = Evidence(
            "silence", name, "silent_s", source.last_ms,
            round((newest_ms - source.last_ms) / 1000, 1), source.allowed_ms / 1000,
            note="" if source.silent else "sends again",
        )  # fmt: skip
        return Anomaly(
            self._cluster, "silence", source.kind, name, source.rack,
            source.last_ms + source.allowed_ms if source.silent else newest_ms,
            source.silent, Severity.WARNING, evidence, arrived_ms=now_ms,
        )  # fmt: skip
