"""What can be wrong with the servers on either side, in the three ways a caller acts on differently."""

from coldplate.wire.ports import HistoryUnavailable


class HistoryError(HistoryUnavailable):
    """ClickHouse did not do what was asked. The message never holds a password."""


class HistoryDown(HistoryError):  # noqa: N818
    """Not reachable, too slow, too busy, or the connection broke: retry the same thing.

    Whether what was asked has happened is not known, which is why inserts carry a token.
    """


class HistoryShut(HistoryDown):
    """It is there, and TLS with it comes to nothing: a certificate or the configuration is wrong. Retried all the same."""


class HistoryRefused(HistoryError):  # noqa: N818
    """The server answered no.

    Parameters
    ----------
    code
        ClickHouse's error number.
    reason
        The first line of its answer.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"ClickHouse refused (code {code}): {reason}")
        self.code = code
        self.reason = reason


class SchemaUnfit(HistoryError):  # noqa: N818
    """The database's schema is not this program's: nothing is stored until one of them is changed."""


class MigrationError(RuntimeError):
    """The database's schema and this program's do not fit; the message names the file."""


class KafkaAway(RuntimeError):  # noqa: N818
    """Kafka did not answer: wait and ask again."""


class MembershipLost(RuntimeError):  # noqa: N818
    """The group gave our partitions to others: forget what is not committed, they redo it."""
