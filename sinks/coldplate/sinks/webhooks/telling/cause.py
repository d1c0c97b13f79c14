"""The causes in words: causes.toml, read once, and which of them an incident's kind is told by."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from coldplate.wire.fault import (
    FAMILIES,
    FRAMES_STOPPED,
    LOOK_ALIKE,
    XID_ACTIONS,
    XID_MEANS,
    xid_code,
)

UNKNOWN = "unknown"


class Cause(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one cause is told.

    Parameters
    ----------
    title
        What and where; `{subject}`, `{pump}` and `{code}` are replaced.
    what
        What that means, for who has not seen it before.
    sure
        What confirms it, or is easily taken for it.
    todo
        What to do now, in order; its runbook has the same steps.
    metric
        Whose series shows it best; "" where a number does not.
    dashboard
        Which one shows it: the word after `coldplate-` in its address.
    panel
        What to look at there.
    """

    title: str
    what: str
    sure: str
    todo: tuple[str, ...]
    metric: str
    dashboard: str
    panel: str


@cache
def causes() -> Mapping[str, Cause]:
    """Every cause by its name: a kind of fault, or `xid-` and an action of NVIDIA's catalogue."""
    text = (files("coldplate.sinks.webhooks") / "causes.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Cause])


def name_of(kind: str) -> str:
    """The cause, and the runbook, that a kind of fault is told by; whatever the kind is, there is one.

    Examples
    --------
    >>> name_of("pump-stop"), name_of("xid-48"), name_of("xid-79"), name_of("xid-999"), name_of("what")
    ('pump-stop', 'xid-drain', 'gpu-lost', 'xid-other', 'unknown')
    """
    if (code := xid_code(kind)) is not None:
        return XID_MEANS.get(code, f"xid-{XID_ACTIONS.get(code, 'other')}")
    bare = kind.removeprefix(LOOK_ALIKE)
    return bare if bare in causes() else UNKNOWN


def names() -> tuple[str, ...]:
    """Every cause there must be, in the order of the families."""
    actions = sorted({name_of(f"xid-{code}") for code in XID_ACTIONS if code not in XID_MEANS})
    return (
        *(kind for kinds in FAMILIES.values() for kind in kinds),
        *actions,
        "xid-other",
        FRAMES_STOPPED,
    )


def cause_of(kind: str) -> Cause:
    """How a kind of fault is told."""
    return causes()[name_of(kind)]
