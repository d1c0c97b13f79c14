"""What waits in the outbox, what was given up there, how much of it there is, and how much there may be."""

from dataclasses import dataclass

from coldplate.sinks.webhooks.message import Message


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of what waits; beyond them the oldest goes first, and is counted.

    Parameters
    ----------
    messages_max, bytes_max
        Of one receiver: its oldest messages become dead letters, other receivers notice nothing. A message that alone
        takes a quarter of the bytes becomes one at once.
    dead_max, dead_bytes_max
        Dead letters of all receivers.
    actions_max
        Actions that wait for Kafka.
    """

    messages_max: int = 10_000
    bytes_max: int = 64 << 20
    dead_max: int = 10_000
    dead_bytes_max: int = 64 << 20
    actions_max: int = 100_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message at the head of its group.

    Parameters
    ----------
    message
        To send.
    since_ms
        From when its age counts: when it was made, or when somebody had it sent again.
    due_ms
        Not before.
    tries
        Attempts that failed.
    said
        What came of the last.
    """

    message: Message
    since_ms: int
    due_ms: int
    tries: int
    said: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up; `message` is None when this program cannot read it."""

    id: str
    receiver: str
    group: str
    dead_ms: int
    said: str
    message: Message | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of one receiver: messages that wait, dead letters, and since when the oldest waits."""

    pending: int = 0
    dead: int = 0
    oldest_ms: int | None = None
