"""A filter that clogs, by its pressure difference at like flow.

Resistance is pressure over the square of flow, corrected for the coolant's viscosity, against what is usual at this unit; it goes
with 1 / (1 - c)^2 of the closed share c. While one of two baskets is out for cleaning the other's difference doubles for
some minutes. Vertiv's guide calls a filter dirty above 60 kPa, when speed has already made up for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.water import departing, departure, loop_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class FilterClog:
    """Logarithm of the filter's resistance to the usual.

    Parameters
    ----------
    on
        7 %: six sigma of the mean of `smooth_s` with 0.3 kPa of 12 and 0.5 % of flow, and a closed share of 3.4 %.
    hold_s
        Longer than baskets are out.
    doubt
        Departure at which nothing is learnt any more.

    Notes
    -----
    96 bytes a CDU. A ticket: three in the first six weeks, then yearly (estimate).
    """

    name: str = "filter-clog"
    kind: Kind = Kind.CDU
    fault: str = "filter-clog"
    metric: str = "filter_kpa_delta"
    severity: Severity = Severity.TICKET
    on: float = 0.07
    off: float = 0.035
    at_once: float = np.inf
    hold_s: float = 200.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 20.0
    doubt: float = 0.035
    remembers: Mapping[str, float] = field(default_factory=lambda: departing("filter", "rack"))

    def threshold(self, baseline: float) -> float:
        """Pressure difference at which it fires, kPa, at this flow."""
        return float(baseline * np.exp(self.on))

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure of the logarithm."""
        loop = loop_of(tick)
        frozen = (memory["filter_off"][tick.rows] > self.doubt).astype(np.float64)

        def depart(name: str, value: F64) -> tuple[F64, F64]:
            return departure(
                memory, tick, name, value, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen
            )

        (off, usual), (rack, _) = depart("filter", loop.filter_log), depart("rack", loop.rack_log)
        # Thick coolant and a flow meter that lies move both alike.
        off = off - np.maximum(rack, 0.0)
        return Scores(off, loop.filter_kpa, np.exp(usual) * loop.flow_lpm**2 * loop.viscous)
