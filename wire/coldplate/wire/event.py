"""Urgent facts that do not wait for a frame: XID, GPU lost, leak contact, power brake, job changes.

A record of `coldplate.events` is one `Event` as a MessagePack map, keyed by rack.
"""

import msgspec


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened to one subject at one instant.

    Parameters
    ----------
    kind
        `xid`, `gpu_lost`, `leak`, `power_brake`, `job`, `clock_step`, ...
    subject
        Id of the device it happened to.
    rack
        Its rack, the record's key.
    t_ms
        Event time, Unix milliseconds.
    code
        Number within the kind (the XID, the job), None when there is none.
    text
        The source's own words, such as the kernel's log line; at most 1,000 characters are kept.
    data
        Further fields by name.
    cluster, source, boot, seq
        Who sent it; `(source, boot, seq)` is its identity.
    """

    kind: str
    subject: str
    rack: str
    t_ms: int
    cluster: str
    source: str
    boot: int
    seq: int
    code: int | None = None
    text: str = ""
    data: dict[str, str | int | float | bool | None] = {}

    @property
    def id(self) -> str:
        """Stable id: the same event sent twice has the same id."""
        return f"{self.source}/{self.boot}/{self.seq}"
