"""The silences there are, and which of them hold now."""

import logging
from collections.abc import Iterable, Mapping

import msgspec

from coldplate.sinks.webhooks.kept import Hush
from coldplate.sinks.webhooks.matching import matches
from coldplate.sinks.webhooks.windows import Window, WindowError
from coldplate.wire.action import Action, Verb
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.silence import Silence

FORGET_MS = 86_400_000

log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode
_of_hush = msgspec.msgpack.Decoder(Hush).decode


class Quiet:
    """Silences.

    Parameters
    ----------
    inventory
        For places.

    Notes
    -----
    One that makes no sense keeps nothing back: an alert too many is the smaller harm.
    """

    def __init__(self, inventory: Inventory | None) -> None:
        self._inventory = inventory
        self._hushes: dict[str, Hush] = {}
        self._windows: dict[str, Window | None] = {}
        self._holding: dict[str, Silence] = {}

    def restore(self, id_: str, data: bytes) -> None:
        """A silence as `state` gave it; not yet holding."""
        self._hushes[id_] = _of_hush(data)
        self._windows[id_] = _window(self._hushes[id_].silence)

    def state(self, id_: str) -> bytes | None:
        """What is to be remembered of a silence; None when it is forgotten."""
        hush = self._hushes.get(id_)
        return None if hush is None else _encode(hush)

    def ids(self) -> Iterable[str]:
        """All that are remembered."""
        return tuple(self._hushes)

    def take(self, action: Action) -> str | None:
        """A silence is made, made anew or ended: its id; None when that was known, or is older than what is."""
        silence = action.silence
        if silence is None:
            return None
        known = self._hushes.get(silence.id)
        if known is not None and (action.t_ms, action.id) <= (known.t_ms, known.action):
            return None
        ended = action.verb is Verb.UNSILENCE
        about = known.silence if ended and known is not None else silence
        self._hushes[silence.id] = Hush(about, action.t_ms, action.id, ended)
        self._windows[silence.id] = _window(about)
        return silence.id

    def turn(self, id_: str, now_ms: int) -> list[Silence]:
        """Let it hold, or hold no longer, as the time says: silences whose incidents are to be looked at, if that changes."""
        hush, before = self._hushes.get(id_), self._holding.get(id_)
        window = self._windows.get(id_)
        holds = hush is not None and not hush.ended and window is not None and window.holds(now_ms)
        if holds and hush is not None:
            self._holding[id_] = hush.silence
        else:
            self._holding.pop(id_, None)
        if hush is not None and now_ms >= hush.silence.until_ms + FORGET_MS:
            del self._hushes[id_], self._windows[id_]
        after = self._holding.get(id_)
        return [] if before == after else [s for s in (before, after) if s is not None]

    def next_ms(self, id_: str, now_ms: int) -> int | None:
        """When it is to be turned next; None when it was forgotten."""
        hush, window = self._hushes.get(id_), self._windows.get(id_)
        if hush is None:
            return None
        at_ms = None if hush.ended or window is None else window.next_change_ms(now_ms)
        return max(hush.silence.until_ms + FORGET_MS, now_ms) if at_ms is None else at_ms

    def about(self, incident: Incident, labels: Mapping[str, str]) -> Silence | None:
        """One of those that hold and are about an incident, always the same one."""
        for id_ in sorted(self._holding):
            silence = self._holding[id_]
            if matches(silence, incident, labels, self._inventory):
                return silence
        return None

    def is_about(self, silence: Silence, incident: Incident, labels: Mapping[str, str]) -> bool:
        """Whether a silence is about an incident."""
        return matches(silence, incident, labels, self._inventory)


def _window(silence: Silence) -> Window | None:
    try:
        return Window(silence)
    except WindowError as error:
        log.warning("silence %s of %s keeps nothing back: %s", silence.id, silence.who, error)
        return None
