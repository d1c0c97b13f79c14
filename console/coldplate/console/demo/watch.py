"""What goes on in the running stack: incidents and events as Kafka has them, rows and heat as ClickHouse has them.

Two threads ask, so that drawing never waits; they fill one `Sight`. A server that does not answer leaves the last
answer standing.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from coldplate.agents.follow import Follower, Lag, NotAnswering
from coldplate.console.context import Context
from coldplate.sinks.client import ClickHouseHistory
from coldplate.sinks.errors import HistoryError
from coldplate.wire.codec import decode
from coldplate.wire.errors import WireError
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident

log = logging.getLogger(__name__)

HOTTEST = 6
_HOT_SQL = f"SELECT id, gpu_c, margin_c, power_w FROM hottest LIMIT {HOTTEST}"


@dataclass(slots=True)
class Told:
    """An incident's records so far.

    Parameters
    ----------
    first, last
        The record that opened it, and the newest.
    first_ms
        When Kafka had the first, Unix milliseconds.
    forecast
        The first record with a forecast of throttling.
    """

    first: Incident
    last: Incident
    first_ms: int
    forecast: Incident | None = None


@dataclass(slots=True)
class Sight:
    """The newest of everything.

    Parameters
    ----------
    incidents
        By id, in the order they opened.
    events
        When Kafka had each event, by (kind, subject, code).
    rows
        GPU rows in ClickHouse.
    hottest
        (id, gpu_c, margin_c, power_w), least margin first.
    lag
        Records not yet committed, by consumer group.
    """

    incidents: dict[str, Told] = field(default_factory=dict)
    events: dict[tuple[str, str, int | None], int] = field(default_factory=dict)
    rows: int = 0
    hottest: list[tuple[Any, ...]] = field(default_factory=list)
    lag: dict[str, int] = field(default_factory=dict)


class Watch:
    """Watches from `start` to `stop`.

    Parameters
    ----------
    context
        How to reach the servers.
    since_ms
        Incidents and events that Kafka has from this moment on (Unix milliseconds) are seen, whenever it is reached.
    """

    def __init__(self, context: Context, since_ms: int) -> None:
        self.sight = Sight()
        self.trouble = ""
        """Why Kafka's topics could not be followed, at last."""
        self._context, self._since_ms = context, since_ms
        self._following = threading.Event()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(task,), name=task.__name__, daemon=True)
            for task in (self._follow, self._ask)
        ]

    def start(self) -> None:
        """Begin; the topics must exist."""
        for thread in self._threads:
            thread.start()

    @property
    def following(self) -> bool:
        """Whether Kafka was reached: every incident and event is seen."""
        return self._following.is_set()

    def stop(self) -> None:
        """End both threads."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10.0)

    def _run(self, task: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                task()
            except (NotAnswering, HistoryError) as error:
                if task == self._follow:
                    self.trouble = str(error)
                log.info("%s; trying again", error)
                self._stop.wait(1.0)

    def _follow(self) -> None:
        topics = self._context.topics
        follower = Follower(self._context.kafka, (topics.incidents, topics.events), self._since_ms)
        self._following.set()
        try:
            while not self._stop.is_set():
                for seen in follower.poll(0.2):
                    try:
                        if seen.topic == topics.incidents:
                            self._incident(decode(Incident, seen.value), seen.timestamp_ms)
                        else:
                            self._event(decode(Event, seen.value), seen.timestamp_ms)
                    except WireError as error:
                        log.warning("a record of %s: %s", seen.topic, error)
        finally:
            follower.close()

    def _incident(self, incident: Incident, at_ms: int) -> None:
        told = self.sight.incidents.get(incident.id)
        if told is None:
            told = self.sight.incidents[incident.id] = Told(incident, incident, at_ms)
        told.last = incident
        if told.forecast is None and incident.throttle_at_ms is not None:
            told.forecast = incident

    def _event(self, event: Event, at_ms: int) -> None:
        self.sight.events.setdefault((event.kind, event.subject, event.code), at_ms)

    def _ask(self) -> None:
        config = self._context.config
        history = ClickHouseHistory(self._context.clickhouse("reader"))
        lag = Lag(
            self._context.kafka, self._context.topics.frames,
            (config.worker.group, config.sink.group),
        )  # fmt: skip
        try:
            while not self._stop.is_set():
                began_s = time.monotonic()
                self.sight.lag = lag.records()
                self.sight.rows = int(history.query("SELECT count() FROM gpu_samples")[1][0][0])
                self.sight.hottest = list(history.query(_HOT_SQL)[1])
                self._stop.wait(max(0.1, 1.0 - (time.monotonic() - began_s)))
        finally:
            lag.close()
            history.close()
