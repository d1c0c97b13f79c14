"""Vapour at a pump's suction: head is lost, and trembles.

What trembles in truth moves pressure and flow together (dp = k Q^2), while two meters' noise has nothing in common. So
the mean product of both one-tick differences, of pressure / 2 and of flow as logarithms, is the variance of the
flow itself: no noise floor need be known. Air that moves in a node's hose makes them move against each other. Head must
be lost as well (water.py): either alone has other causes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import memory_of
from coldplate.streams.water import (
    DELTA_MIN_KPA,
    FLOW_MIN_LPM,
    Loop,
    head_lost,
    heads,
    loop_of,
    smooth,
)
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class Cavitation:
    """The smaller of two: deviation of the flow that pressure confirms to `trembles`, and head that is lost to `lost`.

    Parameters
    ----------
    trembles
        Deviation as a share of the flow. With meters of 0.5 % four and a half sigma of what is left of their noise after
        `smooth_s`; a pump that loses 2 % of its head to vapour trembles by 0.3 %.
    lost
        Share of head: ten sigma of its mean, so that both together are never chance.
    steep
        As of `PumpWear`.
    speed_most
        A step of pump speed beyond this share in a tick is control, not vapour.
    product_most
        A product counts for no more: one valve that is thrown is not trembling.

    Notes
    -----
    168 bytes a CDU.
    """

    name: str = "cavitation"
    kind: Kind = Kind.CDU
    fault: str = "cavitation"
    metric: str = "flow_lpm"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.6
    at_once: float = np.inf
    hold_s: float = 5.0
    clear_s: float = 20.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    smooth_s: float = 40.0
    trembles: float = 0.0027
    lost: float = 0.012
    steep: float = 0.65
    speed_most: float = 0.05
    product_most: float = 1e-4
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {
            **memory_of("square"), **heads(1, 2),
        }
    )  # fmt: skip

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a share of any flow
        """Deviation at which it fires, as a share."""
        return self.trembles

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Confirmed deviation."""
        loop, rows, product = loop_of(tick), tick.rows, self._product(tick)
        smooth(memory, tick, "square", product, self.smooth_s)
        old = memory["square_age_s"][rows] >= self.smooth_s
        square = np.where(old & np.isfinite(product), memory["square"][rows], np.nan)
        lost, _ = self._lost(memory, tick, loop, 1)
        by_second, _ = self._lost(memory, tick, loop, 2)
        lost = np.fmax(lost, by_second)
        deviation = np.sqrt(np.maximum(square, 0.0))
        score = np.minimum(deviation / self.trembles, lost / self.lost)
        return Scores(score, loop.flow_lpm, np.full_like(score, np.nan))

    def _product(self, tick: Tick) -> F64:
        """Mean product of the differences from tick to tick since the last look."""
        delta = tick.past("supply_kpa") - tick.past("return_kpa")
        flow, first, second = (tick.past(n) for n in ("flow_lpm", "pump1_rpm", "pump2_rpm"))
        rpm = np.fmax(first, second)
        with np.errstate(invalid="ignore", divide="ignore"):
            moves = (flow >= FLOW_MIN_LPM) & (delta >= DELTA_MIN_KPA)
            still = np.abs(rpm[1:] / rpm[:-1] - 1.0) <= self.speed_most
            still &= moves[1:] & moves[:-1]
            product = 0.25 * np.diff(np.log(flow), axis=0) * np.diff(np.log(delta), axis=0)
            product = np.clip(product, -self.product_most, self.product_most)
            out: F64 = np.where(still, product, 0.0).sum(axis=0) / still.sum(axis=0)
        return out

    def _lost(self, memory: Memory, tick: Tick, loop: Loop, pump: int) -> tuple[F64, F64]:
        return head_lost(
            memory, tick, loop, pump, steep=self.steep, smooth_s=20.0, doubt=0.5 * self.lost
        )
