"""A GPU's temperature that stays what it was, whatever the load does.

A die follows its power within a second, 0.02 K a watt and more (recorded on an H200: 0.0235 K/W in 0.22 s). While its
temperature does not move by a degree, how far it should have moved is added up: a sensor that is right never gets far.

Power must have moved both as a mean of the second and at the instant of the reading: a pause between two readings
lowers the mean, and the die is warm again when it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick, coarsely
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

STEP_W = 100.0
"""Smaller changes of power move a whole degree too little to count."""

NONE = float("nan")


@dataclass(frozen=True)
class ReadingStuck:
    """Kelvin that the temperature should have moved since it last did.

    Parameters
    ----------
    k_per_w
        What a watt warms at least, at once.
    on
        Ten steps of the reading: several changes of load, each of some hundred watts.

    Notes
    -----
    16 bytes a GPU. Says nothing while the load is steady: then a sensor that is stuck reads right.
    """

    name: str = "gpu-reading-stuck"
    kind: Kind = Kind.GPU
    fault: str = "gpu-sensor-stuck"
    metric: str = "gpu_c"
    severity: Severity = Severity.WARNING
    on: float = 20.0
    off: float = 1.0
    at_once: float = 1000.0
    hold_s: float = 0.0
    clear_s: float = 10.0
    joined: bool = False
    every_s: ClassVar[int] = 5
    needs: tuple[str, ...] = ()
    k_per_w: float = 0.02
    remembers: Mapping[str, float] = field(
        default_factory=lambda: coarsely(
            {"last_c": NONE, "last_w": NONE, "last_instant_w": NONE, "still_k": 0.0}
        )
    )

    def threshold(self, baseline: float) -> float:  # noqa: ARG002  it is a sum, not a level
        """Kelvin of movement missed."""
        return self.on

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """Kelvin missed; evidence is the temperature and what it read before."""
        rows, last_c = tick.at, memory["last_c"][tick.at].copy()
        gpu_c, power, instant = (
            self._since(memory, tick, last, name)
            for last, name in (
                ("last_c", "gpu_c"), ("last_w", "power_w"), ("last_instant_w", "power_instant_w"),
            )
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            # Where nobody tells the instant's, the mean alone decides.
            change_w = np.fmin(np.abs(np.diff(power, axis=0)), np.abs(np.diff(instant, axis=0)))
            missed = np.where(change_w >= STEP_W, self.k_per_w * change_w, 0.0)
        still = memory["still_k"][rows]
        for stood, k in zip(gpu_c[1:] == gpu_c[:-1], missed, strict=True):
            still = np.where(stood, still + k, 0.0)
        memory["still_k"][rows] = still
        shown_c = tick.value("gpu_c")
        told = np.isfinite(shown_c) & np.isfinite(tick.value("power_w"))
        return Scores(np.where(told, still, np.nan), shown_c, last_c)

    @staticmethod
    def _since(memory: Memory, tick: Tick, last: str, name: str) -> F64:
        """Values since the last look, which is the first; where nothing is told, those before."""
        out = np.concatenate([memory[last][tick.at][None, :], tick.past(name)])
        if np.isnan(out).any():
            for k in range(1, len(out)):
                out[k] = np.where(np.isnan(out[k]), out[k - 1], out[k])
        memory[last][tick.at] = out[-1]
        return out
