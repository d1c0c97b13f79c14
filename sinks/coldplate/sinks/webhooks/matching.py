"""Whether a silence is about an incident, and whether one that is to be made makes sense."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from coldplate.sinks.webhooks.labels import NAMES
from coldplate.sinks.webhooks.place import below
from coldplate.sinks.webhooks.windows import Window, WindowError
from coldplate.wire.fault import KINDS, family_of, xid_code
from coldplate.wire.incident import Incident
from coldplate.wire.inventory import Inventory
from coldplate.wire.silence import Silence

FOR_S_MAX = 400 * 86_400.0
"""A silence that outlasts a year was forgotten."""


class SilenceError(ValueError):
    """A silence that makes no sense; the message says why, and what to do."""


def matches(
    silence: Silence,
    incident: Incident,
    labels: Mapping[str, str],
    inventory: Inventory | None = None,
) -> bool:
    """Whether all matchers of a silence match; one without any matches nothing."""
    if not (silence.subject or silence.kind or silence.labels):
        return False
    if silence.kind and silence.kind not in (incident.kind, family_of(incident.kind)):
        return False
    if any(labels.get(name) != value for name, value in silence.labels.items()):
        return False
    return not silence.subject or below(incident.subject, silence.subject, inventory)


def check(silence: Silence, now_ms: int, known: Collection[str] | None = None) -> None:
    """Refuse what a person cannot have meant.

    Parameters
    ----------
    silence
        As it would be made.
    now_ms
        Unix milliseconds.
    known
        Ids of the inventory; None where there is none, and then every subject is taken.

    Raises
    ------
    SilenceError
        In one sentence.
    """
    if not (silence.subject or silence.kind or silence.labels):
        raise SilenceError(
            "it would keep back everything: name a device, a kind of fault or a label; the hall's id is a device too"
        )
    if not silence.reason.strip():
        raise SilenceError("nobody would know why: give a reason")
    if silence.subject and known is not None and silence.subject not in known:
        raise SilenceError(
            f"the inventory has no {silence.subject!r}{_near(silence.subject, known)}"
        )
    _check_kind(silence.kind)
    for name in silence.labels:
        if name not in NAMES:
            raise SilenceError(f"no label is called {name!r}; there are {', '.join(NAMES)}")
    _check_times(silence, now_ms)


def _check_times(silence: Silence, now_ms: int) -> None:
    if silence.until_ms <= now_ms:
        raise SilenceError("it would be over already: its end lies in the past")
    if silence.until_ms - max(now_ms, silence.from_ms) > FOR_S_MAX * 1000:
        raise SilenceError("it would last for more than 400 days: make it shorter, and again then")
    try:
        window = Window(silence)
    except WindowError as error:
        raise SilenceError(str(error)) from None
    at_ms: int | None = max(now_ms, silence.from_ms)
    while at_ms is not None and not window.holds(at_ms):
        at_ms = window.next_change_ms(at_ms)
    if at_ms is None:
        raise SilenceError(f"cron {silence.cron!r} never comes between its begin and its end")


def _check_kind(kind: str) -> None:
    if kind and kind not in KINDS and xid_code(kind) is None:
        raise SilenceError(f"no kind or family of fault is called {kind!r}{_near(kind, KINDS)}")


def _near(word: str, known: Collection[str]) -> str:
    near = get_close_matches(word, list(known)[:200_000], 3, 0.6) if len(known) < 200_000 else []
    return f"; near are {', '.join(near)}" if near else ""
