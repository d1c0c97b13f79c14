"""Options of the collector that listens to the kernel's log."""

import msgspec


class Kmsg(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the kernel's log is heard.

    Parameters
    ----------
    on, path, back_s, from_programs
        As in `MEANINGS`.
    """

    on: bool = True
    path: str = "/dev/kmsg"
    back_s: float = 0.0
    from_programs: bool = False


MEANINGS = {
    "on": "whether XIDs are also read from the kernel's log",
    "path": "the log's device; in a container, where the host's is mounted",
    "back_s": "how far back to begin at the start; what was told before the start is told again",
    "from_programs": "believe also what a program wrote into the log; to try things out by hand",
}
"""Of every key; docs/config.md is made from it."""
