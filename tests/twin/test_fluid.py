"""PG25 by temperature, against the table of CoolProp."""

import numpy as np
import pytest

from coldplate.twin.fluid import (
    capacity_w_per_k,
    density_kg_m3,
    heat_capacity_j_kg_k,
    viscosity_mpa_s,
    volume_j_per_k,
)


@pytest.mark.parametrize(
    ("c", "kg_m3", "j_kg_k", "mpa_s"),
    [(20, 1019, 3920, 2.45), (30, 1015, 3940, 1.78), (40, 1010, 3970, 1.35), (50, 1004, 3990, 1.07)],
)  # fmt: skip
def test_the_fits_meet_the_table(c, kg_m3, j_kg_k, mpa_s):
    """Within what the table's last digit tells."""
    assert kg_m3 == pytest.approx(density_kg_m3(c), abs=0.6)
    assert j_kg_k == pytest.approx(heat_capacity_j_kg_k(c), abs=6)
    assert mpa_s == pytest.approx(viscosity_mpa_s(c), abs=0.006)


def test_a_litre_a_minute_carries_what_the_twin_counts_with():
    """66.7 W/K at 30 degC, and a rack's 35 l store 140 kJ/K."""
    assert 66.7 == pytest.approx(capacity_w_per_k(1.0, 30.0), abs=0.1)
    assert 140e3 == pytest.approx(volume_j_per_k(35.0, 30.0), rel=2e-3)


def test_the_fits_stay_sensible_outside_the_table():
    """From freezing to boiling, density and viscosity fall and never reach 0."""
    c = np.linspace(0.0, 100.0, 101)
    assert (np.diff(density_kg_m3(c)) < 0).all()
    assert (np.diff(viscosity_mpa_s(c)) < 0).all()
    assert viscosity_mpa_s(c).min() > 0.3
    assert density_kg_m3(c).min() > 950
