"""A power supply of a node that failed: the others carry its share, less well.

The work goes on. The node draws a little more from the rack for the same GPUs, because supplies that are loaded fully
lose more (2.7 %; estimate). What a node draws is fitted by what its GPUs and processors draw,

    P_node = a + b (P_gpus + P_cpus)

by moments that forget over `tau_s`, with b drawn to that of good supplies where the load never changes. What is left over
is the score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

SLOPE = 1.04
"""Of supplies with 96 % efficiency (80 PLUS titanium)."""

SURE_W = 300.0
"""Spread of the load at which the fit's own slope counts as much as `SLOPE`."""


@dataclass(frozen=True)
class PsuLoss:
    """Share of a node's power that its parts do not explain.

    Parameters
    ----------
    on
        Half of what the failure of one supply of several costs.
    most
        What is above this is no supply: GPUs and meter belong to different nodes, or one of them is wrong.
    sigmas
        The rest must also be so many deviations of the fit.
    tau_s
        Memory of the fit.
    warm
        Looks before it judges.

    Notes
    -----
    48 bytes a node; a look every 5 s. A node whose meter is older than its GPUs' has a larger deviation, and is judged
    less sharply.
    """

    name: str = "psu-loss"
    kind: Kind = Kind.NODE
    fault: str = "psu-loss"
    metric: str = "node_power_w"
    severity: Severity = Severity.WARNING
    on: float = 0.013
    off: float = 0.008
    at_once: float = 1.0
    hold_s: float = 10.0
    clear_s: float = 15.0
    joined: bool = True
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    most: float = 0.08
    sigmas: float = 6.0
    tau_s: float = 900.0
    warm: float = 6.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(("looks", "x", "y", "xx", "xy", "rr"), 0.0)
    )

    def threshold(self, baseline: float) -> float:
        """Power above which it fires, W."""
        return baseline * (1.0 + self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The unexplained share; evidence is the node's power against what its parts explain."""
        node_w, gpus_w = tick.value("node_power_w"), tick.below("power_instant_w")
        parts_w = gpus_w + np.nan_to_num(tick.value("cpu_power_w"))
        fitted_w, sigma_w, looks = self._fit(memory, tick.rows, parts_w)
        rest = node_w - fitted_w
        with np.errstate(invalid="ignore", divide="ignore"):
            share = rest / fitted_w
            judged = (looks >= self.warm) & (np.abs(share) <= self.most)
            sure = np.abs(rest) >= self.sigmas * sigma_w
            odd = judged & sure & (np.abs(share) >= self.off)
        self._learn(memory, tick.rows, parts_w, node_w, rest, ~odd)
        score = np.where(judged, np.where(sure, np.maximum(share, 0.0), 0.0), np.nan)
        return Scores(score, node_w, fitted_w)

    @staticmethod
    def _slope(memory: Memory, rows: NDArray[np.intp]) -> F64:
        spread_w2 = SURE_W * SURE_W
        return (memory["xy"][rows] + SLOPE * spread_w2) / (memory["xx"][rows] + spread_w2)

    def _fit(self, memory: Memory, rows: NDArray[np.intp], parts_w: F64) -> tuple[F64, F64, F64]:
        """Node power by its parts, its deviation, and how many looks it rests on."""
        fitted = memory["y"][rows] + self._slope(memory, rows) * (parts_w - memory["x"][rows])
        return fitted, np.sqrt(memory["rr"][rows]), memory["looks"][rows]

    def _learn(
        self, memory: Memory, rows: NDArray[np.intp], x: F64, y: F64, rest: F64, well: NDArray[np.bool_]
    ) -> None:  # fmt: skip
        at = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & well)
        rows, x, y, rest = rows[at], x[at], y[at], rest[at]
        looks = memory["looks"][rows]
        share = 1.0 / np.minimum(looks + 1.0, self.tau_s / self.every_s)
        dx, dy = x - memory["x"][rows], y - memory["y"][rows]
        memory["x"][rows] += share * dx
        memory["y"][rows] += share * dy
        memory["xx"][rows] += share * ((1.0 - share) * dx * dx - memory["xx"][rows])
        memory["xy"][rows] += share * ((1.0 - share) * dx * dy - memory["xy"][rows])
        # The first look has nothing to be held against.
        memory["rr"][rows] += np.where(looks > 0, share * (rest * rest - memory["rr"][rows]), 0.0)
        memory["looks"][rows] = looks + 1.0
