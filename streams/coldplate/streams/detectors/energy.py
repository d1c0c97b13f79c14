"""A node whose energy meters jump: another's GPUs answer in its place.

A GPU's energy grows by its power times the time. What it grew by otherwise is kept in a leaky sum: a recorded H200 comes
to 60 J at most in ten seconds, whatever its load, because a reading that is taken late is made good by the next one. When
most meters of a node jump to other totals in one tick and stay there, the node is not the one that the inventory means:
cables, host names or slots were exchanged. A driver reload begins at 0. Of two nodes that were exchanged both jump and
both are wrong; where one name only leads to the other's GPUs, the other goes on as it was and nothing is wrong with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

NONE = float("nan")
SPAN_S_MAX = 8.0
"""Over longer, where ticks were lost, the mean power says too little."""

PEAK_W = 950.0
"""The highest peak of a recorded H200: what was drawn since a reload is no more than so much for each second."""


@dataclass(frozen=True)
class EnergyJump:
    """By how much the energy of a GPU and of its node's others departs from their power, in units of `jump_j`.

    Parameters
    ----------
    jump_j
        Twice what a recorded H200's meters ever disagree by in `tau_s`.
    tau_s
        Memory of the sum. At the meters' accuracy of 0.3 % a GPU at 700 W comes to 21 J.
    node_ratio
        Share of the node's meters that must have jumped.
    at_once
        More than a GPU can draw in a tick: 950 W are recorded as its highest peak.
    clear_s
        An exchange that is put right within this is one episode.

    Notes
    -----
    24 bytes a GPU. A single meter that jumps is not judged. It pages: who is sent to a node that is hot must find that one.
    """

    name: str = "energy-jump"
    kind: Kind = Kind.GPU
    fault: str = "inventory-wrong"
    metric: str = "energy_j"
    severity: Severity = Severity.WARNING
    on: float = 1.0
    off: float = 0.5
    at_once: float = 10.0
    hold_s: float = 5.0
    clear_s: float = 300.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    jump_j: float = 120.0
    tau_s: float = 10.0
    node_ratio: float = 0.4
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {"last_j": NONE, "last_ms": 0.0, "off_j": 0.0}
    )

    def threshold(self, baseline: float) -> float:
        """Energy beyond which it fires, J."""
        return baseline + self.jump_j

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Departure where most meters of the node depart, else 0; evidence is the meter against what power explains."""
        energy, power, rows = tick.value("energy_j"), tick.mean("power_w"), tick.at
        now_ms = tick.now_ms
        passed_s = (now_ms - memory["last_ms"][rows]) / 1000.0
        last = memory["last_j"][rows].copy()
        grown = energy - last
        told = np.isfinite(energy)
        with np.errstate(invalid="ignore"):
            reloaded = (energy < last) & (energy <= PEAK_W * passed_s)
            known = (passed_s <= SPAN_S_MAX) & ~reloaded & np.isfinite(last)
            off = memory["off_j"][rows] * np.exp(-passed_s / self.tau_s) + grown - power * passed_s
            off = np.where(known & np.isfinite(off), off, 0.0)
        memory["last_j"][rows] = np.where(told, energy, last)
        memory["last_ms"][rows] = np.where(told, now_ms, memory["last_ms"][rows])
        before = memory["off_j"][rows].copy()
        memory["off_j"][rows] = np.where(told, off, before)
        # A reading that was late at the look before, and was made good, leaves the other sign, and less than it missed.
        turned = (off * before < 0.0) & (np.abs(before) >= self.off * self.jump_j)
        turned &= np.abs(off) <= np.abs(before)
        score = np.where(turned, 0.0, np.abs(off) / self.jump_j)
        jumped = score >= self.off
        if jumped.any():
            node = tick.node.astype(np.int64) + 1
            most = np.bincount(node, score >= self.on) >= self.node_ratio * np.bincount(node)
            most[0] = False
            score = np.where(most[node], score, 0.0)
        return Scores(np.where(told & known, score, np.nan), energy, energy - off)
