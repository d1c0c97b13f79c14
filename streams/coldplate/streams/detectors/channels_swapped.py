"""Supply and return that are taken for each other: coolant that comes back colder than it went, from GPUs at work.

Heat flows into the coolant while a rack draws power, so its return is warmer: by 10 K at 1.5 l/min a kilowatt, by a third of
that at idle. Two channels that are swapped show the same difference with the other sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class ChannelsSwapped:
    """Kelvin by which the return is colder than the supply.

    Parameters
    ----------
    on
        Ten times what two good thermometers differ by. Coolant that is led to a warm unit's cold rack is back in 8 s.

    Notes
    -----
    No memory.
    """

    name: str = "channels-swapped"
    kind: Kind = Kind.CDU
    fault: str = "channels-swapped"
    metric: str = "return_c"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = np.inf
    hold_s: float = 10.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    flow_min_lpm: float = 5.0
    remembers: Mapping[str, float] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:
        """Return temperature below which it fires, degC."""
        return baseline - self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:  # noqa: ARG002  it remembers nothing
        """Kelvin."""
        supply, back, flow = (tick.value(n) for n in ("supply_c", "return_c", "flow_lpm"))
        with np.errstate(invalid="ignore"):
            score = np.where(flow >= self.flow_min_lpm, supply - back, np.nan)
        return Scores(score, back, supply)
