"""Where the flow is heading while pumps change speed."""

import math

import pytest

from coldplate.streams.heading import STAYS, heading

RPM = 3000.0


def approach(start, end, tau_s, at_s):
    """Speeds of a pump that approaches `end`, at `at_s` and the two seconds before."""
    return [end + (start - end) * math.exp(-t / tau_s) for t in (at_s - 2, at_s - 1, at_s)]


def test_steady_pumps_keep_the_flow():
    """Noise of some revolutions is no change."""
    assert STAYS == heading([[3000.0, 3004.0, 2998.0], [0.0, 0.0, 0.0]], RPM, 1.0)


def test_a_coasting_pump_goes_to_rest():
    """Two seconds after it was switched off its end and its time constant are known."""
    found = heading([approach(RPM, 0.0, 1.5, 2.0), [0.0] * 3], RPM, 1.0)
    assert found is not None
    assert 0.0 == pytest.approx(found.ratio, abs=1e-6)
    assert 1.5 == pytest.approx(found.tau_s)


def test_while_the_spare_starts_nothing_is_said():
    """Nobody knows how far it will come."""
    assert heading([approach(RPM, 0.0, 1.5, 2.0), [0.0, 0.0, 500.0]], RPM, 1.0) is None


def test_a_spare_that_slows_its_rise_tells_where_it_ends():
    """At 30 % of full speed, a second and a half before it is there."""
    spare = approach(0.0, 900.0, 1.0, 3.0)
    found = heading([approach(RPM, 0.0, 1.5, 4.3), spare], RPM, 1.0)
    assert found is not None
    assert 900.0 == pytest.approx(found.ratio * spare[-1], rel=1e-6)


@pytest.mark.parametrize(
    "pumps", [[], [[math.nan, 3000.0, 3000.0]], [[3000.0, 2900.0, 2400.0], [0.0, 0.0, 0.0]]]
)
def test_what_cannot_be_extrapolated_stays(pumps):
    """No pump, a reading that is absent, a fall that grows faster."""
    assert STAYS == heading(pumps, RPM, 1.0)
