"""Who fell silent: a source whose frames stopped while others go on.

By the broker's append times within one Kafka partition: a source is silent when, since its last frame, the partition
went on for longer than three of its frames and an allowance. The broker's clock is one clock, so a node whose own is
wrong silences nobody; lag delays a partition's sources alike; a time in which a whole partition had nothing counts for
little, so that an outage of Kafka silences nobody. A source that the inventory does not know is not waited for.

When all racks of a hall fall silent, their partitions have nothing to go on by. Then the other sources of the cluster
are the clock (the hall's own meters, another hall): racks are spread over partitions by their names, so that a lost
partition of Kafka never takes exactly a hall.
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

KEPT = "sends what it had kept"
"""Note of a source that is back and had only been cut off."""

PARTITIONS_MIN = 2
"""A hall that lies in one partition falls silent with it, and that says nothing."""

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
    hall: str = ""
    cluster_at: int = 0
    kept: bool = False


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
        self._everything: _Partition | None = None

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
        lived = self._live(appended_ms, frame_ms)
        if self._known is not None and head.source not in self._known:
            return
        allowed = FRAMES * frame_ms + ALLOWANCE_MS
        end_ms = head.tick * head.tick_ms + frame_ms
        source = self._sources.get(head.source)
        kind = "silent-cdu" if any(b.kind == Kind.CDU for b in head.blocks) else "silent-node"
        if source is None:
            self._sources[head.source] = _Source(
                head.rack, kind, partition, appended_ms, place.lived, end_ms, allowed,
                hall=self._hall_of(head.rack), cluster_at=lived,
            )  # fmt: skip
            return
        if source.silent:
            # The very next tick after the last one before: it had worked on.
            source.kept |= 0 <= head.tick * head.tick_ms - source.ticked_ms <= frame_ms
        if source.partition == _NOWHERE:
            # Taken over, by an incident that may be called after its rack or hall.
            source.rack, source.kind, source.hall = head.rack, kind, self._hall_of(head.rack)
        source.partition, source.cluster_at = partition, lived
        source.heard_ms, source.heard_at = appended_ms, place.lived
        source.ticked_ms = max(source.ticked_ms, end_ms)
        # A short urgent frame does not make the next full one late.
        source.allowed_ms = max(allowed, source.allowed_ms) if head.ticks < 5 else allowed

    def look(self, now_ms: int) -> list[Anomaly]:
        """Sources that fell silent or came back since the last look."""
        out = []
        halls = self._silent_halls()
        for name, source in self._sources.items():
            if (place := self._partitions.get(source.partition)) is None:
                continue
            silent = place.lived - source.heard_at > source.allowed_ms or source.hall in halls
            if silent != source.silent:
                source.silent = silent
                out.append(self._anomaly(name, source, place.newest_ms, now_ms))
        return out

    def _live(self, appended_ms: int, frame_ms: int) -> int:
        """For how long the cluster as a whole has been getting records."""
        if self._everything is None:
            self._everything = _Partition(appended_ms)
        passed = max(0, appended_ms - self._everything.newest_ms)
        self._everything.lived += min(passed, max(PAUSE_MS_MAX, 2 * frame_ms))
        self._everything.newest_ms += passed
        return self._everything.lived

    def _hall_of(self, rack: str) -> str:
        """The hall that a rack stands in; "" for what stands in none, or is not known."""
        if self._known is None or rack not in self._known.devices:
            return ""
        device = self._known.devices[rack]
        return device.hall if device.kind == "rack" else ""

    def _silent_halls(self) -> set[str]:
        """Halls of which nobody is heard while others of the cluster are."""
        if self._everything is None or not self._halls_may_be_silent():
            return set()
        late: dict[str, bool] = {}
        partitions: dict[str, set[int]] = {}
        for source in self._sources.values():
            if source.hall and source.partition != _NOWHERE:
                is_late = self._everything.lived - source.cluster_at > source.allowed_ms
                late[source.hall] = late.get(source.hall, True) and is_late
                partitions.setdefault(source.hall, set()).add(source.partition)
        return {
            h for h, all_late in late.items() if all_late and len(partitions[h]) >= PARTITIONS_MIN
        }

    def _halls_may_be_silent(self) -> bool:
        """Cheap: whether some partition has been without a record for longer than anybody's frame."""
        assert self._everything is not None
        newest_ms = self._everything.newest_ms
        return any(newest_ms - p.newest_ms > ALLOWANCE_MS for p in self._partitions.values())

    def _anomaly(self, name: str, source: _Source, newest_ms: int, now_ms: int) -> Anomaly:
        evidence = Evidence(
            SILENCE, name, "silent_s", source.ticked_ms,
            round((newest_ms - source.heard_ms) / 1000, 1), source.allowed_ms / 1000,
            note="" if source.silent else KEPT if source.kept else "sends again",
        )  # fmt: skip
        return Anomaly(
            self._cluster, SILENCE, source.kind, name, source.rack,
            source.heard_ms + source.allowed_ms if source.silent else newest_ms,
            source.silent, Severity.WARNING, evidence, arrived_ms=now_ms,
        )  # fmt: skip
