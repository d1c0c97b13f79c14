"""A pump that failed, also where its spare takes over within seconds and the flow comes back.

In a rotation the pump that comes overlaps the one that goes: one of both is always at speed. A pump that fails coasts
(some 1.5 s) before its spare is switched on (0.25 s) and runs up (1 s; all of it estimates, Vertiv CoolChip CDU 600
guide for the change-over): for a tick or two neither has the speed that is usual, and the pressure falls with the
square of it. So what tells a failure from a rotation is the hole between them. A unit whose coolant ran out, whose
level switch holds both pumps, is not told: it leaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class PumpTrip:
    """1 from the hole in the speeds on, as long as the pump stands or lags.

    Parameters
    ----------
    pump
        1 or 2.
    hole
        Both pumps are slower than this share of the usual speed: head is down to a half.
    back
        The pump runs again above this share.
    level_min
        Reservoir level below which the unit's own switch may hold the pumps.

    flow_ratio
        A pump that turns and gives this share of the usual flow has not failed, whatever speed control wants of it.

    Notes
    -----
    56 bytes a CDU. A lost frame may hide the hole; the stop then reads like a rotation unless flow stays low
    (pump_stop.py). A controller that slows both pumps by a third within a tick reads like a failure.
    """

    pump: int
    kind: Kind = Kind.CDU
    fault: str = "pump-stop"
    severity: Severity = Severity.WARNING
    on: float = 0.5
    off: float = 0.25
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 3.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 300.0
    warm_s: float = 5.0
    hole: float = 0.7
    back: float = 0.9
    level_min: float = 0.1
    running_rpm: float = 200.0
    flow_ratio: float = 0.95

    @property
    def remembers(self) -> Mapping[str, float]:
        """Usual speed and flow, and whether it has tripped."""
        return {**memory_of(self.metric, "flow_lpm"), "tripped": 0.0}

    @property
    def name(self) -> str:
        """One detector a pump."""
        return f"pump{self.pump}-trip"

    @property
    def metric(self) -> str:
        """The speed of the pump that is watched."""
        return f"pump{self.pump}_rpm"

    def threshold(self, baseline: float) -> float:
        """Speed below which it fires, 1/min, unless the other pump has it."""
        return baseline * self.hole

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """1 while it has failed, else 0."""
        rpm, other = tick.value(self.metric), tick.value(f"pump{3 - self.pump}_rpm")
        usual = memory[self.metric][tick.rows]
        was = memory["tripped"][tick.rows]
        with np.errstate(invalid="ignore"):
            slower = rpm < self.back * usual
        baseline = follow(
            memory, tick, self.metric, rpm, frozen=np.maximum(was, slower & ~self._replaced(other, usual)),
            tau_s=self.tau_s, warm_s=self.warm_s,
        )  # fmt: skip
        dry = tick.value("reservoir_ratio") < self.level_min
        flow = tick.value("flow_lpm")
        usual_lpm = follow(
            memory, tick, "flow_lpm", flow, frozen=was, tau_s=self.tau_s, warm_s=self.warm_s
        )
        with np.errstate(invalid="ignore"):
            ran = (baseline >= self.running_rpm) & ~dry
            gives = (rpm >= self.running_rpm) & (flow >= self.flow_ratio * usual_lpm)
            falls = ran & (np.fmax(rpm, other) < self.hole * baseline)
            runs = gives | (rpm >= self.back * baseline)
        tripped = np.where(runs, 0.0, np.where(falls, 1.0, was))
        tripped = np.where(np.isfinite(rpm), tripped, was)
        memory["tripped"][tick.rows] = tripped
        return Scores(np.where(np.isfinite(rpm), tripped, np.nan), rpm, baseline)

    def _replaced(self, other: F64, usual: F64) -> NDArray[np.bool_]:
        """Where the other pump runs instead: what is usual moves on."""
        with np.errstate(invalid="ignore"):
            return np.asarray(other >= self.hole * usual, np.bool_)
