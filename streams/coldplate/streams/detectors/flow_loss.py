"""Loss of coolant flow at a CDU, against its own slow average.

A CDU's own alarm comes at 90 % of the set point after 100 s (Vertiv CoolChip CDU 600 guide); a GPU without
flow reaches its limit in 8 s. This one fires after 3 s below 85 %, and at the first tick below half.

Flow that is lost moves something else as well: a valve that closes and a pump that stops take the filter's difference with
them, dirt raises it, thick coolant slows the pump that holds the pressure. Where all of these are what they always were,
it is the meter (flow_meter.py), and nothing is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

MOVES = {"kpa_delta": 0.05, "filter_kpa_delta": 0.15, "rpm": 0.02}
"""What true loss moves at least one of, by more than this share: six sigma of a reading, and more for the pump."""


@dataclass(frozen=True)
class FlowLoss:
    """Share of the usual flow that is missing.

    Parameters
    ----------
    on
        Fires above this missing share. A change-over between two pumps dips by as much for 1 to 3 s,
        hence `hold_s`.
    at_once
        Above this missing share one tick is enough: no change-over goes so deep, and time is short.
    tau_s
        Memory of the baseline; it stands still while more than `off` is missing.

    Notes
    -----
    96 bytes a CDU. Not told in the first `warm_s` seconds, nor where the usual flow is below
    `idle_lpm`: a rack that is drained has none to lose.
    """

    name: str = "flow-loss"
    kind: Kind = Kind.CDU
    fault: str = "flow-loss"
    metric: str = "flow_lpm"
    severity: Severity = Severity.CRITICAL
    on: float = 0.15
    off: float = 0.08
    at_once: float = 0.5
    hold_s: float = 3.0
    clear_s: float = 3.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 300.0
    warm_s: float = 5.0
    idle_lpm: float = 5.0
    remembers: Mapping[str, float] = field(default_factory=lambda: memory_of("flow_lpm", *MOVES))

    def threshold(self, baseline: float) -> float:
        """Flow below which it fires, l/min."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Missing share of the usual flow, 0 to 1."""
        flow = tick.value("flow_lpm")
        usual = memory["flow_lpm"][tick.rows]
        with np.errstate(invalid="ignore"):
            falling = (flow < usual * (1.0 - self.off)).astype(np.float64)
        baseline = follow(
            memory, tick, "flow_lpm", flow, frozen=falling, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            missing = np.where(baseline >= self.idle_lpm, 1.0 - flow / baseline, np.nan)
        lies = self._nothing_moved(memory, tick, falling)
        return Scores(np.where(lies, np.minimum(missing, 0.0), missing), flow, baseline)

    def _nothing_moved(self, memory: Memory, tick: Tick, falling: F64) -> NDArray[np.bool_]:
        """Where pressures and speed are all told, and as usual."""
        now = {
            "kpa_delta": tick.value("supply_kpa") - tick.value("return_kpa"),
            "filter_kpa_delta": tick.value("filter_kpa_delta"),
            "rpm": np.fmax(tick.value("pump1_rpm"), tick.value("pump2_rpm")),
        }
        still = np.ones(len(tick.rows), np.bool_)
        for name, value in now.items():
            usual = follow(
                memory, tick, name, value, frozen=falling, tau_s=self.tau_s, warm_s=self.warm_s
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                still &= np.abs(value / usual - 1.0) <= MOVES[name]
        return still
