"""Pictures as messages: words and cells of one moment after another, made once for all who look."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np

from coldplate.dashboards.web.channels import U8, Channel
from coldplate.dashboards.web.coding import Coder
from coldplate.dashboards.web.picture import Picture

Told = Mapping[str, Any]

ALWAYS = ("type", "past", "floor", "at_ms", "t_ms")
"""Fields of a picture's words that are never left out."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Cells that changed.

    Parameters
    ----------
    before
        Serial of the moment that it follows.
    message
        With number 0.
    """

    before: int
    message: bytes


@dataclass(slots=True)
class Moment:
    """One picture's messages.

    Parameters
    ----------
    serial
        Grows from one to the next.
    at_ms
        Of the picture.
    told
        Its words.
    deltas
        By channel that somebody looks at.
    """

    serial: int
    at_ms: int
    told: Told
    deltas: Mapping[str, Delta]
    _texts: list[tuple[Told | None, str]] = field(default_factory=list)

    def text(self, before: Told | None) -> str:
        """The words for a viewer that was last told `before`; made once for all that were told the same."""
        for known, text in self._texts:
            if known is before:
                return text
        left = self.told
        if before is not None:
            left = {
                name: value
                for name, value in self.told.items()
                if name in ALWAYS or name not in before or before[name] != value
            }
        text = msgspec.json.encode(left, enc_hook=plain).decode()
        self._texts.append((before, text))
        return text


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All cells of a channel, as of a moment."""

    moment: Moment
    message: bytes


class Source(Protocol):
    """Where a viewer's snapshots come from: the hub, or its own replay."""

    async def snapshot(self, channel: Channel) -> Snapshot | None:
        """As of the latest moment; None when there is none, or when there is no time for it."""


class Moments:
    """Codes pictures. Its calls take milliseconds and are made from threads, one at a time whoever calls.

    Parameters
    ----------
    past
        Whether the pictures are of the past.
    """

    def __init__(self, *, past: bool = False) -> None:
        self._past = past
        self._lock = threading.Lock()
        self._coders: dict[str, Coder] = {}
        self._snapshots: dict[str, bytes] = {}
        self._latest: tuple[Picture, Moment] | None = None
        self._cells = 0

    def advance(self, picture: Picture, cells: int, channels: Collection[Channel]) -> Moment:
        """The next moment, with deltas of these channels.

        Parameters
        ----------
        picture
            What is to be shown.
        cells
            That its floor has, for channels that it lacks.
        channels
            Those that somebody looks at; others are forgotten and start anew with a snapshot.
        """
        with self._lock:
            self._cells = cells
            serial = self._latest[1].serial if self._latest else 0
            self._snapshots.clear()
            wanted = {c.name for c in channels}
            for name in [n for n in self._coders if n not in wanted]:
                del self._coders[name]
            deltas = {}
            for channel in channels:
                message = self._code(channel, picture)
                if message is not None:
                    deltas[channel.name] = Delta(serial, message)
            told = {"type": "picture", "past": self._past, **picture.told()}
            moment = Moment(serial + 1, picture.at_ms, told, deltas)
            self._latest = (picture, moment)
            return moment

    def snapshot(self, channel: Channel) -> Snapshot | None:
        """See `Source`."""
        with self._lock:
            if self._latest is None:
                return None
            picture, moment = self._latest
            if channel.name not in self._coders:
                self._code(channel, picture)
            if channel.name not in self._snapshots:
                self._snapshots[channel.name] = self._coders[channel.name].snapshot()
            return Snapshot(moment, self._snapshots[channel.name])

    def _code(self, channel: Channel, picture: Picture) -> bytes | None:
        coder = self._coders.setdefault(channel.name, Coder(channel, past=self._past))
        coded = coder.delta(cells_of(picture, channel, self._cells), picture.at_ms, picture.floor)
        return None if coded is None else coded.message


def cells_of(picture: Picture, channel: Channel, cells: int) -> U8:
    """Bytes of a picture's channel; all absent when it cannot be shown of that moment."""
    values = picture.values.get(channel.name)
    return np.zeros(cells, np.uint8) if values is None else channel.coded(values)


def plain(value: Any) -> Any:
    """Numbers, lists and dictionaries by other names, for JSON."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
