"""Seconds to the limit, against a table made with an independent integration of the same plate.

The table (700 W held, plate of 150 J/K, limit 87 degC, steady at 1 l/min before): flow to zero, the pump
coasting with a time constant of 1.5 s, gives 10.6, 9.5, 7.2 and 6.0 s at 25, 30, 40 and 45 degC supply;
30 degC with 20 % of the flow 19 s, with 30 % never; 40 degC with 30 % 21 s.
"""

import math

import numpy as np
import pytest

from coldplate.streams.forecast import R_DIE, conductance, seconds_to_limit

LIMIT_C, POWER_W, COAST_S = 87.0, 700.0, 1.5


def steady_c(supply_c: float, flow_lpm: float = 1.0) -> float:
    gain = float(conductance(np.array([flow_lpm]))[0])
    return supply_c + POWER_W * (R_DIE + 1.0 / gain)


def seconds(supply_c: float, flow_lpm: float, gpu_c: float | None = None) -> float:
    die = np.array([steady_c(supply_c) if gpu_c is None else gpu_c])
    out = seconds_to_limit(
        die, LIMIT_C - die, np.array([POWER_W]), supply_c, np.array([flow_lpm])
    )  # fmt: skip
    return float(out[0])


def coasting_s() -> float:
    """Seconds of full cooling that a coasting pump still gives: the integral of G(q) / G(1) over its decay."""
    t = np.arange(0.0, 20.0, 0.01)
    return float((conductance(np.exp(-t / COAST_S)) / conductance(np.ones(1))).sum() * 0.01)


@pytest.mark.parametrize(
    ("flow_lpm", "gpu_c"), [(1.5, 52.0), (1.0, 55.0), (0.8, 57.0), (0.3, 79.0)]
)
def test_it_settles_where_the_table_says(flow_lpm: float, gpu_c: float) -> None:
    """At 700 W and 30 degC; with little flow it is what the coolant can carry away that counts."""
    assert gpu_c == pytest.approx(steady_c(30.0, flow_lpm), abs=0.5)


@pytest.mark.parametrize(("supply_c", "table_s"), [(25, 10.6), (30, 9.5), (40, 7.2), (45, 6.0)])
def test_without_flow_it_is_seconds(supply_c: float, table_s: float) -> None:
    """Flow gone at once is faster than a coasting pump by the cooling that the coasting still gives."""
    assert table_s == pytest.approx(seconds(supply_c, 0.0) + coasting_s(), rel=0.15)


@pytest.mark.parametrize(("supply_c", "share", "table_s"), [(30, 0.2, 19.0), (40, 0.3, 21.0)])
def test_with_little_flow_it_is_some_seconds_more(
    supply_c: float, share: float, table_s: float
) -> None:
    """To within 15 %: what the table's coasting adds is little against the whole."""
    assert table_s == pytest.approx(seconds(supply_c, share), rel=0.15)


def test_a_third_of_the_flow_is_enough_at_30_degrees() -> None:
    """It settles at 73 to 79 degC and never throttles; with a hotter supply it does."""
    assert math.isnan(seconds(30.0, 0.3))
    assert not math.isnan(seconds(45.0, 0.3))


def test_the_forecast_counts_down_as_it_comes_true() -> None:
    """Asked again on the way, with what is then measured, it names the same moment within a second."""
    whole_s = seconds(40.0, 0.3)
    gain = conductance(np.array([0.3]))[0]
    die = steady_c(40.0)
    plate = die - POWER_W * R_DIE
    for step in range(1, 1001):
        through = (die - plate) / R_DIE
        die += 0.01 * (POWER_W - through) / 10.0
        plate += 0.01 * (through - gain * (plate - 40.0)) / 150.0
        if step % 250 == 0:
            assert whole_s - step / 100 == pytest.approx(seconds(40.0, 0.3, die), abs=1.0)


def test_full_flow_throttles_nobody() -> None:
    """From its steady state a healthy GPU goes nowhere, up to 60 degC supply."""
    assert all(math.isnan(seconds(supply, 1.0)) for supply in (25.0, 40.0, 60.0))


def test_no_margin_is_now_and_no_power_is_never() -> None:
    """Each GPU for itself, in one call."""
    out = seconds_to_limit(
        np.array([88.0, 60.0, 60.0]), np.array([-1.0, 27.0, 27.0]), np.array([700.0, 0.0, 700.0]),
        30.0, np.array([0.0, 0.0, 0.0]),
    )  # fmt: skip
    assert 0.0 == out[0]
    assert math.isnan(out[1])
    assert 4.0 < out[2] < 12.0


def test_beyond_the_horizon_nothing_is_said() -> None:
    """A slow rise that needs 19 s is not told by a forecast of 10 s."""
    die = np.array([steady_c(30.0)])
    out = seconds_to_limit(
        die, LIMIT_C - die, np.array([POWER_W]), 30.0, np.array([0.2]), horizon_s=10.0
    )
    assert math.isnan(out[0])
