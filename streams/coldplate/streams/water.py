"""Physics of a coolant unit that several detectors share: its loop, its exchanger, and how its readings depart.

    loop       dp = k Q^2,  k with the coolant's viscosity^0.25 (Blasius)
    pump       H = h n^2 - a Q^2 (affinity laws): at one speed and flow a pump has one head
    exchanger  e = (1 - x) / (1 - r x), x = exp(-UA (1 - r) / W_min): counterflow by effectiveness and NTU

References
----------
CoolProp's table of PG25 (propylene glycol, 25 % by mass) for density, heat capacity and viscosity; facts of the plant:
66.7 W/K a l/min of it at 30 degC, 69.4 W/K a l/min of water.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.detector import F64, Memory, Tick
from coldplate.streams.detectors.baseline import follow, memory_of

STANDS_RPM = 200.0
"""A pump that is slower stands, or is about to."""

FLOW_MIN_LPM, DELTA_MIN_KPA = 5.0, 5.0
"""With less a loop stands, and ratios of its readings say nothing."""

WATER_W_PER_K_LPM = 69.4
GAS_KPA = 250.0
RETURN_SHARE = 0.2
"""Of a loop's coolant, what stands on its way back; the rest is behind the exchanger (estimate)."""

USUAL_S = 6.0 * 3600.0
"""Memory of what is usual in a unit; wear takes weeks, a fault minutes."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What a unit's loop reads at a tick, one element a row; NaN where a reading is absent or the loop stands.

    Parameters
    ----------
    flow_lpm
        Secondary flow.
    delta_kpa, filter_kpa
        Across the rack, and across the filter.
    rpm, pump
        Speed and number of the pump that runs alone; NaN while both turn or none does.
    viscous
        Factor of every resistance by the coolant's temperature; 1 at 30 degC.
    """

    flow_lpm: F64
    delta_kpa: F64
    filter_kpa: F64
    rpm: F64
    pump: F64
    viscous: F64

    @property
    def rack_log(self) -> F64:
        """Logarithm of the rack's resistance, kPa / (l/min)^2, at 30 degC."""
        return _log(self.delta_kpa / (self.flow_lpm**2 * self.viscous))

    @property
    def filter_log(self) -> F64:
        """Logarithm of the filter's resistance at 30 degC."""
        return _log(self.filter_kpa / (self.flow_lpm**2 * self.viscous))

    @property
    def head_log(self) -> F64:
        """Logarithm of the head that is measured, rack and filter, to the square of the pump's speed."""
        return _log((self.delta_kpa + self.filter_kpa) / self.rpm**2)


def loop_of(tick: Tick) -> Loop:
    """The loop of each unit."""
    return tick.once("loop", lambda: _read(tick))


def _read(tick: Tick) -> Loop:
    first, second = tick.mean("pump1_rpm"), tick.mean("pump2_rpm")
    flow = tick.mean("flow_lpm")
    delta = tick.mean("supply_kpa") - tick.mean("return_kpa")
    filtered = tick.mean("filter_kpa_delta")
    mean_c = 0.5 * (tick.mean("supply_c") + tick.mean("return_c"))
    with np.errstate(invalid="ignore"):
        moves = (flow >= FLOW_MIN_LPM) & (delta >= DELTA_MIN_KPA)
        # A unit with one pump has no reading of a second.
        one = (first >= STANDS_RPM) & ~(second >= STANDS_RPM)
        two = (second >= STANDS_RPM) & ~(first >= STANDS_RPM)
    return Loop(
        np.where(moves, flow, np.nan),
        np.where(moves, delta, np.nan),
        np.where(moves, filtered, np.nan),
        np.where(one, first, np.where(two, second, np.nan)),
        np.where(one, 1.0, np.where(two, 2.0, np.nan)),
        viscous(mean_c),
    )


def viscous(mean_c: F64) -> F64:
    """(mu / mu at 30 degC)^0.25 of PG25; NaN where the temperature is not told or cannot be."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        log = 443.294 / (mean_c + 92.5) - 443.294 / 122.5
        factor = np.exp(0.25 * log)
        return np.where((mean_c > 0.0) & (mean_c < 100.0), factor, np.nan)


def density_kg_m3(c: F64) -> F64:
    """Of PG25."""
    return 1024.0 - (0.15 + 0.005 * c) * c


def capacity_w_per_k(flow_lpm: F64, c: F64) -> F64:
    """What a flow of PG25 carries a kelvin: rho cp V."""
    return flow_lpm / 60_000.0 * density_kg_m3(c) * (3871.0 + 2.4 * c)


def conductance_w_per_k(coolant_w_per_k: F64, water_lpm: F64, passed: F64) -> F64:
    """UA of an exchanger in counterflow; NaN where it cannot be told.

    Parameters
    ----------
    coolant_w_per_k, water_lpm
        Capacity flow of the coolant, flow of the facility's water.
    passed
        How far the water comes to the coolant's return, 0 to 1: (out - in) / (return - in).
    """
    water = WATER_W_PER_K_LPM * water_lpm
    with np.errstate(invalid="ignore", divide="ignore"):
        less, more = np.minimum(water, coolant_w_per_k), np.maximum(water, coolant_w_per_k)
        e = passed * water / less
        # Equal flows are the limit of the formula.
        r = np.minimum(less / more, 1.0 - 1e-6)
        units = np.log((1.0 - r * e) / (1.0 - e)) / (1.0 - r)
        return np.where((e > 0.02) & (e < 0.97) & (less > 0.0), units * less, np.nan)


def smooth(memory: Memory, tick: Tick, name: str, value: F64, tau_s: float) -> F64:
    """A running mean with this tick's value in it, of memory `NAME`; NaN where the value is absent."""
    none = np.zeros(len(tick.rows))
    follow(memory, tick, name, value, frozen=none, tau_s=tau_s, warm_s=0.0)
    return np.where(np.isfinite(value), memory[name][tick.rows], np.nan)


def departure(
    memory: Memory, tick: Tick, name: str, value: F64, *,
    smooth_s: float, doubt: float, warm_s: float = 20.0, usual_s: float = USUAL_S, low: bool = False,
    frozen: F64 | None = None, leap: float = np.inf,
) -> tuple[F64, F64]:  # fmt: skip
    """How far a value is from what is usual, as a running mean, and what is usual.

    Parameters
    ----------
    name
        Memory `NAME` (the usual) and `NAME_off` (the mean), see `departing`.
    smooth_s
        Memory of the running mean.
    doubt
        Departure at which nothing is learnt any more: half of what fires.
    low
        True where falling is the fault; False where rising is.
    frozen
        Not 0 where nothing is learnt for another reason.
    leap
        A value that is so far from the usual is not learnt, though the mean is not: of a unit that is known for minutes
        the first look at a fault would count for a good part of what is usual.
    """
    rows = tick.rows
    before = memory[f"{name}_off"][rows]
    doubted = (-before if low else before) > doubt
    if np.isfinite(leap):
        warm = memory[f"{name}_age_s"][rows] >= warm_s
        with np.errstate(invalid="ignore"):
            doubted |= warm & (np.abs(value - memory[name][rows]) > leap)
    held = doubted if frozen is None else doubted | (frozen != 0)
    usual = follow(
        memory, tick, name, value, frozen=held.astype(np.float64), tau_s=usual_s, warm_s=warm_s
    )
    return smooth(memory, tick, f"{name}_off", value - usual, smooth_s), usual


def departing(*names: str) -> dict[str, float]:
    """Initial memory of `departure`."""
    return memory_of(*names, *(f"{n}_off" for n in names))


def _log(value: F64) -> F64:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(value > 0.0, np.log(value), np.nan)


def head_lost(
    memory: Memory, tick: Tick, loop: Loop, pump: int, *, steep: float, smooth_s: float, doubt: float,
    warm_s: float = 20.0,
) -> tuple[F64, F64]:  # fmt: skip
    """Share of its head that a pump has lost, as a running mean, and its usual head over squared speed.

    With usual h and q (head over squared speed, flow over speed) the share that is left is
    (h / h_0 + steep (q / q_0)^2) / (1 + steep). NaN where the pump does not run alone.

    Parameters
    ----------
    steep
        What pump and exchanger take of a Q^2, to the measured head, at the point of work.
    """
    rpm = np.where(loop.pump == pump, loop.rpm, np.nan)
    head = (loop.delta_kpa + np.nan_to_num(loop.filter_kpa)) / rpm**2
    flow = loop.flow_lpm / rpm
    held = (memory[f"lost{pump}"][tick.rows] > doubt).astype(np.float64)

    def usually(name: str, value: F64) -> F64:
        return follow(
            memory, tick, f"{name}{pump}", value, frozen=held, tau_s=USUAL_S, warm_s=warm_s
        )

    usual, usual_flow = usually("head", head), usually("flow", flow)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = (head / usual + steep * (flow / usual_flow) ** 2) / (1.0 + steep)
    return smooth(memory, tick, f"lost{pump}", 1.0 - left, smooth_s), usual


def heads(*pumps: int) -> dict[str, float]:
    """Initial memory of `head_lost`."""
    return memory_of(*(f"{n}{p}" for p in pumps for n in ("head", "flow", "lost")))


def balance_k(tick: Tick) -> F64:
    """Kelvin of the coolant's warming that the facility's water does not account for; above 0 while a unit warms."""
    supply, back, flow = (tick.mean(n) for n in ("supply_c", "return_c", "flow_lpm"))
    warmed = tick.mean("facility_return_c") - tick.mean("facility_supply_c")
    with np.errstate(invalid="ignore", divide="ignore"):
        carried = np.where(flow >= FLOW_MIN_LPM, capacity_w_per_k(flow, supply), np.nan)
        return back - supply - WATER_W_PER_K_LPM * tick.mean("facility_flow_lpm") * warmed / carried


def answered(
    memory: Memory, tick: Tick, mean_c: F64, away_k: float
) -> tuple[NDArray[np.bool_], F64]:
    """Where the supply is off its usual, and how far at most the facility's valve has gone from where it was.

    Parameters
    ----------
    memory
        Of `answers`, and the usual supply as `supply_c`.
    mean_c
        The supply now, without its noise.
    away_k
        Off is further than this.
    """
    rows, valve = tick.rows, tick.past("valve_ratio")
    known = memory["supply_c_last_ms"][rows] > 0.0
    start, was = memory["valve_start"][rows], memory["travel"][rows]
    with np.errstate(invalid="ignore"):
        away = known & (np.abs(mean_c - memory["supply_c"][rows]) > away_k)
    # A look that finds it off comes some seconds after it began to be.
    began = np.where(np.isnan(start), valve[len(valve) // 2], start)
    gone = np.fmax(was, np.nan_to_num(np.abs(valve[-1] - began)))
    # While nothing is told, both stay.
    absent = np.isnan(mean_c)
    start = np.where(away, began, np.where(absent, start, np.nan))
    travel = np.where(away, gone, np.where(absent, was, 0.0))
    memory["travel"][rows], memory["valve_start"][rows] = travel, start
    return away, travel


def answers() -> dict[str, float]:
    """Initial memory of `answered`."""
    return {"valve_start": np.nan, "travel": 0.0}


def slope_per_s(
    memory: Memory, tick: Tick, name: str, value: F64, fast_s: float, slow_s: float
) -> F64:
    """How fast a value rises a second: two running means of memory `NAME_fast` and `NAME_slow`, over their lag."""
    fast = smooth(memory, tick, f"{name}_fast", value, fast_s)
    slow = smooth(memory, tick, f"{name}_slow", value, slow_s)
    # Until the slow mean has its lag the quotient would be too small, never too large.
    return (fast - slow) / (slow_s - fast_s)


def slopes(*names: str) -> dict[str, float]:
    """Initial memory of `slope_per_s`."""
    return memory_of(*(f"{n}{part}" for n in names for part in ("_fast", "_slow")))


def missing_l(tick: Tick, gas_l: float, loop_l: float) -> tuple[F64, F64]:
    """Litres that are gone from a loop, but for a constant: by its pressure at its temperature, and by pressure alone.

    The gas cushion obeys p V = const, coolant that warms takes room from it, and what was made up went in and is gone.

    Parameters
    ----------
    gas_l
        Gas in the vessel at `GAS_KPA`.
    loop_l
        Coolant that warms and cools.
    """
    kpa, made = tick.mean("return_kpa"), np.nan_to_num(tick.mean("makeup_l_total"))
    mean_c = RETURN_SHARE * tick.mean("return_c") + (1.0 - RETURN_SHARE) * tick.mean("supply_c")
    with np.errstate(invalid="ignore", divide="ignore"):
        cold = np.where(kpa > 20.0, gas_l * GAS_KPA / kpa, np.nan) + made
    grown = loop_l * (density_kg_m3(np.full(1, 30.0))[0] / density_kg_m3(mean_c) - 1.0)
    return cold + grown, cold
