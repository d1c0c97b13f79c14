r"""A record of `/dev/kmsg`: `priority,sequence,microseconds,flags[,...];text`, then lines of a dictionary.

References
----------
Linux, Documentation/ABI/testing/dev-kmsg: one record a read; characters that do not print are `\xNN`.
"""

import re
from dataclasses import dataclass

KERNEL = 0
"""Facility of what the kernel itself says. What a program writes into the device never has it (the kernel sees to
that), so that nobody can make up an XID."""

_ESCAPED = re.compile(rb"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Record:
    """One message of the kernel's log.

    Parameters
    ----------
    facility, severity
        As in syslog; severity 3 is an error.
    sequence
        Number of the record; a gap is what was overwritten.
    t_us
        Microseconds since boot, by the kernel's own clock, which nobody disciplines.
    text
        The message, its line breaks as they were.
    """

    facility: int
    severity: int
    sequence: int
    t_us: int
    text: str


def parse(raw: bytes) -> Record | None:
    """The record of one read; None when it is none."""
    head, found, body = raw.partition(b";")
    fields = head.split(b",")
    if not found or len(fields) < 3:
        return None
    try:
        priority, sequence, t_us = (int(f) for f in fields[:3])
    except ValueError:
        return None
    if min(priority, sequence, t_us) < 0:
        return None
    # The message ends at the first line break; what follows is the dictionary, of indented lines.
    message = body.partition(b"\n")[0]
    plain = _ESCAPED.sub(lambda m: bytes((int(m[1], 16),)), message)
    text = plain.decode("utf-8", "replace").strip()
    return Record(priority >> 3, priority & 7, sequence, t_us, text)
