"""A peer that reads from Kafka, as whoever feeds it sees it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from coldplate.console.benching.peers.ground import Ground
from coldplate.console.benching.peers.records import Message
from coldplate.console.failure import Failure

FLUSH_S_MAX = 120.0


class KafkaFed:
    """Implements `Running` by the agent's own publisher.

    Parameters
    ----------
    ground
        Whose Kafka.
    topics
        By what messages are about.
    pids
        Processes of the peer by name.
    out
        What `done` says.
    unit, latency_of
        See `Running`.
    """

    def __init__(
        self, ground: Ground, topics: Mapping[str, str], pids: Mapping[str, int], out: Callable[[], int],
        unit: Literal["rows", "frames", "values"], latency_of: str,
    ) -> None:  # fmt: skip
        self._ground, self._topics, self._out = ground, topics, out
        self.pids = pids
        self.unit: Literal["rows", "frames", "values"] = unit
        self.latency_of = latency_of

    def feed(self, messages: Sequence[Message]) -> None:
        """To the publisher's queue."""
        publisher = self._ground.publisher
        for m in messages:
            publisher.publish(self._topics[m.about], m.key, m.payload)

    def flush(self) -> None:
        """Until Kafka has acknowledged everything."""
        publisher = self._ground.publisher
        left = publisher.flush(FLUSH_S_MAX)
        dropped = {n: c for n, c in publisher.counts().items() if n.startswith("dropped") and c}
        if left or dropped:
            raise Failure(f"{left} records were not acknowledged by Kafka; dropped: {dropped}")

    def done(self) -> int:
        """As counted where they come out."""
        return self._out()
