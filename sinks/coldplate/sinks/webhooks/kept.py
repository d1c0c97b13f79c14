"""What the alerter remembers: of an incident, of a silence, of a group; written down with each turn."""

import msgspec

from coldplate.sinks.webhooks.life import Life
from coldplate.wire.silence import Silence


class Wait(msgspec.Struct, frozen=True):
    """A receiver that is to be told that an incident is open.

    Parameters
    ----------
    route, group
        By which, in which.
    due_ms
        When, at the latest.
    """

    route: str
    group: str
    due_ms: int


class Had(msgspec.Struct):
    """What a receiver was told of an incident last.

    Parameters
    ----------
    route, group
        By which, in which.
    is_open
        It thinks that the incident is open.
    opening
        The step at which the incident had been opened then.
    rank
        The worst severity that it knows of.
    kind, subject, affected
        The cause, and how many suffer.
    news_ms
        When it was told something new.
    asked_ms
        When it was told to care: news or a reminder.
    fresh_ms
        When it was told anything.
    """

    route: str
    group: str
    is_open: bool
    opening: int
    rank: int
    kind: str
    subject: str
    affected: int
    news_ms: int
    asked_ms: int
    fresh_ms: int


class Kept(msgspec.Struct):
    """One incident.

    Parameters
    ----------
    life
        What is known of it.
    waits, had
        By receiver.
    held
        Silences that kept something back, with who made them and why.
    quiet
        That which keeps something back now, or did until now.
    looked
        The opening that was looked at last.
    routed
        Rank, kind and subject for which receivers were looked up.
    dropped
        It was said that no route leads anywhere.
    over_ms
        When it was seen to be over.
    """

    life: Life = msgspec.field(default_factory=Life)
    waits: dict[str, Wait] = {}
    had: dict[str, Had] = {}
    held: dict[str, str] = {}
    quiet: str = ""
    looked: int | None = None
    routed: tuple[int, str, str] | None = None
    dropped: bool = False
    over_ms: int | None = None


class Hush(msgspec.Struct, frozen=True):
    """A silence, and the last that was done about it.

    Parameters
    ----------
    silence
        As made last.
    t_ms, action
        Time and id of the action; they order actions.
    ended
        Somebody ended it.
    """

    silence: Silence
    t_ms: int
    action: str
    ended: bool = False


class Group(msgspec.Struct):
    """Messages of a group to a receiver.

    Parameters
    ----------
    number
        Of the next one.
    told_ms
        When the last was made.
    """

    number: int = 0
    told_ms: int = 0
