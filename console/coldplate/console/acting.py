"""Publishes what a person does about incidents, and waits until Kafka has it."""

import getpass
import logging
import secrets
import socket
import time
from typing import Any

from coldplate.agents.publisher import KafkaPublisher
from coldplate.console.context import Context
from coldplate.console.failure import NOT_THERE, Failure
from coldplate.wire.action import Action, Verb
from coldplate.wire.codec import encode

SENT_WITHIN_S = 15.0
CLOSE_WITHIN_S = 0.0


def person(given: str | None) -> str:
    """Who does it: as told, or this machine's user."""
    if given and given.strip():
        return given.strip()
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        user = "somebody"
    return f"{user}@{socket.gethostname()}"


def act(context: Context, verb: Verb, who: str | None, **more: Any) -> Action:
    """Do it: the action, when Kafka has acknowledged it.

    Parameters
    ----------
    who
        As `person` takes it.
    more
        Further fields of the action.

    Raises
    ------
    Failure
        Kafka did not take it in time.
    """
    now_ms = time.time_ns() // 1_000_000
    action = Action(context.config.cluster, secrets.token_hex(8), now_ms, person(who), verb, **more)
    key = action.incident or (action.silence.id if action.silence else "")
    topic = context.topics.actions
    settings = context.kafka
    # It would say over several lines what one is raised for.
    logging.getLogger(KafkaPublisher.__module__).setLevel(logging.ERROR)
    publisher = KafkaPublisher(settings)
    try:
        publisher.publish(topic, key.encode(), encode(action), urgent=True)
        left = publisher.flush(SENT_WITHIN_S)
        aside = publisher.counts().get("set_aside", 0)
    finally:
        publisher.close(CLOSE_WITHIN_S)
    if left and aside:
        raise Failure(
            f"Kafka at {context.brokers} has no topic {topic}, or takes nothing from us: `coldplate topics create` makes"
            " it; nothing was done",
            NOT_THERE,
        )
    if left:
        raise Failure(
            f"Kafka at {context.brokers} did not answer within {SENT_WITHIN_S:.0f} s; nothing was done, or not known to be",
            NOT_THERE,
        )
    return action
