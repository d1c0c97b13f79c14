"""What stands outside the racks: facility water, hall air, and the electricity of row, hall and grid.

Water comes from dry coolers, which mix down to a base temperature as long as the weather lets them:

    T_water = max(base + season + day, T_outdoor + approach),   T_outdoor = mean + season + day

with sines that are lowest on 15 January and at 4 in the morning. The hall's dew point follows from its air (Magnus,
facts section 4). Each rack hangs on two feeds and, when both are gone, on a UPS, whose transfer of some 10 ms is
shorter than a step. Batteries take the swing out of what the grid's meter sees, a first-order lag of seconds; grid
frequency wanders by 0.015 Hz with a memory of 10 s. All amplitudes are estimates.
"""

import math

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.effects import Effects

F64 = NDArray[np.float64]

DAY_S, YEAR_DAYS = 86_400.0, 365.25
COLDEST_DAY, COLDEST_HOUR = 15.0, 4.0
WATER_SEASON_K, WATER_DAY_K = 1.0, 0.5
OUTDOOR_SEASON_K, OUTDOOR_DAY_K, DRY_COOLER_APPROACH_K = 9.0, 4.0, 5.0
ROOM_C, ROOM_DAY_K, HUMIDITY_PERCENT = 24.0, 0.3, 50.0
GRID_HZ, GRID_SIGMA_HZ, GRID_MEMORY_S = 60.0, 0.015, 10.0
UPS_S, UPS_CHARGE_RATIO = 300.0, 0.1
"""How long a UPS carries the design load of its rack; share of it at which the UPS charges."""


def dew_point(air_c: float, humidity_percent: float) -> float:
    """Dew point, degC.

    Examples
    --------
    >>> round(dew_point(24.0, 50.0), 1)
    12.9
    """
    g = math.log(humidity_percent / 100.0) + 17.62 * air_c / (243.12 + air_c)
    return 243.12 * g / (17.62 - g)


class Facility:
    """The building around the racks.

    Parameters
    ----------
    racks
        How many hang on it.
    random
        For the grid's frequency.
    base_c
        Water that is aimed at.
    outdoor_c
        Mean of the year.
    start_day
        Of the year, with its fraction the time of day.
    rack_w
        Design load of a rack.
    smoothing_s
        Of the batteries; 0 for none.
    """

    def __init__(
        self, racks: int, random: np.random.Generator, *, base_c: float = 24.0, outdoor_c: float = 13.0,
        start_day: float = 105.5, rack_w: float = 70_000.0, smoothing_s: float = 5.0,
    ) -> None:  # fmt: skip
        self._base_c, self._outdoor_mean_c, self._start_day = base_c, outdoor_c, start_day
        self._smoothing_s = smoothing_s
        self._random = np.random.default_rng(random.integers(2**63))
        self._ups_full_j = UPS_S * rack_w
        self._ups_charge_w = UPS_CHARGE_RATIO * rack_w
        self._now_s = 0.0
        self._off_hz = 0.0
        self.ups_j = np.full(racks, self._ups_full_j)
        self.feed_w = np.full((2, racks), 0.5 * rack_w)
        self.dark = np.zeros(racks, np.bool_)
        """Racks with neither feed nor charge."""
        self.load_w = racks * rack_w
        """What both feeds of all racks draw."""
        self.grid_w = self.load_w
        """What the grid's meter sees, behind the batteries."""
        self.battery_j = 0.0
        """Taken in (positive) or given by the batteries since the start."""
        self._air(0.0, 0.0, 0.0)

    def settle(self, rack_w: F64) -> None:
        """Begin at rest at a load of each rack."""
        self.feed_w = np.stack([0.5 * rack_w, 0.5 * rack_w])
        self.load_w = self.grid_w = float(rack_w.sum())

    def step(self, dt_s: float, effects: Effects, rack_w: F64) -> None:
        """One step.

        Parameters
        ----------
        rack_w
            Electric power of each rack.
        """
        self._air(dt_s, effects.facility_delta_c, effects.dew_point_delta_c)
        self._feed(dt_s, effects, rack_w)
        rate = 1.0 if self._smoothing_s <= 0 else -math.expm1(-dt_s / self._smoothing_s)
        self.grid_w += (self.load_w - self.grid_w) * rate
        self.battery_j += dt_s * (self.grid_w - self.load_w)

    def _air(self, dt_s: float, water_delta_c: float, dew_point_delta_c: float) -> None:
        """Move weather, water, air and frequency on."""
        self._now_s += dt_s
        day = self._start_day + self._now_s / DAY_S
        season = -math.cos(2.0 * math.pi * (day - COLDEST_DAY) / YEAR_DAYS)
        hour = -math.cos(2.0 * math.pi * (day - COLDEST_HOUR / 24.0))
        self.outdoor_c = self._outdoor_mean_c + OUTDOOR_SEASON_K * season + OUTDOOR_DAY_K * hour
        aimed_c = self._base_c + WATER_SEASON_K * season + WATER_DAY_K * hour
        cooled_c = max(aimed_c, self.outdoor_c + DRY_COOLER_APPROACH_K)
        self.facility_supply_c = cooled_c + water_delta_c
        self.room_c = ROOM_C + ROOM_DAY_K * hour
        self.dew_point_c = dew_point(self.room_c, HUMIDITY_PERCENT) + dew_point_delta_c
        kept = math.exp(-dt_s / GRID_MEMORY_S)
        noise = GRID_SIGMA_HZ * math.sqrt(1.0 - kept**2) * float(self._random.standard_normal())
        self._off_hz = kept * self._off_hz + noise
        self.grid_hz = GRID_HZ + self._off_hz

    def _feed(self, dt_s: float, effects: Effects, rack_w: F64) -> None:
        """Shares of the feeds; a UPS carries a rack that has lost both, and charges when one is back."""
        alive = ~effects.feed_lost
        fed = alive.any(axis=0)
        charge_w = np.where(
            fed, np.minimum(self._ups_charge_w, (self._ups_full_j - self.ups_j) / dt_s), 0.0
        )
        given_w = np.where(fed, 0.0, np.minimum(rack_w, self.ups_j / dt_s))
        self.ups_j += dt_s * (charge_w - given_w)
        self.dark = ~fed & (self.ups_j <= 0.0)
        drawn_w = np.where(fed, rack_w + charge_w, 0.0)
        self.feed_w = np.where(alive, drawn_w / np.maximum(alive.sum(axis=0), 1), 0.0)
        self.load_w = float(drawn_w.sum())
