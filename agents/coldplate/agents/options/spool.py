"""Section `agent.spool`: what waits for Kafka, and where."""

from typing import Annotated, Literal

import msgspec


class Spool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What waits for Kafka."""

    mode: Literal["disk", "off"] = "disk"
    bytes_max: Annotated[int, msgspec.Meta(ge=1 << 16)] = 1 << 30
    age_max_s: Annotated[float, msgspec.Meta(gt=0)] = 47 * 3600.0
    segment_bytes: Annotated[int, msgspec.Meta(ge=1 << 12, le=64 << 20)] = 2 << 20
    fsync: Literal["never", "interval", "always"] = "interval"
    fsync_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    catch_up_ratio: Annotated[float, msgspec.Meta(ge=1)] = 10.0


MEANINGS = {
    "mode": "`disk`: in `agent.state_dir`, so that what waits survives the process; `off`: in memory alone",
    "bytes_max": "bytes on disk at most; beyond it the oldest records are dropped and counted",
    "age_max_s": "records whose event time is longer ago are dropped and counted; readers refuse those of more than 2 days",
    "segment_bytes": "size of one file of the spool; what is dropped for want of room is dropped by the file",
    "fsync": "when the disk is made to keep what was written: `never`, `interval` or `always`; a killed process loses nothing in any of them",
    "fsync_s": "how often with `interval`: what a power cut may lose",
    "catch_up_ratio": "after an outage, frames are sent at this many times the rate at which they are made, at most",
}
"""Of every key."""
