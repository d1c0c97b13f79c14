"""The hall's power that rises or falls faster than its utility lets it.

There is no common limit: 10 MW/s for a site of 150 MW is an example (estimate; a utility's contract says what holds).
Told as a share of the hall's own highest power, so that one figure fits halls of all sizes. A job of the whole hall that
stops, or writes a checkpoint, is as steep as anything that fails: a ramp is noted for those who answer to the utility,
and wakes nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

SPAN_S_MAX = 5.0
MOST_S = 30.0 * 86_400.0


@dataclass(frozen=True)
class RampTooSteep:
    """Change of the hall's power in a second, as a share of its highest.

    Parameters
    ----------
    on
        The utility's limit over the site's power: 10 MW/s of 150 MW.
    severity
        A ticket: see above.

    Notes
    -----
    24 bytes a hall. A gap longer than 5 s says nothing.
    """

    name: str = "ramp-too-steep"
    kind: Kind = Kind.HALL
    fault: str = "ramp-too-steep"
    metric: str = "hall_power_w"
    severity: Severity = Severity.TICKET
    on: float = 10.0 / 150.0
    off: float = 3.0 / 150.0
    at_once: float = 10.0 / 150.0
    hold_s: float = 0.0
    clear_s: float = 60.0
    joined: bool = False
    every_s: ClassVar[int] = 1
    needs: tuple[str, ...] = ()
    remembers: Mapping[str, float] = field(
        default_factory=lambda: {"last_w": float("nan"), "last_ms": 0.0, "most_w": 0.0}
    )

    def threshold(self, baseline: float) -> float:
        """Power a second later beyond which it fires, W, where it rises."""
        return baseline * (1.0 + self.on)

    def score(self, memory: Memory, tick: Tick) -> Scores:
        """The size of the ramp; evidence is the power against the tick's before."""
        power, rows, now_ms = tick.value("hall_power_w"), tick.rows, tick.t_ms.astype(np.float64)
        last, told = memory["last_w"][rows], np.isfinite(power)
        passed_s = (now_ms - memory["last_ms"][rows]) / 1000.0
        most = np.fmax(
            memory["most_w"][rows] * np.exp(-np.clip(passed_s, 0.0, 60.0) / MOST_S), power
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            ramp = np.abs(power - last) / passed_s / most
        memory["last_w"][rows] = np.where(told, power, last)
        memory["last_ms"][rows] = np.where(told, now_ms, memory["last_ms"][rows])
        memory["most_w"][rows] = np.where(told, most, memory["most_w"][rows])
        return Scores(np.where(passed_s <= SPAN_S_MAX, ramp, np.nan), power, last)
