"""The two pumps of a CDU: speed held by differential pressure, change-over to the spare, coasting.

A PI controller moves the speed of the pump on duty until the pressure across the rack is at its set point, with the
10 s loop, the 15 % minimum and the 0.25 s change-over of a Vertiv CoolChip CDU 600. Pressure goes with the square of
speed, so an integral gain of 0.05 a second closes the loop with 10 s. A pump that is switched off coasts with 1.5 s,
one that starts gets to speed with 1.0 s (estimates); it has 20 % above its rated speed in reserve (estimate). The
other pump runs while the one on duty has not reached speed, so a rotation overlaps and does not starve the rack.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

COAST_S, START_S, CHANGE_OVER_S = 1.5, 1.0, 0.25
SPEED_MIN, SPEED_MAX = 0.15, 1.2
GAIN, GAIN_PER_S = 0.1, 0.05
RATED_RPM, RATED_W, RATED_LPM = 3000.0, 600.0, 64.0
"""Of one pump; power goes with the size of its loop."""


class Pumps:
    """The pumps of all racks, arrays of shape (2, racks).

    Parameters
    ----------
    racks
        How many.
    rated_lpm
        Flow of one pump at rated speed.
    """

    def __init__(self, racks: int, rated_lpm: float) -> None:
        self.rated_lpm = rated_lpm
        self.speed_ratio = np.stack([np.ones(racks), np.zeros(racks)])
        self.command_ratio = np.ones(racks)
        """Speed that the controller asks for."""
        self._integral = np.ones(racks)
        self._waited_s = np.zeros(racks)

    def step(self, dt_s: float, effects: Effects, missing_ratio: F64, off: Bools) -> None:
        """One step.

        Parameters
        ----------
        missing_ratio
            Pressure difference that is missing, as a share of its set point; negative when there is too much.
        off
            Where the level switch holds both pumps, or there is no power.
        """
        limit = np.where(effects.pump_ratio_max >= 1.0, SPEED_MAX, effects.pump_ratio_max)
        limit *= ~off
        running = self._running(dt_s, effects.duty_pump == 1)
        self._control(dt_s, missing_ratio, np.where(running, limit, 0.0).max(axis=0))
        wanted = np.minimum(np.where(running, self.command_ratio, 0.0), limit)
        coast, start = -np.expm1(-dt_s / COAST_S), -np.expm1(-dt_s / START_S)
        gap = wanted - self.speed_ratio
        self.speed_ratio += gap * np.where(gap < 0.0, coast, start)

    def power_w(self, flow_lpm: F64) -> F64:
        """Electric power at a flow of each pump: with the cube of speed, and less when little is moved."""
        moved = flow_lpm / self.rated_lpm
        size = RATED_W * self.rated_lpm / RATED_LPM
        return size * self.speed_ratio**2 * (0.6 * self.speed_ratio + 0.4 * moved)

    def _running(self, dt_s: float, second: Bools) -> Bools:
        """Which pumps are switched on."""
        duty = np.where(second, self.speed_ratio[1], self.speed_ratio[0])
        spare = np.where(second, self.speed_ratio[0], self.speed_ratio[1])
        failing = duty < 0.5 * self.command_ratio
        self._waited_s = (self._waited_s + dt_s) * failing
        # The sum of many steps of 0.05 s is a hair off.
        helps = self._waited_s > CHANGE_OVER_S - 1e-6
        helps |= (spare > 0.05) & (duty < 0.97 * self.command_ratio)
        return np.stack([~second | helps, second | helps])

    def _control(self, dt_s: float, missing_ratio: F64, reach: F64) -> None:
        """Move the command; it rests while the pumps cannot follow it, or it would overshoot afterwards."""
        missing = np.clip(missing_ratio, -1.0, 1.0)
        rests = (self.command_ratio >= reach) & (missing > 0.0)
        step = np.where(rests, 0.0, GAIN_PER_S * dt_s * missing)
        self._integral = np.clip(self._integral + step, SPEED_MIN, SPEED_MAX)
        self.command_ratio = np.clip(self._integral + GAIN * missing, SPEED_MIN, SPEED_MAX)
