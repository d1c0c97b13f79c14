"""A GPU of which nothing is read any more, though its node sends.

The frame comes, the GPU's columns in it are empty: the driver does not answer for this one. Whether the GPU is lost or
only unread the driver's events say (XID 79, a lost GPU). That the node is read at all is shown by its other GPUs or by
the node's own metrics; when those are absent too it is the agent, and nothing is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick, coarsely
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

LIFE = ("power_w", "gpu_c", "sm_clock_mhz", "energy_j")
"""Readings by different calls of the driver: one alone may fail."""

OF_NODE = ("node_power_w", "cpu_util_ratio", "agent_rss_bytes")


@dataclass(frozen=True)
class SilentGpu:
    """1 while nothing is told of a GPU that used to tell.

    Parameters
    ----------
    hold_s
        A driver that reloads, or a call that hangs, is back before (estimate).

    Notes
    -----
    4 bytes a GPU. Looks for one absent reading first. Fires on absence, by its nature; absence of the whole node, or a
    GPU that never told anything, says nothing.
    """

    name: str = "silent-gpu"
    kind: Kind = Kind.GPU
    fault: str = "silent-gpu"
    metric: str = "power_w"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = 2.0
    hold_s: float = 10.0
    clear_s: float = 5.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(default_factory=lambda: coarsely({"told": 0.0}))

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  a reading is there or not
        """No power is below it."""
        return 0.0

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 where it is silent, 0 where it tells, NaN where that says nothing."""
        power, rows = tick.value("power_w"), tick.at
        absent = np.isnan(power)
        none = np.full(len(power), np.nan)
        if not absent.any():
            memory["told"][rows] = 1.0
            return Scores(np.zeros(len(power)), power, none)
        for name in LIFE[1:]:
            absent &= np.isnan(tick.value(name))
        told = memory["told"][rows]
        told[~absent] = 1.0
        memory["told"][rows] = told
        score = np.where(told > 0.0, absent.astype(np.float64), np.nan)
        at = np.flatnonzero(absent)
        node = tick.node.astype(np.int64) + 1
        others = np.bincount(node, ~absent)
        others[0] = 0.0
        sends = others[node[at]] > 0
        if not sends.all():
            mine = tick.part(at)
            for name in OF_NODE:
                sends |= np.isfinite(mine.near(Kind.NODE, name))
        score[at[~sends]] = np.nan
        return Scores(score, power, none)
