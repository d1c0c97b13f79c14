"""What people, and the part that sends alerts, did about incidents: the records of `coldplate.actions`.

A record is one `Action` as a MessagePack map, keyed by the incident's id (a silence's id where there is none). Detection
writes `coldplate.incidents` alone; what an incident is for a person follows from both topics. The same action sent twice
has the same id and counts once.
"""

from enum import StrEnum

import msgspec

from coldplate.wire.silence import Silence


class Verb(StrEnum):
    """What was done."""

    ACK = "ack"
    """Somebody takes care of an incident: nobody is reminded."""
    CLOSE = "close"
    """Somebody says that it is over; it is reopened when detection says more of it than before."""
    MARK = "mark"
    """Somebody says what it was: `outcome`."""
    NOTE = "note"
    """A remark."""
    SILENCE = "silence"
    UNSILENCE = "unsilence"
    SENT = "sent"
    """A receiver has taken a message about it."""
    HELD = "held"
    """A message was due and a silence keeps it back."""
    DEAD = "dead"
    """A message was given up: it lies among the dead letters."""
    DROPPED = "dropped"
    """A message was not sent for another reason, in `text`."""


class Outcome(StrEnum):
    """What an incident turned out to be."""

    CONFIRMED = "confirmed"
    FALSE = "false"
    FIXED = "fixed-by"
    """Confirmed, and `text` says what mended it."""


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing done.

    Parameters
    ----------
    cluster
        Whose incident.
    id
        Of the action; unique, and the same when it is sent again.
    t_ms
        When, Unix milliseconds of the doer's clock.
    who
        A person, or `alerter` with the name of its instance.
    incident
        Its id; "" for what concerns none.
    text
        In the doer's words.
    outcome
        Of a mark.
    silence
        That was made; of `unsilence` the one that ends. Of `held` the one that held.
    receiver, message
        Of what the alerter did: to whom, and the message's id.
    phase
        Of what the alerter did: what the message told (opened, updated, reminder, closed, test).
    step
        The incident's record that the doer knew: what an ack or a close is said of. What detection says after it may
        reopen the incident; whoever leaves it at 0 says nothing of what came after the first.
    """

    cluster: str
    id: str
    t_ms: int
    who: str
    verb: Verb
    incident: str = ""
    text: str = ""
    outcome: Outcome | None = None
    silence: Silence | None = None
    receiver: str = ""
    message: str = ""
    phase: str = ""
    step: int = 0
