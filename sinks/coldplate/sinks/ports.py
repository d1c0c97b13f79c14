"""What the sink's loop needs of Kafka; `consumer` fills it, and tests do."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from coldplate.sinks.batch import Place, Record


class Consumer(Protocol):
    """A member of the group. Every call may raise KafkaAway; `commit` also MembershipLost."""

    def poll(self, timeout_s: float) -> list[Record]:
        """Records of partitions that are not paused; also keeps the membership alive."""

    def changes(self) -> tuple[set[Place], set[Place]]:
        """Partitions taken away and given since the last call; one may be in both."""

    def kafka_id(self) -> str:
        """Kafka's cluster id."""

    def generation(self) -> int:
        """The group's generation we are of: grows with every change of members."""

    def topic_id(self, topic: str) -> str:
        """Kafka's id of a topic, or its name where the broker has none."""

    def committed(self, place: Place) -> int | None:
        """The group's next offset; None when it has none."""

    def seek(self, place: Place, offset: int | None) -> None:
        """Go on reading here; None is the oldest record."""

    def position(self, place: Place) -> int | None:
        """Offset after what `poll` gave; None when not known yet."""

    def pause(self, places: Iterable[Place]) -> None:
        """Give no records of these; those that are not ours are left."""

    def resume(self, places: Iterable[Place]) -> None:
        """Give records of these again; those that are not ours are left."""

    def ends(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Offset after the newest record of each."""

    def retention_s(self, topic: str) -> float | None:
        """How long the topic keeps a record; None for ever, or where we may not ask."""

    def commit(self, offsets: Mapping[Place, int]) -> None:
        """Set the group's next offsets."""

    def close(self) -> None:
        """Leave."""
