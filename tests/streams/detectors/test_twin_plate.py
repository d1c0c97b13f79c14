"""Plates and branches of the twin: found on their subject, and nothing else is said."""

from racks import fired, of_twin, second

from coldplate.streams.detectors.branch import NodeFlow
from coldplate.streams.detectors.hbm import HbmHotSpot
from coldplate.streams.detectors.leakage import LeakageRise
from coldplate.streams.detectors.plate_margin import PlateMargin
from coldplate.streams.detectors.thermal_path import ThermalPath
from coldplate.twin.fault import Fault
from coldplate.twin.scenario import Scenario

DETECTORS = [ThermalPath(), HbmHotSpot(), LeakageRise(), NodeFlow(), PlateMargin()]


def gpu(number):
    return f"rack-0000/node-{number}/gpu-{number}"


def test_each_plate_fault_is_a_ticket_under_its_own_name():
    """Four of middle severity on four GPUs of one rack in training steps, each come within 60 s: none is missed or mistaken."""
    kinds = ("cold-plate-fouling", "paste-pump-out", "hbm-hot-spot", "leakage-rise")
    faults = tuple(
        Fault(kind, gpu(n), 150.0, severity=0.5, ramp_s=60.0) for n, kind in enumerate(kinds)
    )
    out = of_twin(DETECTORS, Scenario(racks=1, load="steps", faults=faults), 300)
    expected = [("hbm-hot-spot", gpu(2)), ("leakage-rise", gpu(3)), ("thermal-path", gpu(0)), ("thermal-path", gpu(1))]  # fmt: skip
    assert expected == sorted(fired(out))
    assert all(150 < second(c) < 270 for c in out)


def test_each_branch_fault_pages_on_its_node():
    """Three of low severity on three nodes, one after the other; within 10 s, without a GPU that is blamed."""
    kinds = ("kinked-hose", "coupling-half-closed", "air-lock")
    faults = tuple(
        Fault(kind, f"rack-0000/node-{n}", 60.0 + 40 * n, 80.0 + 40 * n, severity=0.2)
        for n, kind in enumerate(kinds)
    )
    out = [
        c for c in of_twin(DETECTORS, Scenario(racks=1, load="steps", faults=faults), 200) if c.on
    ]
    assert [("node-flow", f"rack-0000/node-{n}") for n in range(3)] == fired(out)
    assert all(0 <= second(c) - 60 - 40 * n <= 10 for n, c in enumerate(out))


def test_a_pump_that_stops_is_neither_plate_nor_branch():
    """All GPUs of the rack grow warmer, all nodes lose flow."""
    fault = Fault("pump-stop", "rack-0000/cdu", 100.0, 160.0, spare_ratio=0.5)
    assert [] == of_twin(DETECTORS, Scenario(racks=1, load="steps", faults=(fault,)), 240)


def test_a_paste_that_is_gone_pages_before_the_clock_falls():
    """The worst severity: the ticket comes first, the page while there is margin left."""
    fault = Fault("paste-pump-out", gpu(1), 120.0, severity=1.0, ramp_s=120.0)
    scenario = Scenario(racks=1, load="steady", supply_c=35.0, faults=(fault,))
    out = of_twin(DETECTORS, scenario, 260)
    assert [("thermal-path", gpu(1)), ("plate-margin", gpu(1))] == fired(out)[:2]


def test_a_healthy_rack_with_work_that_comes_and_goes_is_quiet():
    """A job that stops, a checkpoint, a pump that is changed over."""
    faults = (
        Fault("healthy-job-restart", "rack-0000", 80.0, 110.0),
        Fault("healthy-checkpoint", "rack-0000/node-2", 150.0, 170.0),
        Fault("healthy-pump-rotation", "rack-0000/cdu", 200.0, 230.0),
    )
    assert [] == of_twin(DETECTORS, Scenario(racks=1, load="steps", faults=faults), 300)
