"""Counters of errors that grow: corrected and uncorrected memory errors, remapped rows, NVLink, PCIe, brake time.

A counter tells of what happened between two looks, so that nothing is missed, and how many in a while tells a storm
from the error a day that every GPU has. Its growth is kept in a leaky sum, `s = s exp(-dt / tau) + growth`: at a steady
rate r it comes to r * tau. A counter that begins again at 0 (a driver reload) has not grown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class Growth:
    """By how much a counter grew in about `tau_s`.

    Parameters
    ----------
    name, fault, metric, severity
        What the growth of which counter means.
    on
        Fires at this much; see `growths` for where each comes from.
    tau_s
        Memory of the sum.

    Notes
    -----
    16 bytes a GPU. A look every 5 s; a slow metric is told every 10 to 60 s, and that is the delay.
    """

    name: str
    fault: str
    metric: str
    on: float
    severity: Severity = Severity.WARNING
    kind: Kind = Kind.GPU
    at_once: float = np.inf
    hold_s: float = 0.0
    clear_s: float = 60.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    tau_s: float = 60.0
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {"counted": float("nan"), "growth": 0.0}
    )

    @property
    def off(self) -> float:
        """Half: a sum that is no longer fed falls so low in 0.7 `tau_s`."""
        return 0.5 * self.on

    @property
    def needs(self) -> tuple[str, ...]:
        """The counter."""
        return (self.metric,)

    def threshold(self, baseline: float) -> float:
        """What the counter would read, had it grown just enough."""
        return baseline + self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The leaky sum of growth; evidence is the counter, and what it was at the look before."""
        counted, rows = tick.latest(self.metric), tick.at
        before, sums = memory["counted"][rows].copy(), memory["growth"]
        with np.errstate(invalid="ignore"):
            grown = counted > before
        told = np.isfinite(counted)
        if grown.any() or sums[rows].any():
            kept = sums[rows] * np.exp(-self.every_s / self.tau_s)
            sums[rows] = kept + np.where(grown, counted - before, 0.0)
        memory["counted"][rows] = np.where(told, counted, before)
        return Scores(np.where(told, sums[rows], np.nan), counted, before)


def growths() -> list[Growth]:
    """All counters that are watched.

    Healthy GPUs have some corrected errors a day and hardly ever an uncorrected one (Delta: an uncorrectable HBM error
    in 88,768 h of an H100, arXiv 2503.11901): ten corrected within a minute are no chance, and one of the others is a
    fact. Ten NVLink or PCIe repeats a minute are one in 10^9 packets of a busy link, above what its specification
    lets pass. Time under the power brake is told by the counter however short the brake was: from 10 ms on, less half of its step.
    """
    return [
        Growth("ecc-corrected", "ecc-storm", "ecc_corrected_total", 10.0),
        Growth("ecc-uncorrected", "ecc-uncorrectable", "ecc_uncorrected_total", 1.0),
        Growth("rows-remapped", "row-remap", "remap_uncorrected_total", 1.0),
        Growth("nvlink-errors", "nvlink-errors", "nvlink_errors_total", 10.0),
        Growth("pcie-replays", "pcie-degraded", "pcie_replay_total", 10.0),
        Growth("pcie-fatal", "pcie-degraded", "pcie_fatal_total", 1.0),
        Growth("brake-time", "power-brake", "power_brake_s_total", 0.0095),
    ]
