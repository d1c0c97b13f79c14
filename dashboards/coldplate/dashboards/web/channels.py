"""What cells can be coloured by, and the byte that stands for a value.

A byte is 0 where the value is absent, otherwise `lowest + (byte - 1) * step`; what lies outside takes the nearest end.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

STEPS = 255


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to colour.

    Parameters
    ----------
    number
        In messages; never used again for another.
    name, title, unit
        For programs and for people; `unit` is "" for codes.
    lowest, step
        Of the bytes.
    scale
        Where the colours begin and end, and in which direction to look: `scale[1]` is what to look at first. None for codes.
    """

    number: int
    name: str
    title: str
    unit: str
    lowest: float
    step: float
    scale: tuple[float, float] | None

    def coded(self, values: F32) -> U8:
        """Bytes of values; NaN is absent.

        Examples
        --------
        >>> MARGIN.coded(np.array([np.nan, -10.0, 20.4, 1e9], np.float32)).tolist()
        [0, 1, 31, 255]
        """
        with np.errstate(invalid="ignore"):
            steps = np.rint((values - self.lowest) / self.step)
        return np.where(np.isnan(values), 0, np.clip(steps, 0, STEPS - 1) + 1).astype(np.uint8)

    def value(self, code: int) -> float | None:
        """What a byte stands for; None for absence."""
        return None if code == 0 else self.lowest + (code - 1) * self.step

    def told(self) -> dict[str, Any]:
        """For the page."""
        return {
            "number": self.number, "name": self.name, "title": self.title, "unit": self.unit, "lowest": self.lowest,
            "step": self.step, "scale": self.scale,
        }  # fmt: skip


MARGIN = Channel(1, "margin", "Margin to the GPU's own limit", "K", -10.0, 1.0, (40.0, 0.0))
TEMPERATURE = Channel(2, "temperature", "GPU temperature", "°C", 0.0, 1.0, (25.0, 90.0))
DRIFT = Channel(3, "drift", "Thermal resistance against its own baseline", "%", -50.0, 0.5, (0.0, 30.0))  # fmt: skip
POWER = Channel(4, "power", "GPU power", "W", 0.0, 5.0, (0.0, 700.0))
FLOW = Channel(5, "flow", "Coolant flow through the node", "l/min", 0.0, 0.25, (20.0, 0.0))
JOB = Channel(6, "job", "Job", "", 1.0, 1.0, None)
INCIDENT = Channel(7, "incident", "Open incident", "", 0.0, 1.0, None)

CHANNELS = (MARGIN, TEMPERATURE, DRIFT, POWER, FLOW, JOB, INCIDENT)

SEVERITIES = ("", "info", "ticket", "warning", "critical")
"""Of `INCIDENT`: value 0 is none; a cell has the worst of what its GPU, node or rack is in."""

JOBS_MAX = 250
"""Of `JOB`: value n is the nth job that runs, as the hall's message lists them; more of them share the last."""


def channel(name: str) -> Channel | None:
    """The one of that name."""
    return next((c for c in CHANNELS if c.name == name), None)
