"""What the job asks of the GPUs: a share of the power between idle and full, the same everywhere at an instant.

`steps` is the recorded pattern of a training loop, 1.0 s compute and 0.5 s pause (0.67 Hz), which draws a third
more than the limit in its first 0.2 s (recorded: 948 W of 700) and swings with 304 W in its fundamental.
"""

from typing import Literal

import numpy as np

PERIOD_S, COMPUTE_S, OVERSHOOT_S = 1.5, 1.0, 0.2
OVERSHOOT_RATIO, PAUSE_RATIO = 1.33, 0.07


class Load:
    """One job over the whole hall.

    Parameters
    ----------
    pattern
        As in a scenario.
    """

    def __init__(self, pattern: Literal["idle", "steady", "steps"]) -> None:
        self.pattern = pattern
        at = (np.arange(1500) + 0.5) / 1500
        wave = np.array([self.ratio(float(x) * PERIOD_S) for x in at])
        self.swing_ratio = float(2.0 * np.abs((wave * np.exp(-2j * np.pi * at)).mean()))
        """Amplitude of the fundamental."""

    @property
    def swing_hz(self) -> float:
        """Frequency of the swing; NaN without one."""
        return 1.0 / PERIOD_S if self.pattern == "steps" else float("nan")

    @property
    def busy(self) -> bool:
        """Whether there is a job."""
        return self.pattern != "idle"

    def ratio(self, t_s: float) -> float:
        """Share of the power between idle and full at a time."""
        if self.pattern != "steps":
            return 1.0 if self.busy else 0.0
        phase_s = t_s % PERIOD_S
        if phase_s >= COMPUTE_S:
            return PAUSE_RATIO
        return OVERSHOOT_RATIO if phase_s < OVERSHOOT_S else 1.0
