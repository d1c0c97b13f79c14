"""A facility valve that does not move.

Control moves it as long as the supply is off its set point: with a reset time of 60 s half a kelvin moves it by some per
cent in 20 s. So a supply that is off while its valve stands, with way to go in the direction that would help, has a valve
that is stuck. The heat balance must not deny that the supply is off: a thermometer that wanders off moves no valve
either, where control has one of its own. At rest a stuck valve is not seen, and does no harm.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.streams.water import answered, answers, balance_k, smooth
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class ValveStuck:
    """Kelvin by which the supply is off its usual while the valve stands; 0 while it moves.

    Parameters
    ----------
    stands
        A valve that has travelled no more since the supply is off stands.
    believed
        Share of the departure by which the heat balance may contradict it.
    end
        Nearer to its end than this it has nothing more to give.

    Notes
    -----
    120 bytes a CDU.
    """

    name: str = "valve-stuck"
    kind: Kind = Kind.CDU
    fault: str = "valve-stuck"
    metric: str = "valve_ratio"
    severity: Severity = Severity.WARNING
    on: float = 0.5
    off: float = 0.25
    at_once: float = np.inf
    hold_s: float = 10.0
    clear_s: float = 15.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 5.0
    stands: float = 0.005
    end: float = 0.02
    believed: float = 0.3
    tau_s: float = 7200.0
    warm_s: float = 20.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            **memory_of("supply_c", "supply_mean", "off", "off_mean"),
            **answers(),
        }
    )

    def threshold(self, baseline: float) -> float:
        """Where it stands."""
        return baseline

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Kelvin, of either sign as positive."""
        supply, valve = tick.mean("supply_c"), tick.value("valve_ratio")
        mean = smooth(memory, tick, "supply_mean", supply, self.smooth_s)
        away, travel = answered(memory, tick, mean, 0.5 * self.on)
        usual = follow(
            memory, tick, "supply_c", supply, frozen=away.astype(np.float64), tau_s=self.tau_s, warm_s=self.warm_s
        )  # fmt: skip
        off_k = balance_k(tick)
        off_mean = smooth(memory, tick, "off_mean", off_k, 2.0 * self.smooth_s)
        usual_off = follow(
            memory, tick, "off", off_k, frozen=away.astype(np.float64), tau_s=self.tau_s, warm_s=self.warm_s
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            off = mean - usual
            # Supply that truly rises warms the unit; one that is only read to rise seems to bring less heat.
            denied = np.nan_to_num(off_mean - usual_off) * np.sign(off) < -self.believed * np.abs(
                off
            )
            could = np.where(off > 0.0, valve <= 1.0 - self.end, valve >= self.end)
        score = np.where(could & ~denied & (travel <= self.stands), np.abs(off), 0.0)
        return Scores(np.where(np.isfinite(off + valve), score, np.nan), valve, valve)
