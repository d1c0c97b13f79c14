"""`[agent.nvml]`: how the node's GPUs are read."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Nvml(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the GPUs are read."""

    slow_ticks: Annotated[int, Meta(ge=1, le=60)] = 10
    deadline_s: Annotated[float, Meta(gt=0)] = 0.4
    burst: Literal["auto", "poll", "off"] = "auto"
    poll_hz: Annotated[float, Meta(gt=0, le=50)] = 20.0
    budget_ratio: Annotated[float, Meta(gt=0, le=1)] = 0.005
    events: bool = True


MEANINGS = {
    "slow_ticks": "counters, links and energy are read every so many ticks; limits, which hardly change, six times less often",
    "deadline_s": "how long a tick waits for a GPU; below the time that all collectors together are given",
    "burst": "power between ticks: `auto` (the driver's own buffer, or polling where it has none), `poll` or `off`",
    "poll_hz": "how often a GPU is polled where the driver has no buffer",
    "budget_ratio": "share of one core that polling may take for each GPU; above it, it polls less often",
    "events": "whether XIDs and memory errors are heard from the driver at once; the kernel's log is the other way",
}
"""Of every key."""
