"""The hall at one moment: a column of values a channel, and what is told in words besides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coldplate.dashboards.web.channels import F32


@dataclass(frozen=True, slots=True)
class Picture:
    """One moment of a floor.

    Parameters
    ----------
    floor
        Version of the floor whose cells these are.
    at_ms
        The moment asked for: the history's clock, or a past time, Unix milliseconds.
    t_ms
        Newest sample in it; None when there is none.
    values
        By channel name, one number a cell in the channel's unit, NaN where absent. A channel that is not there cannot be
        shown of that moment.
    silent
        Numbers of racks of which nothing came within 15 s before the moment.
    strip
        The hall in numbers: `power_w`, `ramp_w_s`, `ramp_over_s`, `swing_w`, `swing_hz`, `throttled`, `lag_records`, `lag_s`,
        `racks` (by state: `critical`, `warning`, `ticket`, `info`, `silent`, `well`). What is not known is None.
    jobs
        Names in the order of the channel `job`.
    incidents
        Open at that moment, the worst first, as `coldplate live --json` tells them.
    """

    floor: str
    at_ms: int
    t_ms: int | None
    values: Mapping[str, F32]
    silent: Sequence[int] = ()
    strip: Mapping[str, Any] = field(default_factory=dict)
    jobs: Sequence[str] = ()
    incidents: Sequence[Mapping[str, Any]] = ()

    def told(self) -> dict[str, Any]:
        """For the page: everything but the cells."""
        return {
            "floor": self.floor, "at_ms": self.at_ms, "t_ms": self.t_ms, "silent": list(self.silent), "strip": dict(self.strip),
            "jobs": list(self.jobs), "incidents": [dict(i) for i in self.incidents],
        }  # fmt: skip
