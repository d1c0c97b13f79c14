"""What a format makes of a message: a call that a transport makes; and what came of it.

A call holds secrets. Its repr shows none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from coldplate.sinks.webhooks.message import Message


@dataclass(frozen=True, slots=True)
class Post:
    """An HTTP request.

    Parameters
    ----------
    url
        May hold a secret (Slack's do).
    body
        Bytes as they are sent.
    headers
        May hold secrets.
    method
        POST or PUT.
    """

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail; the message's id becomes its Message-ID, so that a mail program shows a repeat once.

    Parameters
    ----------
    subject, text
        Plain text.
    id
        What the Message-ID is made of.
    thread
        Mails of one thread belong together.
    """

    subject: str
    text: str
    id: str
    thread: str


@dataclass(frozen=True, slots=True)
class Run:
    """A command with something on its standard input.

    Parameters
    ----------
    stdin
        JSON.
    nodes
        Nodes on which it would act, for the breaker's count.
    live
        False when the incidents are over, or are told of again: then it may not act.
    """

    stdin: bytes
    nodes: tuple[str, ...]
    live: bool


Call = Post | Mail | Run


class Verdict(StrEnum):
    """What came of a call."""

    TAKEN = "taken"
    RETRY = "retry"
    """It may be taken later."""
    REFUSED = "refused"
    """It will never be taken as it is: a dead letter."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a receiver said.

    Parameters
    ----------
    verdict
        What follows.
    said
        One line for a person, at most 200 characters, without secrets: `HTTP 429`, `connection refused`.
    wait_s
        The receiver asks not to be called before so many seconds (Retry-After); None when it does not say.
    """

    verdict: Verdict
    said: str
    wait_s: float | None = None


class Format(Protocol):
    """Makes calls for one receiver; made from its configuration, holds its secrets, reads their files again when they change.

    Pure otherwise: the same message at the same time is the same call.
    """

    def call(self, message: Message, now_s: float) -> Call:
        """The call that tells a message; `now_s` is Unix time, which signatures carry."""


class Transport(Protocol):
    """Makes calls of one kind for one receiver."""

    async def make(self, call: Call) -> Reply:
        """Make it; every failure is a `Reply`."""

    async def close(self) -> None:
        """Let go of connections."""
