"""A rack's coolant loop: two pumps (one runs, one is the spare), what they push through, and the heat they carry.

Pumps follow the affinity laws and a head-flow curve, the loop a square law, and a check valve keeps a slower pump
from running backwards:

    H = n_i^2 H0 - a Q_i^2  (Q_i >= 0),   H = k (Q_1 + Q_2)^2,   k = (H_rated / Q_rated^2) / opening^2

A pump that is switched off coasts with a time constant of 1.5 s (estimate); the spare starts 0.25 s after the duty
pump fell below half speed (change-over of a Vertiv CoolChip CDU 600) and reaches speed with 1 s. Coolant is PG25 at
30 degC: 66.7 W/K a l/min. The valve on the facility side holds the supply at its set point.
"""

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.gpu import COOLANT_W_PER_K_LPM

F64 = NDArray[np.float64]

COAST_S, START_S, CHANGE_OVER_S = 1.5, 1.0, 0.25
RATED_RPM, RATED_W = 3000.0, 600.0
RATED_KPA, SHUT_OFF_RATIO = 120.0, 1.4
"""Pressure difference at rated flow; head at no flow, as a multiple of it."""

RETURN_KPA, FILTER_KPA = 180.0, 12.0
MIX_S = 4.0
"""Time constant of the return line: about 4 l at 64 l/min."""

FACILITY_APPROACH_K, FACILITY_FLOW_RATIO = 4.0, 1.2


class Loops:
    """The loops of all racks, one element a rack; pumps in arrays of shape (2, racks).

    Parameters
    ----------
    racks
        How many.
    rated_lpm
        Flow of a loop with one pump at rated speed.
    supply_c
        Set point.
    heat_w
        Heat at the start.
    """

    def __init__(self, racks: int, rated_lpm: float, supply_c: float, heat_w: F64) -> None:
        self.rated_lpm = rated_lpm
        self.supply_c = np.full(racks, supply_c)
        self.speed_ratio = np.stack([np.ones(racks), np.zeros(racks)])
        self.flow_lpm = np.full(racks, rated_lpm)
        self.delta_kpa = np.full(racks, RATED_KPA)
        self.heat_w = heat_w.copy()
        self.return_c = self.supply_c + heat_w / (COOLANT_W_PER_K_LPM * rated_lpm)
        self._waited_s = np.zeros(racks)

    def step(self, dt_s: float, ratio_max: F64, opening_ratio: F64, heat_w: F64) -> None:
        """One step.

        Parameters
        ----------
        ratio_max
            Highest speed of each pump as a share of rated speed, shape (2, racks).
        opening_ratio
            Share of the flow that the loop lets through at equal pressure.
        heat_w
            What the plates give to the coolant.
        """
        duty, _ = self.speed_ratio
        failing = duty < 0.5
        self._waited_s = np.where(failing, self._waited_s + dt_s, 0.0)
        spare = (self._waited_s >= CHANGE_OVER_S) | ((self.speed_ratio[1] > 0.05) & (duty < 0.9))
        wanted = np.minimum(np.stack([np.ones_like(duty), spare.astype(np.float64)]), ratio_max)
        tau_s = np.where(wanted < self.speed_ratio, COAST_S, START_S)
        self.speed_ratio = self.speed_ratio + (wanted - self.speed_ratio) * -np.expm1(-dt_s / tau_s)
        self._flow(opening_ratio)
        self.heat_w = heat_w
        carried = np.maximum(COOLANT_W_PER_K_LPM * self.flow_lpm, 1.0)
        mixing_s = MIX_S * self.rated_lpm / np.maximum(self.flow_lpm, 0.01 * self.rated_lpm)
        target = self.supply_c + heat_w / carried
        self.return_c = self.return_c + (target - self.return_c) * -np.expm1(-dt_s / mixing_s)

    def _flow(self, opening_ratio: F64) -> None:
        """Head and flow where pumps and loop meet: falling and rising curve, halved 30 times."""
        head0 = SHUT_OFF_RATIO * RATED_KPA * self.speed_ratio**2
        a = (SHUT_OFF_RATIO - 1.0) * RATED_KPA / self.rated_lpm**2
        k = RATED_KPA / (self.rated_lpm * opening_ratio) ** 2
        low, high = np.zeros_like(k), head0.max(axis=0)
        for _ in range(30):
            head = 0.5 * (low + high)
            more = np.sqrt(np.maximum(head0 - head, 0.0) / a).sum(axis=0) > np.sqrt(head / k)
            low, high = np.where(more, head, low), np.where(more, high, head)
        self.delta_kpa = 0.5 * (low + high)
        self.flow_lpm = np.sqrt(self.delta_kpa / k)
