"""A thermometer that lies: the heat that the coolant brings is not the heat that the facility's water takes.

    W_c (T_return - T_supply) = W_w (T_out - T_in) + C dT_supply/dt

of coolant and water at a unit's exchanger, C the coolant and metal behind it. Both sides close within the meters' errors at
any load, so what they differ by, in kelvin of the coolant, is what one of four thermometers, or a flow meter, is wrong by
(flow_meter.py says whether it is the coolant's). No electric power is needed: a meter that is read once a second
misjudges a load that swings at 0.67 Hz.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import memory_of
from coldplate.streams.water import (
    USUAL_S,
    WATER_W_PER_K_LPM,
    capacity_w_per_k,
    departing,
    departure,
    smooth,
)
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class HeatBalance:
    """Kelvin by which the coolant's difference departs from the balance, less what is not known of the stored heat.

    Parameters
    ----------
    on
        0.4 K: eight sigma of the mean, 4 % of the usual 10 K; the balance of good meters closes within 5 %, and what
        they are always off by is taken off.
    store_s
        What coolant and metal behind the exchanger store, in seconds of the usual flow: four fifths of 35 l and of 30 kJ/K
        are 136 kJ/K (estimates), and 64 l/min of a rack of 64 GPUs carry 4.27 kW/K. A smaller rack has less of both.
    steady_ratio
        A flow further from its mean moves.
    leap_k
        A balance so far from the usual is a fault or a load that moves, at its first look already: six sigma of one look.
    doubt
        Share by which that may be wrong: so much of the stored heat is not counted against the meters.

    Notes
    -----
    144 bytes a CDU. Nothing is taken of a time in which the flow moves: heat that was stored at one flow leaves at another.
    """

    name: str = "heat-balance"
    kind: Kind = Kind.CDU
    fault: str = "sensor-drift"
    metric: str = "supply_c"
    severity: Severity = Severity.WARNING
    on: float = 0.4
    off: float = 0.2
    at_once: float = np.inf
    hold_s: float = 30.0
    clear_s: float = 30.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 30.0
    store_s: float = 32.0
    doubt: float = 0.5
    leap_k: float = 1.0
    flow_min_lpm: float = 5.0
    steady_ratio: float = 0.05
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {**departing("off"), **memory_of("supply", "flow", "usual_lpm")}
    )

    def threshold(self, baseline: float) -> float:
        """Supply temperature at which it fires, degC, everything else being as it is."""
        return baseline + self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Kelvin, of either sign as positive."""
        supply, back, flow = (tick.mean(n) for n in ("supply_c", "return_c", "flow_lpm"))
        water = WATER_W_PER_K_LPM * tick.mean("facility_flow_lpm")
        warmed = tick.mean("facility_return_c") - tick.mean("facility_supply_c")
        rows = tick.rows
        mean = smooth(memory, tick, "supply", supply, self.smooth_s)
        mean_lpm = smooth(memory, tick, "flow", flow, self.smooth_s)
        usual_lpm = smooth(memory, tick, "usual_lpm", flow, USUAL_S)
        with np.errstate(invalid="ignore", divide="ignore"):
            steady = np.abs(flow / mean_lpm - 1.0) <= self.steady_ratio
            carried = np.where(
                steady & (flow >= self.flow_min_lpm),
                capacity_w_per_k(flow, 0.5 * (supply + back)),
                np.nan,
            )
            off_k = back - supply - water * warmed / carried
            # The mean of a rate is how far its end is from its mean.
            stored_k = self.store_s * usual_lpm / flow * (supply - mean) / self.smooth_s
        # A mean that is younger than its memory is no rate yet.
        young = memory["supply_age_s"][rows] < 2.0 * self.smooth_s
        doubted = np.abs(memory["off_off"][rows]) > 0.5 * self.on
        frozen = (young | doubted).astype(np.float64)
        off, usual = departure(
            memory, tick, "off", off_k, smooth_s=self.smooth_s, doubt=np.inf, frozen=frozen,
            leap=self.leap_k,
        )  # fmt: skip
        left = np.abs(off - stored_k) - self.doubt * np.abs(stored_k)
        return Scores(left, supply, supply + off_k - usual)
