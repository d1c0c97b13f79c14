"""A fault put into a recording of healthy GPUs: what a worse cold plate would have made of the same load.

`cold-plate:1.3@180`: from second 180 on, one GPU's temperatures rise over their reference by 1.3 times as much. The
recorded rise has the load's lags in it already; the fault itself comes with the fast two of them (recorded H200: 0.22 s
and 1.2 s). The reference is the coolant supply, or, where no unit tells of it, the temperature that the GPU would have
without power, fitted to what it showed before (regression.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coldplate.streams.detector import F64
from coldplate.streams.detectors.thermal_path import (
    HBM_W,
    R_K_PER_W,
    UNKNOWN_SD_K,
    UNKNOWN_SUPPLY_C,
)
from coldplate.streams.evaluate.label import Label
from coldplate.streams.regression import Lines, memory_of_lines
from coldplate.wire.metric import Kind, metric

FAST = ((0.68, 0.22), (0.32, 1.2))
"""Share and time constant in seconds of the recorded response's fast stages."""

FACTOR_MAX = 10.0

_FORM = re.compile(
    r"cold-plate:(?P<factor>\d+(?:\.\d+)?)@(?P<at_s>\d+(?:\.\d+)?)(?::(?P<subject>.+))?"
)
_NUMBER = {
    name: metric(Kind.GPU, name).number
    for name in ("gpu_c", "hbm_c", "margin_c", "power_w", "power_instant_w", "mem_util_ratio")
}


@dataclass(frozen=True, slots=True)
class Injection:
    """What is put in.

    Parameters
    ----------
    factor
        Multiplies the temperatures' rise over their reference; above 1, at most 10.
    at_s
        Seconds from the recording's start.
    subject
        Which GPU; the first if empty.
    """

    factor: float
    at_s: float
    subject: str = ""

    @classmethod
    def parse(cls, text: str) -> "Injection":
        """From `cold-plate:FACTOR@SECOND`, with `:GPU` behind it for another than the first.

        Raises
        ------
        ValueError
            Not of that form, or a factor that is no fault.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(
                f"inject {text!r}: expected cold-plate:FACTOR@SECOND[:GPU], such as cold-plate:1.3@180"
            )
        factor = float(found["factor"])
        if not 1.0 < factor <= FACTOR_MAX:
            raise ValueError(f"inject {text!r}: the factor may be above 1, up to {FACTOR_MAX:g}")
        return cls(factor, float(found["at_s"]), found["subject"] or "")


class Injector:
    """Puts a fault into the samples of a recording as they go by.

    Parameters
    ----------
    injection
        What.
    devices
        Ids of the GPUs, in the samples' order.

    Raises
    ------
    ValueError
        When the subject is none of them, or there are none.
    """

    def __init__(self, injection: Injection, devices: Sequence[str]) -> None:
        subject = injection.subject or (devices[0] if devices else "")
        if subject not in devices:
            raise ValueError(f"inject: {subject!r} is no GPU of this recording")
        self._what, self.subject = injection, subject
        self._column = devices.index(subject)
        self._memory = {name: np.full(1, v) for name, v in memory_of_lines().items()}
        self._visible_s: float | None = None

    def apply(self, t_s: float, samples: F64, supply_c: float = float("nan")) -> F64:
        """Samples of a tick with the fault in them; the given ones stay as they are.

        Parameters
        ----------
        t_s
            Seconds from the recording's start; tick after tick.
        samples
            Of all GPUs: shape (metrics of the catalogue, devices), NaN where absent.
        supply_c
            Coolant supply of the subject's rack, NaN where nobody tells.
        """
        one = samples[:, self._column]
        if t_s < self._what.at_s:
            self._learn(one)
            return samples
        reference_c = supply_c if np.isfinite(supply_c) else self._unpowered_c()
        since_s = t_s - self._what.at_s
        there = 1.0 - sum(share * np.exp(-since_s / tau_s) for share, tau_s in FAST)
        more = (self._what.factor - 1.0) * there
        out = samples.copy()
        before_c = one[_NUMBER["gpu_c"]]
        # A GPU tells whole degrees.
        for name in ("gpu_c", "hbm_c"):
            value = one[_NUMBER[name]]
            out[_NUMBER[name], self._column] = np.rint(value + more * (value - reference_c))
        risen_k = out[_NUMBER["gpu_c"], self._column] - before_c
        out[_NUMBER["margin_c"], self._column] -= risen_k
        if self._visible_s is None and risen_k >= 1.0:
            self._visible_s = t_s
        return out

    def label(self, first_ms: int) -> Label:
        """What was put in, once all ticks have gone by."""

        def ms(t_s: float) -> int:
            return first_ms + round(1000 * t_s)

        visible = None if self._visible_s is None else ms(self._visible_s)
        return Label("injected", "cold-plate-fouling", self.subject, ms(self._what.at_s), visible)

    def _learn(self, one: F64) -> None:
        power, memory = one[_NUMBER["power_w"]], one[_NUMBER["mem_util_ratio"]]
        power = power if np.isfinite(power) else one[_NUMBER["power_instant_w"]]
        die_c = one[_NUMBER["gpu_c"]]
        if np.isfinite(power) and np.isfinite(die_c):
            x = np.array([power - HBM_W * np.nan_to_num(memory)])
            y, noise = np.array([die_c - UNKNOWN_SUPPLY_C]), np.ones(1)
            row = np.zeros(1, np.intp)
            lines = Lines.of(self._memory, row, R_K_PER_W, UNKNOWN_SD_K)
            lines.learn(x, y, noise, np.ones(1, np.bool_), 0.0).keep(self._memory, row)

    def _unpowered_c(self) -> float:
        """What it would show without power; without anything seen, the prior's."""
        return UNKNOWN_SUPPLY_C + float(self._memory["offset"][0])
