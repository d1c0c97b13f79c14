"""`[agent.clock]`: when a node's wall clock counts as wrong."""

from typing import Annotated

import msgspec
from msgspec import Meta

Positive = Annotated[float, Meta(gt=0)]


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the wall clock."""

    error_max_s: Positive = 1.5
    step_s: Positive = 0.1
    slew_ppm: Annotated[float, Meta(gt=100)] = 200.0


MEANINGS = {
    "error_max_s": "a clock whose greatest possible error is beyond this is marked wrong; time daemons that ask every 34 minutes let it grow by a second in between",
    "step_s": "a change of the wall clock between two ticks that is told as a step",
    "slew_ppm": "a rate of the wall clock, over a minute, that is told as slewing",
}
