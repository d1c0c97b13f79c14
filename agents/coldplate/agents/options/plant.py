"""Options of `--role plant`."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Plant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which devices a plant's agent reads, and how two agree on one.

    Parameters
    ----------
    id, devices, member, lease_s, hold_s, warm_s
        As in `MEANINGS`.
    """

    id: str = "plant"
    devices: str = ""
    member: str = ""
    lease_s: Annotated[float, Meta(ge=1, le=300)] = 6.0
    hold_s: Annotated[float, Meta(gt=0, le=100)] = 2.0
    warm_s: Annotated[float, Meta(ge=1)] = 30.0


MEANINGS = {
    "id": "name of the row or hall; agents with the same id share its devices, one reads and the others stand by",
    "devices": "file that lists the devices (docs/collectors/plant.md)",
    "member": "name of this agent among them; empty: the machine's name",
    "lease_s": "silence of the one that reads after which another takes over; the same for all of a plant",
    "hold_s": "how often the one that reads says so; at most a third of `lease_s`",
    "warm_s": "how often one that stands by reads each device",
}
"""Of every key; docs/config.md is made from it."""
