"""Runs detection over frames and events as if they came just now: what was said, and when it would have been told.

The worker's own pipeline, without Kafka and Faust. Each record is taken at the time it would have been appended: its
tick plus `TRANSIT_MS`.
"""

from zlib import crc32

from coldplate.streams.correlate import PART_OF
from coldplate.streams.evaluate.label import Said
from coldplate.streams.pipeline import Effects, Pipeline, Record
from coldplate.wire.incident import Incident, Severity, State

TRANSIT_MS = 500
"""From a sensor's tick to the incident's record: sampling, Kafka, and a batch of the worker (its `within` is 0.3 s)."""

PARTITIONS = 8

_RANK = {s: i for i, s in enumerate(Severity)}


class Live:
    """A worker that is fed by hand.

    Parameters
    ----------
    pipeline
        Detection and correlation; its state is this object's.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._frames: list[Record] = []
        self._events: list[Record] = []
        self._offset = 0
        self._said: dict[str, Said] = {}
        self.incidents: list[Incident] = []

    def frame(self, key: bytes, value: bytes, tick_ms: int) -> None:
        """A record of the frames topic that was sent at a tick."""
        self._frames.append(self._record("frames", key, value, tick_ms))

    def event(self, key: bytes, value: bytes, tick_ms: int) -> None:
        """A record of the events topic."""
        self._events.append(self._record("events", key, value, tick_ms))

    def step(self, tick_ms: int) -> None:
        """Judge what has come by a tick; call it once a tick, also when nothing has."""
        now_ms = tick_ms + TRANSIT_MS
        events, self._events = self._events, []
        frames, self._frames = self._frames, []
        self._note(self._pipeline.events(events), now_ms)
        self._note(self._pipeline.frames(frames, now_ms), now_ms)
        self._note(self._pipeline.passing_time(now_ms), now_ms)

    @property
    def said(self) -> list[Said]:
        """Every incident, in the order in which they opened."""
        return list(self._said.values())

    @property
    def rejected(self) -> dict[str, int]:
        """Records that were refused, by reason."""
        return dict(self._pipeline.rejected)

    def _record(self, topic: str, key: bytes, value: bytes, tick_ms: int) -> Record:
        self._offset += 1
        return Record(topic, crc32(key) % PARTITIONS, self._offset, tick_ms + TRANSIT_MS, value)

    def _note(self, effects: Effects, now_ms: int) -> None:
        self.incidents += effects.incidents
        for incident in effects.incidents:
            said = said_after(self._said.get(incident.id), incident, now_ms)
            self._said[incident.id] = said
            if incident.cause.startswith(PART_OF) and not said.pages:
                # A ticket that turned out to be part of another incident, which counts from its own opening.
                del self._said[incident.id]


def said_after(before: Said | None, incident: Incident, told_ms: int) -> Said:
    """What an incident comes to with one more record of it."""
    ticket_ms = None if incident.severity is Severity.INFO else told_ms
    if before is None:
        return Said(
            incident.id, incident.kind, incident.subject, incident.severity,
            incident.opened_ms, told_ms, ticket_ms,
        )  # fmt: skip
    # A record that closes repeats the cause; while open it may become clearer.
    still = incident.state is State.OPEN
    worse = _RANK[incident.severity] > _RANK[before.severity]
    return Said(
        before.id,
        incident.kind if still else before.kind,
        incident.subject if still else before.subject,
        incident.severity if worse else before.severity,
        before.opened_ms,
        told_ms if worse and incident.severity.pages and not before.pages else before.told_ms,
        ticket_ms if before.ticket_ms is None else before.ticket_ms,
    )
