"""What each part may do in Kafka, and no more: the one table from which lists of access rights are made.

`coldplate topics acls` prints it, `helm/coldplate/examples` says the same in Strimzi's words, and `coldplate bench security`
gives a real broker exactly this and sees that each part works with it and is refused the rest.

What is not here, nobody needs: no part alters a topic or a right, and only the deployer makes topics. An idempotent producer
needs no right of its own (Kafka 2.8 and later).
"""

from dataclasses import dataclass
from typing import Literal

from coldplate.wire.topic import Topics

Operation = Literal["Read", "Write", "Create", "Describe", "DescribeConfigs"]
"""As Kafka calls them; Describe stands beside Read and Write though they imply it, because Strimzi lists it."""

READ: tuple[Operation, ...] = ("Read", "Describe")
WRITE: tuple[Operation, ...] = ("Write", "Describe")
BOTH: tuple[Operation, ...] = ("Read", "Write", "Describe")
SEE: tuple[Operation, ...] = ("Describe",)

WORKER_GROUP, SINK_GROUP, CLUSTER_GROUP = (
    "coldplate-worker", "coldplate-sink", "coldplate-cluster",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Right:
    """What may be done with a topic or a consumer group.

    Parameters
    ----------
    resource, name
        What.
    operations
        In `Operation`'s order.
    prefixed
        All that begin with the name, instead of the one that is called so.
    """

    resource: Literal["topic", "group"]
    name: str
    operations: tuple[Operation, ...]
    prefixed: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A part, and what it may do.

    Parameters
    ----------
    name
        Also of the user, after `coldplate-`, unless somebody calls him otherwise.
    does
        For a person: why it needs that.
    rights
        All of them.
    """

    name: str
    does: str
    rights: tuple[Right, ...]


def roles(
    topics: Topics | None = None, worker_group: str = WORKER_GROUP, sink_group: str = SINK_GROUP,
    cluster_group: str = CLUSTER_GROUP,
) -> dict[str, Role]:  # fmt: skip
    """Every role by its name.

    Parameters
    ----------
    topics
        Names under a prefix; None for the usual one.
    worker_group, sink_group, cluster_group
        `worker.group`, `sink.group` and `cluster_detector.group` of the configuration.
    """
    t = topics or Topics()

    def topic(name: str, operations: tuple[Operation, ...]) -> Right:
        return Right("topic", name, operations)

    sends = (topic(t.frames, WRITE), topic(t.events, WRITE))
    found = (
        Role("agent", "sends frames and events, and reads nothing", sends),
        Role(
            "plant", "the same, and the lease by which one agent of a plant leads",
            (topic(t.plant, BOTH), *sends),
        ),
        Role(
            "worker", "judges frames and events, writes what it finds, reads back what it knew",
            (
                topic(t.frames, READ), topic(t.events, READ), topic(t.incidents, BOTH),
                topic(t.baselines, BOTH), topic(t.anomalies, WRITE), topic(t.rejects, WRITE),
                # Where a cluster detector is at work.
                topic(t.findings, BOTH), topic(t.racks, WRITE),
                Right("group", worker_group, READ),
            ),
        ),
        Role(
            "cluster", "makes incidents of what several workers found, and adds their racks up",
            (
                topic(t.findings, READ), topic(t.racks, READ), topic(t.incidents, BOTH),
                topic(t.anomalies, WRITE), Right("group", cluster_group, READ),
            ),
        ),
        Role(
            "sink", "stores everything but rejects and the lease, and tells by an event when it falls behind",
            (
                # How long frames and the others are kept says how long it may stay behind.
                topic(t.frames, (*READ, "DescribeConfigs")),
                topic(t.events, (*BOTH, "DescribeConfigs")),
                *(topic(n, (*READ, "DescribeConfigs")) for n in (t.anomalies, t.incidents, t.actions, t.baselines)),
                Right("group", sink_group, READ),
            ),
        ),
        Role(
            "alerts", "reads incidents and what people did, writes its own, and sees how far workers are",
            (
                topic(t.incidents, BOTH), topic(t.actions, BOTH), topic(t.frames, SEE),
                Right("group", worker_group, SEE),
            ),
        ),
        Role("operator", "a person: acknowledges, silences, closes", (topic(t.actions, WRITE),)),
        Role(
            "reader", "looks on: incidents, what was done about them, and events",
            (topic(t.incidents, READ), topic(t.actions, READ), topic(t.events, READ)),
        ),
        Role(
            "topics", "the deployer: makes the topics, which nothing else ever does",
            (Right("topic", f"{t.prefix}.", ("Create", "Describe"), prefixed=True),),
        ),
    )  # fmt: skip
    return {role.name: role for role in found}


def user_of(role: str) -> str:
    """The user that `coldplate topics acls` and the examples name.

    Examples
    --------
    >>> user_of("sink")
    'coldplate-sink'
    """
    return f"coldplate-{role}"
