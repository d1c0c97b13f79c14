"""What is tried on Kafka by `coldplate bench security`: ways in, and rights.

By the classes that the parts themselves use, in this process; `security_programs` tries the programs.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from coldplate.agents.follow import Follower, NotAnswering
from coldplate.agents.plant.lease_log import LeaseLog
from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import TopicsError, create_topics, grant, set_password
from coldplate.console.benching.made_up import MadeUp
from coldplate.console.benching.security_case import Refused, Trial, heard
from coldplate.console.benching.security_world import ADMIN, World
from coldplate.wire.rights import roles, user_of
from coldplate.wire.secret import FileSecret
from coldplate.wire.topic import Topics

FLUSH_S, AGAIN_S = 45.0, 2.0
PLANT = "plant-0"
SEED = 1
NONE = ((b"rack-0000", b"not a record"),)
SETTLED_S = 10.0
NO_RIGHT = "no right to topic coldplate."
TOPICS = Topics()


def prepare(world: World) -> None:
    """Give every role its rights, and make the topics as the deployer, who has no others.

    Raises
    ------
    TopicsError
    """
    grant(world.mutual(ADMIN), {user_of(name): role.rights for name, role in roles().items()})
    make(world.login("topics"))


def ways_in(world: World) -> Sequence[Trial]:
    """Each opens connections of its own; they may be tried side by side."""
    agent = user_of("agent")
    stranger = world.stranger.file
    return (
        Trial("kafka: certificates of both sides", partial(_tried, world.mutual(user_of("topics")))),
        Trial("kafka: user and password over TLS", partial(_tried, world.login("topics"))),
        Trial("kafka: the broker's certificate has expired", partial(_tried, world.mutual(agent, "EXPIRED")), "has expired"),
        Trial("kafka: the broker's certificate is for another name", partial(_tried, world.mutual(agent, "WRONG_NAME")), "for another name"),
        Trial("kafka: the broker's authority is not known", partial(_tried, world.mutual(agent, ca=stranger)), "not in kafka.ca_file"),
        Trial("kafka: our certificate has expired", partial(_tried, world.mutual("expired")), "refuses our certificate"),
        Trial("kafka: our certificate is of an authority that is not known there", partial(_tried, world.mutual("stranger")), "refuses our certificate"),
        Trial("kafka: no certificate of our own", partial(_tried, world.mutual("")), "wants a certificate"),
        Trial("kafka: wrong password", partial(_tried, world.login("topics", "wrong")), "wrong password, or no such user"),
        Trial("kafka: unknown user", partial(_tried, replace(world.login("topics"), sasl_user="nobody")), "wrong password, or no such user"),
        Trial("kafka: without TLS to a port with it", partial(_tried, KafkaSettings(world.broker("SSL"))), "speaks TLS"),
        Trial("kafka: with TLS to a port without it", partial(_tried, replace(world.mutual(agent), brokers=world.broker("PLAINTEXT"))), "does not speak TLS"),
        Trial("kafka: a file of authorities that is not there", partial(_tried, world.mutual(agent, ca=Path("/nowhere/ca.pem"))), "kafka.ca_file /nowhere/ca.pem: No such file"),
        Trial("kafka: a key that is not the certificate's", partial(_tried, replace(world.mutual(agent), key_file=str(world.certificates[ADMIN].key))), "do not belong together"),
    )  # fmt: skip


def rights(world: World) -> Sequence[Trial]:
    """What each role may, and what it may not; one after the other, since they hear what is logged."""
    nobody = KafkaSettings(world.broker("PLAINTEXT"))
    agent, plant = world.login("agent"), world.login("plant")
    return (
        Trial("rights: agent writes frames", partial(_sent, agent, TOPICS.frames, _frames())),
        Trial("rights: agent writes incidents", partial(_sent, agent, TOPICS.incidents), f"{NO_RIGHT}incidents"),
        Trial("rights: agent reads frames", partial(_read, agent, TOPICS.frames), f"{NO_RIGHT}frames"),
        Trial("rights: agent makes topics", partial(_made, agent), "no right to topic"),
        Trial("rights: agent gives itself rights", partial(_granted, agent), "no right to the cluster"),
        Trial("rights: plant agent reads and writes the lease", partial(_leased, plant)),
        Trial("rights: agent reads the lease", partial(_leased, agent), "`coldplate topics acls`"),
        Trial("rights: operator writes actions", partial(_sent, world.login("operator"), TOPICS.actions)),
        Trial("rights: operator writes frames", partial(_sent, world.login("operator"), TOPICS.frames), f"{NO_RIGHT}frames"),
        Trial("rights: reader reads incidents", partial(_read, world.login("reader"), TOPICS.incidents)),
        Trial("rights: reader writes actions", partial(_sent, world.login("reader"), TOPICS.actions), "no right to write to any topic"),
        Trial("rights: who has no name writes frames", partial(_sent, nobody, TOPICS.frames), f"{NO_RIGHT}frames"),
    )  # fmt: skip


def rotation(world: World) -> Sequence[Trial]:
    """A password that changes in its file; last, since it changes one."""
    file = world.file("kafka-rotated", world.passwords[user_of("reader")])
    settings = replace(world.login("reader"), sasl_password=FileSecret(str(file)))
    new = f"{world.passwords[user_of('reader')]}-new"

    def rotated() -> str:
        _read(settings, TOPICS.incidents)
        set_password(world.mutual(ADMIN), user_of("reader"), new)
        world.file("kafka-rotated", new)
        return f"{_until_accepted(settings)}, by the same settings as before"

    return (
        Trial("kafka: password changed in its file, no restart", rotated),
        Trial("kafka: the password of before", partial(_tried, world.login("reader")), "wrong password, or no such user"),
    )  # fmt: skip


def _until_accepted(settings: KafkaSettings) -> str:
    """A broker learns of a new password a moment after its controller."""
    until_s = time.monotonic() + SETTLED_S
    while True:
        try:
            return _read(settings, TOPICS.incidents)
        except Refused:
            if time.monotonic() > until_s:
                raise


def make(settings: KafkaSettings) -> dict[str, str]:
    """The topics."""
    return create_topics(settings, TOPICS.specs(1))


def _tried(settings: KafkaSettings) -> str:
    try:
        found = make(settings)
    except TopicsError as error:
        raise Refused(f"Kafka at {settings.brokers}: {error}") from None
    return f"{len(found)} topics are there"


def _made(settings: KafkaSettings) -> str:
    try:
        create_topics(settings, Topics("other").specs(1))
    except TopicsError as error:
        raise Refused(f"Kafka at {settings.brokers}: {error}") from None
    return "made topics"


def _granted(settings: KafkaSettings) -> str:
    try:
        grant(settings, {user_of("agent"): roles()["worker"].rights})
    except TopicsError as error:
        raise Refused(f"Kafka at {settings.brokers}: {error}") from None
    return "took rights"


def _frames() -> list[tuple[bytes, bytes]]:
    """Keys and records of a small hall, so that worker and sink have something to do."""
    now_s = time.time()
    made_up = MadeUp("coldplate", SEED, now_s - 2.0)
    return [(key, record) for made, key, record in made_up.due(now_s) if record]


def _sent(
    settings: KafkaSettings, topic: str, records: Sequence[tuple[bytes, bytes]] = NONE
) -> str:
    """By the publisher, which waits and says why once."""
    with heard("coldplate.agents.publisher") as lines:
        publisher = KafkaPublisher(settings)
        try:
            until_s = time.monotonic() + FLUSH_S
            left = 1
            # On a busy machine a topic's metadata may be late, which it says too, and then goes on.
            while left and not _final(lines) and time.monotonic() < until_s:
                for key, record in records:
                    publisher.publish(topic, key, record)
                left = publisher.flush(AGAIN_S)
        finally:
            publisher.close(0.0)
    if left:
        said = _final(lines) or lines or [f"{topic}: not acknowledged, and nobody said why"]
        raise Refused(said[0])
    return f"{topic}: {len(records)} acknowledged"


def _final(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if "no right" in line]


def _read(settings: KafkaSettings, topic: str) -> str:
    try:
        with closing(Follower(settings, (topic,))) as follower:
            follower.poll(0.5)
    except NotAnswering as error:
        raise Refused(str(error)) from None
    return f"{topic}: read"


def _leased(settings: KafkaSettings) -> str:
    try:
        log = LeaseLog(settings, TOPICS.plant, PLANT)
    except NotAnswering as error:
        raise Refused(str(error)) from None
    with closing(log):
        return f"{TOPICS.plant}: read to its end" if log.at_end() else f"{TOPICS.plant}: opened"
