"""What Kafka's clients raise, in one line for a person: what, and what to do.

By the names of their errors, which the clients share, so that nobody here has to import one. Their own words are cut: some
hold the whole request and its answer.
"""

from collections.abc import Mapping
from typing import Any

from coldplate.wire.knock import door_of, why_not

WORDS_MAX = 200
RIGHTS = "`coldplate topics acls` lists what each part needs"

_SAID = {
    "TopicAuthorizationFailedError": f"no right to a topic: {RIGHTS}",
    "UnknownTopicOrPartitionError":
        f"a topic is not there, or no right to it: `coldplate topics create` makes it, {RIGHTS}",
    "GroupAuthorizationFailedError": f"no right to the consumer group: {RIGHTS}",
    "ClusterAuthorizationFailedError": f"no right to the cluster: {RIGHTS}",
    "TransactionalIdAuthorizationFailedError": f"no right to the transaction: {RIGHTS}",
    "SaslAuthenticationFailedError":
        "user or password is refused: see kafka.sasl_user and kafka.sasl_password_file",
    "AuthenticationFailedError":
        "user or password is refused: see kafka.sasl_user and kafka.sasl_password_file",
    "UnsupportedSaslMechanismError": "the broker has no such mechanism: see kafka.sasl_mechanism",
}  # fmt: skip
_AWAY = (
    "KafkaTimeoutError", "NoBrokersAvailable", "KafkaConnectionError", "NodeNotReadyError", "RequestTimedOutError",
    "NoBrokersAvailableError",
)  # fmt: skip


def words(error: BaseException, topic: str = "") -> str:
    """In one line, bounded, without the request.

    Parameters
    ----------
    topic
        That was asked for, where the error does not name it.
    """
    known = _SAID.get(type(error).__name__)
    if known is not None:
        return known.replace("a topic", f"topic {topic}") if topic else known
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    if may_write_nothing(error):
        return f"no right to write to any topic: {RIGHTS}"
    return said.partition(": Request '")[0][:WORDS_MAX]


def may_write_nothing(error: BaseException) -> bool:
    """Whether a producer was refused its number, which is given to whoever may write to some topic."""
    return "InitProducerId" in str(error) and "AuthorizationFailed" in str(error)


def is_away(error: BaseException) -> bool:
    """Whether the client only knows that it came to nothing, and the reason must be asked for."""
    return type(error).__name__ in _AWAY or (isinstance(error, OSError) and not str(error))


def reason(error: BaseException, options: Mapping[str, Any], topic: str = "") -> str:
    """`words`; for a client that could not get in, why the broker does not let us (takes seconds).

    Parameters
    ----------
    options
        That the client was made with.
    """
    if is_away(error) and (why := why_not(door_of(options))) is not None:
        return why
    return words(error, topic)
