"""What holds in every hall, whatever happens in it: heat and litres are accounted for, and nothing is colder than its source."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldplate.twin.fault import Fault
from coldplate.twin.faults.library import KINDS
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario

SUBJECTS = {
    "hall": ["hall"], "row": ["row-0"], "rack": ["rack-0000", "rack-0001"], "cdu": ["rack-0000/cdu", "rack-0001/cdu"],
    "node": ["rack-0000/node-1", "rack-0001/node-0"], "gpu": ["rack-0000/node-0/gpu-1", "rack-0001/node-1/gpu-0"],
}  # fmt: skip
NAMES = sorted(name for name in KINDS if name != "xid")


@st.composite
def faults(draw):
    """A fault of any kind on a device that it can befall."""
    name = draw(st.sampled_from(NAMES))
    subject = draw(st.sampled_from([s for kind in KINDS[name].on for s in SUBJECTS[kind]]))
    at_s = draw(st.integers(0, 40))
    return Fault(
        name, subject, float(at_s), at_s + draw(st.integers(5, 60)), severity=draw(st.floats(0, 1)), ramp_s=2.0
    )  # fmt: skip


@st.composite
def scenarios(draw):
    """Two racks of two nodes of two GPUs, warm or cold, at any load, with up to three faults."""
    return Scenario(
        racks=2, nodes=2, gpus=2, seed=draw(st.integers(0, 9)), supply_c=draw(st.floats(22, 42)),
        flow_lpm=draw(st.floats(0.6, 1.6)), load=draw(st.sampled_from(["idle", "steady", "zeros", "memory", "steps"])),
        faults=tuple(draw(st.lists(faults(), max_size=3))),
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_heat_and_litres_are_accounted_for_and_nothing_is_colder_than_its_source(scenario):
    """Electric energy is heat in plates, water and building to 0.1 %; coolant lost and filled in is all that changes."""
    hall = Hall(scenario)
    cdus = hall.cdus
    plates_j, water_j = hall.gpus.heat.stored_j(), cdus.stored_j()
    litres = cdus.coolant_l() - cdus.makeup_l_total + cdus.leaked_l
    hosts_j, coldest_c = 0.0, np.inf
    for _ in range(60):
        hosts_j += hall.host_w.sum()
        hall.step(1.0)
        coldest_c = min(coldest_c, hall.facility.facility_supply_c)
        assert cdus.supply_c.min() > coldest_c - 1e-6
        assert hall.gpus.heat.plate_c.min() > min(coldest_c, float(cdus.supply_c.min())) - 0.1
    electric_j = hall.gpus.energy_j.sum() + hosts_j
    plates_j = hall.gpus.heat.stored_j() - plates_j
    assert abs(electric_j - plates_j - cdus.heat_in_j.sum()) < 1e-3 * electric_j
    balance = cdus.heat_in_j - cdus.heat_out_j - (cdus.stored_j() - water_j)
    assert np.abs(balance).max() < 1e-6 * cdus.heat_in_j.max()
    np.testing.assert_allclose(litres, cdus.coolant_l() - cdus.makeup_l_total + cdus.leaked_l)
