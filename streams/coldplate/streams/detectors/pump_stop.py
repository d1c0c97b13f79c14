"""A pump that stopped: its speed fell away and the flow did not come back.

Speed against flow tells a failure from a rotation: when pumps change over, one speed falls and the other
takes the flow within 1 to 3 s; after a failure the flow stays low, or the spare alone cannot hold it. By the
affinity laws flow goes with speed, so missing speed with missing flow names the pump, and missing flow at
full speed does not (that is a valve, a hose or the filter).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import F64, Memory, Scores, Tick
from coldplate.streams.detectors.baseline import follow, memory_of
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind


@dataclass(frozen=True)
class PumpStop:
    """The smaller of two shares: this pump's missing speed, and the CDU's missing flow.

    Parameters
    ----------
    pump
        1 or 2.
    on
        Fires when both shares are above this.
    at_once
        Above this one tick is enough.
    stopped
        Share of its usual speed that a pump must have lost to count as stopped.
    running_rpm
        A pump slower than this was standing anyway: the spare of an N+1 pair does not "stop".

    Notes
    -----
    48 bytes a CDU. The evidence is the pump's speed against its usual speed.
    """

    pump: int
    kind: Kind = Kind.CDU
    fault: str = "pump-stop"
    severity: Severity = Severity.CRITICAL
    on: float = 0.15
    off: float = 0.08
    at_once: float = 0.5
    hold_s: float = 2.0
    clear_s: float = 3.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    tau_s: float = 300.0
    warm_s: float = 5.0
    stopped: float = 0.4
    running_rpm: float = 200.0

    @property
    def remembers(self) -> Mapping[str, float]:
        """Usual flow and usual speed."""
        return memory_of("flow_lpm", self.metric)

    @property
    def name(self) -> str:
        """One detector a pump."""
        return f"pump{self.pump}-stop"

    @property
    def metric(self) -> str:
        """The speed of the pump that is watched."""
        return f"pump{self.pump}_rpm"

    def threshold(self, baseline: float) -> float:
        """Speed below which it fires, 1/min."""
        return baseline * (1.0 - self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """min(missing speed, missing flow), 0 to 1."""
        flow, rpm = tick.value("flow_lpm"), tick.value(self.metric)
        # While flow is missing neither speed nor flow is what it usually is. A stop with full flow is a
        # rotation, and is learnt.
        with np.errstate(invalid="ignore"):
            wrong = (flow < memory["flow_lpm"][tick.rows] * (1.0 - self.off)).astype(np.float64)

        def learn(name: str, value: F64) -> F64:
            return follow(
                memory, tick, name, value, frozen=wrong, tau_s=self.tau_s, warm_s=self.warm_s
            )

        usual_flow, usual = learn("flow_lpm", flow), learn(self.metric, rpm)
        with np.errstate(invalid="ignore", divide="ignore"):
            lost = np.where(usual >= self.running_rpm, 1.0 - rpm / usual, 0.0)
            # A pump that is only slower was told to be: a valve closed behind it, and the controller holds pressure.
            lost = np.where(lost >= self.stopped, lost, 0.0)
            score = np.minimum(lost, 1.0 - flow / usual_flow)
        return Scores(np.where(np.isfinite(rpm), score, np.nan), rpm, usual)
