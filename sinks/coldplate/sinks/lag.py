"""How far the history is behind Kafka, and how long until Kafka forgets what is not stored yet."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from coldplate.sinks.batch import Batch, Place
from coldplate.sinks.errors import KafkaAway
from coldplate.sinks.pending import Pending
from coldplate.sinks.ports import Consumer
from coldplate.wire.event import Event

LOOK_S = 5.0
TELL_EVERY_S = 60.0
"""An event holds for three minutes: told again each minute while it is so."""

LEFT_RATIO_MIN = 0.5
"""Share of Kafka's retention that is left, below which people are told: half a day of the usual day."""

log = logging.getLogger(__name__)

OnEvent = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Lag:
    """At one look.

    Parameters
    ----------
    records
        That Kafka has and the history has not.
    oldest_s
        Age of the oldest of them; 0 when there is none.
    left_s
        Until Kafka forgets it; None where the topic keeps for ever or did not say.
    """

    records: int = 0
    oldest_s: float = 0.0
    left_s: float | None = None


class LagWatch:
    """Looks every few seconds, and tells by an event when retention will eat what is not stored.

    Parameters
    ----------
    consumer
        Whose partitions.
    cluster, source
        Of the events: who tells.
    on_event
        Takes them.
    clock
        Unix seconds, as the broker stamps records.
    """

    def __init__(
        self, consumer: Consumer, cluster: str, source: str, on_event: OnEvent | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.lag = Lag()
        self._consumer, self._on_event, self._clock = consumer, on_event, clock
        self._cluster, self._source = cluster, source
        self._boot, self._seq = time.time_ns(), 0
        self._retention_s: dict[str, float | None] = {}
        self._look_at_s = self._tell_at_s = 0.0

    def look(self, parts: Iterable[Pending], at_hand: Mapping[Place, Batch], why: str) -> None:
        """Look when it is time; `why` is what the sink waits for, "" when for nothing."""
        now_s = self._clock()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_S
        try:
            self.lag = self._looked(list(parts), at_hand, now_s)
        except KafkaAway as error:
            # Then nothing is appended either; what we know of its age goes on.
            log.debug("%s", error)
            return
        self._tell(now_s, why)

    def _looked(self, parts: list[Pending], at_hand: Mapping[Place, Batch], now_s: float) -> Lag:
        ends = self._consumer.ends(part.place for part in parts)
        records, oldest_s, left_s = 0, 0.0, None
        for part in parts:
            batch = at_hand.get(part.place)
            first, stamp_ms = part.oldest if batch is None else _oldest(batch, part)
            records += max(0, ends.get(part.place, first) - first)
            if stamp_ms is None:
                continue
            age_s = max(0.0, now_s - stamp_ms / 1000)
            oldest_s = max(oldest_s, age_s)
            keeps_s = self._keeps_s(part.place[0])
            if keeps_s is not None:
                left_s = min(keeps_s - age_s, keeps_s if left_s is None else left_s)
        return Lag(records, round(oldest_s, 1), None if left_s is None else round(left_s, 1))

    def _keeps_s(self, topic: str) -> float | None:
        if topic not in self._retention_s:
            self._retention_s[topic] = self._consumer.retention_s(topic)
        return self._retention_s[topic]

    def _tell(self, now_s: float, why: str) -> None:
        lag = self.lag
        if self._on_event is None or lag.left_s is None or now_s < self._tell_at_s:
            return
        if lag.left_s > LEFT_RATIO_MIN * (lag.left_s + lag.oldest_s):
            return
        self._tell_at_s = now_s + TELL_EVERY_S
        text = (
            f"the history is {lag.oldest_s / 3600:.1f} h behind, Kafka forgets in {lag.left_s / 3600:.1f} h"
            f"{f'; waits for {why}' if why else ''}"
        )
        self._seq += 1
        self._on_event(
            Event(
                "sink_lag", self._source, "", int(now_s * 1000), self._cluster, self._source,
                self._boot, self._seq, text=text,
                data={"records": lag.records, "oldest_s": lag.oldest_s, "left_s": lag.left_s},
            )
        )  # fmt: skip


def _oldest(batch: Batch, part: Pending) -> tuple[int, int | None]:
    """Of a batch that is being stored, before what waits behind it."""
    stamp_ms = batch.records[0].timestamp_ms if batch.records else part.oldest[1]
    return batch.first, stamp_ms
