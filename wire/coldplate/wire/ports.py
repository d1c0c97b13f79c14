"""What crosses from one part to another at run time: Protocols that `console` fills and hands in."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from coldplate.wire.baseline import Baselines


class HistoryUnavailable(RuntimeError):  # noqa: N818
    """The history did not answer, or answered no. The message never holds a password."""


class Publisher(Protocol):
    """Sends records; `agents` implements it over kafka-python."""

    def publish(
        self, topic: str, key: bytes, value: bytes, *, urgent: bool = False,
        first_ms: int | None = None,
    ) -> None:  # fmt: skip
        """Take a record for sending; never waits. What does not fit is dropped, oldest first, counted.

        `first_ms` is the event time of its first tick or event, Unix milliseconds; None: now.
        """

    def flush(self, timeout_s: float) -> int:
        """Wait until everything taken is acknowledged; returns how many records are not yet."""

    def counts(self) -> Mapping[str, int]:
        """Records `taken`, `acknowledged`, `pending`, and `dropped_REASON` by reason."""

    def close(self, timeout_s: float) -> None:
        """Flush within the time given, then end."""


class History(Protocol):
    """Asks the history; `sinks` implements it over clickhouse-driver."""

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """Column names and rows.

        Raises
        ------
        HistoryUnavailable
        """

    def baselines(self, cluster: str, since_ms: int) -> Iterator[Baselines]:
        """What detectors had learnt of each rack when it was written down last, rack by rack.

        Parameters
        ----------
        cluster
            Whose history this is.
        since_ms
            Racks whose newest tick was before it are left out, Unix milliseconds.

        Raises
        ------
        HistoryUnavailable
            At any rack; those before it are good.
        """
