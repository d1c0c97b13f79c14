"""The incident that the alerter opens itself: frames no longer pass from end to end.

The worker cannot tell it, for without frames its time stands still, and it may be the one that stopped. The record
carries no evidence of a detector: a worker that starts finds nothing in it to take over.
"""

import msgspec

from coldplate.sinks.webhooks.pulse import Beat
from coldplate.wire.fault import FRAMES_STOPPED
from coldplate.wire.incident import Incident, Severity, State, incident_id

SUBJECT = "pipeline"
LOOKS = 2
"""So many in a row open it, and close it."""


class _Kept(msgspec.Struct):
    """What must outlast a restart."""

    passed: bool = False
    incident: Incident | None = None
    last: Incident | None = None


class Stopped:
    """Opens and closes it by looks at both ends; before frames have passed once, nothing has stopped.

    Parameters
    ----------
    cluster
        Whose pipeline.
    kept
        What `state` gave before the restart; b"" at the first start.
    """

    def __init__(self, cluster: str, kept: bytes = b"") -> None:
        self._cluster = cluster
        self._kept = msgspec.msgpack.decode(kept, type=_Kept) if kept else _Kept()
        self._since_ms: int | None = None
        self._wrong = self._right = 0

    @property
    def state(self) -> bytes:
        """What must be remembered."""
        return msgspec.msgpack.encode(self._kept)

    @property
    def last(self) -> Incident | None:
        """The record that was made last: to be published again at a start, for Kafka may not have got it."""
        return self._kept.last

    def take(self, beat: Beat, now_ms: int) -> Incident | None:
        """A look; returns the record to publish when it opens or closes."""
        if beat.passes:
            self._wrong, self._since_ms = 0, None
            self._right += 1
            self._kept.passed = True
        else:
            self._right = 0
            self._wrong += 1
            self._since_ms = self._since_ms or now_ms
        incident = self._kept.incident
        if incident is None and self._kept.passed and self._wrong >= LOOKS:
            self._kept.incident = self._kept.last = self._opened(beat, now_ms)
            return self._kept.last
        if incident is not None and self._right >= LOOKS:
            self._kept.incident, self._kept.last = None, self._closed(incident, now_ms)
            return self._kept.last
        return None

    def _opened(self, beat: Beat, now_ms: int) -> Incident:
        since_ms = self._since_ms or now_ms
        if beat.stored_age_s is not None:
            since_ms = min(since_ms, now_ms - int(beat.stored_age_s * 1000))
        return Incident(
            cluster=self._cluster, id=incident_id(SUBJECT, FRAMES_STOPPED, since_ms), step=0, state=State.OPEN,
            kind=FRAMES_STOPPED, subject=SUBJECT, rack="", severity=Severity.CRITICAL, opened_ms=now_ms,
            updated_ms=now_ms, first_tick_ms=since_ms,
            cause=f"Frames no longer pass from the agents to the history: {beat.why}. Nobody watches the cluster.",
            why="opened by the alerter",
        )  # fmt: skip

    def _closed(self, incident: Incident, now_ms: int) -> Incident:
        return msgspec.structs.replace(
            incident, step=incident.step + 1, state=State.CLOSED, updated_ms=now_ms,
            closed_ms=now_ms, cause="Frames pass again from the agents to the history.",
            why="closed by the alerter",
        )  # fmt: skip
