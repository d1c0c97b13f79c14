"""What the worker told while the benchmark ran: incidents as Kafka got them, held against what was injected.

An incident's time is the broker's, of the first record that is a page. A fault's is its first visible tick, as the twin
knows it by a hall without it, or its event, by the wall clock at which its source had it: the frame's own length and
the detector's hold are in the delay.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from coldplate.agents.follow import Follower, Seen
from coldplate.streams.correlate import PART_OF
from coldplate.streams.evaluate.label import Label, Said
from coldplate.streams.evaluate.live import said_after
from coldplate.streams.evaluate.match import AFTER_MS, Found, Places, match
from coldplate.wire.codec import decode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Device, Inventory


class Told:
    """Incidents and events as they came into Kafka.

    Parameters
    ----------
    incidents, events
        Their topics.
    """

    def __init__(self, incidents: str, events: str) -> None:
        self._incidents, self._events = incidents, events
        self._said: dict[str, Said] = {}
        self.event_ms: dict[str, list[int]] = {}
        """By subject: when its events happened."""
        self.records: list[tuple[int, Incident]] = []
        """Every record of an incident, with the broker's time."""

    def read(self, follower: Follower, timeout_s: float = 0.0) -> int:
        """Take what came; how many records that were."""
        seen = follower.poll(timeout_s)
        for record in seen:
            self.take(record)
        return len(seen)

    def take(self, record: Seen) -> None:
        """Note an incident's change, or an event."""
        if record.topic == self._events:
            event = decode(Event, record.value)
            self.event_ms.setdefault(event.subject, []).append(event.t_ms)
            return
        incident = decode(Incident, record.value)
        self.records.append((record.timestamp_ms, incident))
        said = said_after(self._said.get(incident.id), incident, record.timestamp_ms)
        self._said[incident.id] = said
        if incident.cause.startswith(PART_OF) and not said.pages:
            # A ticket that turned out to be part of another incident, which counts from its own opening.
            del self._said[incident.id]

    @property
    def said(self) -> Sequence[Said]:
        """Every incident."""
        return tuple(self._said.values())

    def lines(self) -> Iterable[bytes]:
        """Of a file: every record with the broker's time."""
        for at_ms, incident in self.records:
            yield msgspec.json.encode({"appended_ms": at_ms, **msgspec.to_builtins(incident)})


def labels_of(sent: Mapping[str, Any]) -> list[Label]:
    """What production injected, by the wall clock."""
    first_ms = 1000 * int(sent["first_tick"])
    times = ("onset_ms", "visible_ms", "harm_ms", "end_ms")
    return [
        Label(**{k: v + first_ms if k in times and v is not None else v for k, v in one.items()})
        for one in sent["labels"]
    ]


def places_of(inventory: Inventory) -> Places:
    """Who stands in whom, racks in their row or hall."""
    return Places({d.id: _above(d) for d in inventory}, {d.id: d.kind for d in inventory})


def _above(device: Device) -> str:
    if device.parent or device.kind == "hall":
        return device.parent
    return (device.row or device.hall) if device.kind == "rack" else device.hall


def judged(labels: Sequence[Label], told: Told, places: Places, begin_s: float) -> dict[str, Any]:
    """The JSON's keys about faults and incidents.

    Parameters
    ----------
    labels
        By the wall clock.
    told
        What came.
    places
        Of the hall.
    begin_s
        Of the measured time, from which the list of faults counts.
    """
    found = match(labels, told.said, places).found
    delays = {f.label.fault: _delay_s(f) for f in found}
    events = {f.label.fault: _after_event_s(f, told) for f in found}
    false = [s for s in told.said if not any(_fits(s, label, places) for label in labels)]
    p50_s, p99_s = _quantiles(delays.values())
    _, event_p99_s = _quantiles(events.values())
    return {
        "injected_faults": len(found), "injected_kinds": len({f.label.kind for f in found}),
        "missed_faults": sum(f.said is None for f in found),
        "false_incidents": len(false), "false_pages": sum(s.pages for s in false),
        "false_kinds": sorted({f"{s.kind} {s.subject}" for s in false}),
        "fault_to_incident_p50_s": p50_s, "fault_to_incident_p99_s": p99_s,
        "event_to_incident_p99_s": event_p99_s,
        "events_timed": sum(s is not None for s in events.values()),
        "cause_correct": sum(f.cause_correct for f in found),
        "faults": [
            {
                "kind": f.label.kind, "subject": f.label.cause,
                "onset": datetime.fromtimestamp(f.label.onset_ms / 1000, UTC).isoformat(),
                "onset_s": round(f.label.onset_ms / 1000 - begin_s, 1),
                "visible_after_s": _after_s(f.label.visible_ms, f.label),
                "found_after_s": delays[f.label.fault],
                "event_to_incident_s": events[f.label.fault],
                "incident": f.said and f.said.id, "incident_kind": f.said and f.said.kind,
                "cause_correct": f.cause_correct,
            }
            for f in found
        ],
    }  # fmt: skip


def _fits(said: Said, label: Label, places: Places) -> bool:
    """By time, and by place: a page as an evaluation has it; what pages nobody may be of anything in the fault's rack."""
    in_time = label.onset_ms <= said.opened_ms and (
        label.end_ms is None or said.opened_ms <= label.end_ms + AFTER_MS
    )
    beside = not said.pages and _rack(said.subject) == _rack(label.cause)
    return in_time and (beside or places.fits(said.subject, label.cause))


def _rack(device: str) -> str:
    return device.partition("/")[0]


def _delay_s(found: Found) -> float | None:
    if found.told_ms is None:
        return None
    label = found.label
    since = label.onset_ms if label.visible_ms is None else label.visible_ms
    return round((found.told_ms - since) / 1000, 3)


def _after_event_s(found: Found, told: Told) -> float | None:
    """From a fault's first event to its incident; None without an event, or when the readings told of it before."""
    happened = [
        t for t in told.event_ms.get(found.label.cause, ()) if t >= found.label.onset_ms
    ]  # fmt: skip
    if not happened or found.told_ms is None or found.told_ms < happened[0]:
        return None
    return round((found.told_ms - happened[0]) / 1000, 3)


def _after_s(t_ms: int | None, label: Label) -> float | None:
    return None if t_ms is None else round((t_ms - label.onset_ms) / 1000, 3)


def _quantiles(delays: Iterable[float | None]) -> tuple[float | None, float | None]:
    known = [d for d in delays if d is not None]
    if not known:
        return None, None
    p50_s, p99_s = np.percentile(known, (50, 99))
    return round(float(p50_s), 3), round(float(p99_s), 3)
