"""Silences: for whom, what and when alerts are kept back, and why.

A silence keeps messages back, never anomalies or incidents. What still holds when its window ends is sent then.
"""

from collections.abc import Mapping

import msgspec


class Silence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One silence; every matcher that is given must match, and one that matches everything is refused by who makes it.

    Parameters
    ----------
    id
        Eight hexadecimal digits.
    reason, who
        For people; `who` made it.
    from_ms, until_ms
        First and last time at which it may hold, Unix milliseconds.
    subject
        Id of a device: that, and all below it. "" is any.
    kind
        Kind or family of fault. "" is any.
    labels
        Label and the value it must have.
    cron, for_s, zone
        A window that recurs: begins by a cron line of five fields in a time zone, and lasts `for_s`. "" holds all the
        time between `from_ms` and `until_ms`.
    planned
        A maintenance window: work that somebody planned.
    """

    id: str
    reason: str
    who: str
    from_ms: int
    until_ms: int
    subject: str = ""
    kind: str = ""
    labels: Mapping[str, str] = {}
    cron: str = ""
    for_s: float = 0.0
    zone: str = "UTC"
    planned: bool = False
