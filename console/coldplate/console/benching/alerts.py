"""How soon an event is a page, and how many pages a flood makes: real Kafka, worker and alerter, frames of a twin beside.

Events are published as agents publish them; a page is the webhook's last byte at a receiver on loopback.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.benching.alert_parts import (
    ALERTER,
    GPUS,
    KAFKA,
    NODES,
    TWIN,
    WORKER,
    alert_parts,
)
from coldplate.console.benching.crew import Crew
from coldplate.console.benching.machine import describe, versions
from coldplate.console.benching.progress import Progress
from coldplate.console.benching.receiver import Arrival, Receiver
from coldplate.console.running import read_stats
from coldplate.console.stack.state import StateDir
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import incident_id
from coldplate.wire.topic import Topics, rack_key

CLUSTER, RACKS, PARTITIONS = "coldplate", 28, 4
EVERY_S = 2.0
FLOOD_S = 10.0
START_S_MAX, WARM_S, SETTLE_S = 90.0, 20.0, 12.0

CODES = (48, 74, 79, 95)
"""XIDs that page, each of an action of its own. All of one node are one cause, and so is one action in three racks within a
minute: so they come node by node, each in a rack of its own, and a rack lasts longer than a minute."""


def measure(events: int, anomalies: int) -> dict[str, Any]:
    """What its JSON shows.

    Parameters
    ----------
    events
        Distinct causes, one at a time.
    anomalies
        Of one cause, within ten seconds.

    Raises
    ------
    Failure, StackError
        A part did not come up.
    """
    with (
        tempfile.TemporaryDirectory(prefix="coldplate-bench-") as folder,
        Progress() as progress, Receiver() as receiver,
    ):  # fmt: skip
        endpoints, parts = alert_parts(StateDir(Path(folder) / "stack"), receiver.url, RACKS)
        with parts as crew:
            run = _Run(crew, KafkaSettings(endpoints.kafka), receiver.arrivals, progress)
            return {**run.result(events, anomalies), "machine": describe(), "versions": versions()}


class _Run:
    """One run."""

    def __init__(
        self, crew: Crew, settings: KafkaSettings, arrivals: list[Arrival], progress: Progress
    ) -> None:
        self._crew, self._settings, self._arrivals = crew, settings, arrivals
        self._progress, self._words, self._seq = progress, ("starting", 0.0), 0

    def result(self, events: int, anomalies: int) -> dict[str, Any]:
        """Start, wait until frames are judged, measure both."""
        self._crew.begin(KAFKA)
        self._until(lambda: self._crew.healthy(KAFKA), START_S_MAX, "Kafka")
        create_topics(self._settings, Topics().specs(PARTITIONS))
        self._crew.begin(WORKER, ALERTER)
        self._until(lambda: self._crew.healthy(WORKER, ALERTER), START_S_MAX, "worker or alerter")
        self._crew.begin(TWIN)
        stats = self._crew.state.folder("run") / f"{WORKER}.json"
        self._until(lambda: read_stats(stats).get("frames", 0) > 0, START_S_MAX, "judged frame")
        self._pass(WARM_S)
        publisher = KafkaPublisher(self._settings)
        try:
            sent = self._distinct(publisher, events)
            self._pass(SETTLE_S)
            once = list(self._arrivals)
            messages = self._flood(publisher, anomalies)
        finally:
            publisher.close(5.0)
        return {
            **_delays(sent, once),
            "events": events,
            "anomalies": anomalies,
            "messages": messages,
        }

    def _distinct(self, publisher: KafkaPublisher, events: int) -> dict[str, float]:
        """Unix seconds at which each was published, by the id that its incident will have."""
        subjects = [
            (code, f"rack-{rack + place:04d}/node-{node}/gpu-0")
            for rack in range(0, RACKS, len(CODES))
            for node in range(NODES)
            for place, code in enumerate(CODES)
        ]
        sent: dict[str, float] = {}
        for number, (code, subject) in enumerate(subjects[:events]):
            self._words = (f"event {number + 1} of {events}", number / events)
            at_s = self._publish(publisher, "xid", subject, code)
            sent[incident_id(subject, f"xid-{code}", int(at_s * 1000))] = at_s
            self._pass(EVERY_S)
        return sent

    def _flood(self, publisher: KafkaPublisher, anomalies: int) -> int:
        """Messages that a brake pulled in the whole hall makes, told again and again by every GPU."""
        begun = len(self._arrivals)
        for number in range(anomalies):
            rack, place = number % RACKS, number // RACKS % (NODES * GPUS)
            subject = f"rack-{rack:04d}/node-{place // GPUS}/gpu-{place % GPUS}"
            self._publish(publisher, "power_brake", subject, None)
            if number % 100 == 0:
                self._words = (f"anomaly {number} of {anomalies}", number / anomalies)
                self._pass(100 * FLOOD_S / anomalies)
        self._pass(SETTLE_S)
        return sum(any(phase != "closed" for _, phase in a.told) for a in self._arrivals[begun:])

    def _publish(self, publisher: KafkaPublisher, kind: str, subject: str, code: int | None) -> float:  # fmt: skip
        now_s, rack = time.time(), subject.partition("/")[0]
        self._seq += 1
        event = Event(kind, subject, rack, int(now_s * 1000), CLUSTER, "bench", 1, self._seq, code, "by the benchmark")  # fmt: skip
        publisher.publish(Topics().events, rack_key(rack), encode(event), urgent=True)
        return now_s

    def _pass(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        self._until(lambda: time.monotonic() >= until_s, seconds + START_S_MAX, "time")

    def _until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        self._crew.until(condition, within_s, what, lambda: self._progress.show(*self._words))


def _delays(sent: Mapping[str, float], arrivals: Sequence[Arrival]) -> dict[str, Any]:
    """From an event to the first message that tells of its incident."""
    came: dict[str, float] = {}
    for arrival in arrivals:
        for incident, phase in arrival.told:
            if phase == "opened":
                came.setdefault(incident, arrival.at_s)
    delays = np.array([came[i] - at_s for i, at_s in sent.items() if i in came])
    told = {"messages_distinct": len(came), "untold": len(sent.keys() - came.keys())}
    if not len(delays):
        return {"event_to_webhook_p50_s": None, "event_to_webhook_p99_s": None, **told}
    p50_s, p99_s = np.percentile(delays, (50, 99))
    return {
        "event_to_webhook_p50_s": round(float(p50_s), 3),
        "event_to_webhook_p99_s": round(float(p99_s), 3), **told,
    }  # fmt: skip
