"""Labels: what a fault did, seen against the same hall without it."""

import numpy as np
import pytest
from msgspec.structs import replace

from coldplate.twin.fault import Fault
from coldplate.twin.labels import AFTER_S, Labeller, differs
from coldplate.twin.model import Hall
from coldplate.twin.places import Places
from coldplate.twin.scenario import Scenario
from coldplate.wire.inventory import generate
from coldplate.wire.metric import CATALOGUE, Kind, metric

GPU, CDU = "rack-0000/node-1/gpu-0", "rack-0000/cdu"
PLACES = Places(generate(2, 2, 2))
START_MS = 1_764_000_000_000
SAMPLED = (Kind.GPU, Kind.NODE, Kind.CDU, Kind.RACK)


def run(scenario, seconds):
    """Labels of a run, their times in seconds from its start."""
    halls = [Hall(scenario), Hall(replace(scenario, faults=()))]
    labeller = Labeller(scenario.faults, halls[0].places)
    for t_s in range(seconds + 1):
        read, healthy = [{k: hall.sample(k) for k in SAMPLED} for hall in halls]
        labeller.look(float(t_s), read, healthy)
        for hall in halls:
            hall.step(1.0)
    return labeller.labels(START_MS)


def since(time):
    return None if time is None else time.timestamp() - START_MS / 1000


def quiet():
    """Readings of a hall in which nothing happens."""
    out = {}
    for kind in SAMPLED:
        out[kind] = np.full((len(CATALOGUE[kind]), len(PLACES.devices[kind])), 50.0)
    for name in ("clock_event_reasons", "recovery_action", "ecc_uncorrected_total"):
        out[Kind.GPU][metric(Kind.GPU, name).number] = 0.0
    out[Kind.CDU][metric(Kind.CDU, "leak").number] = 0.0
    return out


def label(fault, at_s, kind, name, value, row=0):
    """The label of a fault after one reading of one device was another, at a time."""
    labeller, healthy = Labeller((fault,), PLACES), quiet()
    for t_s in range(400):
        read = quiet()
        if t_s >= at_s:
            read[kind][metric(kind, name).number, row] = value
        labeller.look(float(t_s), read, healthy)
    (out,) = labeller.labels(START_MS)
    return out


def test_a_pump_whose_spare_fails_is_seen_at_once_and_throttles_some_20_s_later():
    """Named with its CDU, and all that it cools; the other rack is not."""
    fault = Fault("pump-stop", CDU, 10.0, 60.0, spare_ratio=0.3)
    (out,) = run(Scenario(racks=2, nodes=2, gpus=2, supply_c=42.0, faults=(fault,)), 70)
    assert ("pump-stop", CDU, 0.7) == (out.kind, out.cause, out.severity)
    assert {d for ids in PLACES.devices.values() for d in ids if d.startswith("rack-0000/")} == set(out.affected)  # fmt: skip
    assert (10.0, 60.0) == (since(out.onset), since(out.end))
    assert 1.0 >= since(out.visible) - 10.0
    assert 18.0 == pytest.approx(since(out.harm) - 10.0, abs=4.0)


def test_a_pump_with_a_good_spare_is_seen_and_does_no_harm():
    """So is a brake, whose harm is its onset; an event is seen when it is told."""
    faults = (
        Fault("pump-stop", CDU, 10.0, 60.0),
        Fault("power-brake", "rack-0001/node-0", 20.5, 30.0),
        Fault("xid", GPU, 33.25, code=31),
    )
    pump, brake, xid = run(Scenario(racks=2, nodes=2, gpus=2, faults=faults), 60)
    assert (True, None) == (since(pump.visible) is not None, pump.harm)
    assert (20.5, 21.0) == (since(brake.visible), since(brake.harm))
    assert ("xid-31", 33.25, None, None) == (xid.kind, since(xid.visible), xid.harm, xid.end)


def test_labels_of_a_run_do_not_change_with_it():
    """The same scenario gives the same labels, in order of onset."""
    faults = (Fault("flow-loss", CDU, 30.0), Fault("power-brake", "rack-0001", 10.0))
    scenario = Scenario(racks=2, nodes=2, gpus=2, faults=faults)
    first = run(scenario, 40)
    assert first == run(scenario, 40)
    assert ["fault-0001", "fault-0000"] == [out.fault for out in first]


@pytest.mark.parametrize(
    ("kind", "name", "read", "seen"),
    [
        (Kind.GPU, "gpu_c", 51.0, False),  # a whole degree: rounding alone can make it
        (Kind.GPU, "gpu_c", 52.0, True),
        (Kind.GPU, "power_w", 52.9, False),
        (Kind.GPU, "power_w", 53.1, True),
        (Kind.GPU, "energy_j", 90.0, False),
        (Kind.GPU, "nvlink_errors_total", 52.0, True),
        (Kind.GPU, "job", np.nan, True),
        (Kind.CDU, "flow_lpm", 50.7, False),
        (Kind.CDU, "flow_lpm", 50.9, True),
        (Kind.CDU, "supply_c", 50.05, False),
        (Kind.CDU, "supply_c", 49.93, True),
    ],
)
def test_an_effect_counts_beyond_three_sigma_and_the_resolution(kind, name, read, seen):
    """Also one that takes a reading away; a counter of the past does not count."""
    now, healthy = quiet()[kind], quiet()[kind]
    now[metric(kind, name).number, 0] = read
    assert seen == differs(kind, now, healthy)


@pytest.mark.parametrize(
    ("fault", "kind", "name", "value", "row", "harmful"),
    [
        ("paste-pump-out", Kind.GPU, "clock_event_reasons", 0x24, 2, True),
        ("paste-pump-out", Kind.GPU, "clock_event_reasons", 0x04, 2, False),
        ("paste-pump-out", Kind.GPU, "power_w", 0.0, 2, True),
        ("ecc-uncorrectable", Kind.GPU, "ecc_uncorrected_total", 1.0, 2, True),
        ("xid-119", Kind.GPU, "recovery_action", 1.0, 2, True),
        ("slow-leak", Kind.CDU, "leak", 1.0, 0, True),
        ("leak-sensor-false", Kind.CDU, "leak", 1.0, 0, False),
        ("condensation-risk", Kind.CDU, "dew_point_c", 51.0, 1, True),
        ("healthy-drain", Kind.GPU, "power_w", 0.0, 2, False),
        ("capping-storm", Kind.GPU, "clock_event_reasons", 0x80, 2, True),
    ],
)
def test_harm_is_what_the_family_leads_to(fault, kind, name, value, row, harmful):
    """Throttling, shutdown, brake, a lost GPU, a wet rope, a cold pipe: and a look-alike does none."""
    subjects = {"slow-leak": CDU, "leak-sensor-false": CDU, "condensation-risk": "hall",
                "healthy-drain": "rack-0000", "capping-storm": "rack-0000"}  # fmt: skip
    out = label(Fault(fault, subjects.get(fault, GPU), 20.0), 25.0, kind, name, value, row)
    assert (25.0 if harmful else None) == since(out.harm)


def test_what_others_do_is_not_this_faults_effect():
    """Neither at another place nor before its onset nor long after its end."""
    fault = Fault("gpu-sensor-stuck", GPU, 20.0, 30.0)
    assert label(fault, 21.0, Kind.GPU, "gpu_c", 90.0, row=1).visible is None
    assert 20.0 == since(label(fault, 5.0, Kind.GPU, "gpu_c", 90.0, row=2).visible)
    assert label(fault, 31.0 + AFTER_S, Kind.GPU, "gpu_c", 90.0, row=2).visible is None


@pytest.mark.parametrize("kind", ["silent-node", "clock-skew"])
def test_silence_and_a_wrong_clock_are_seen_from_their_first_second(kind):
    """No reading tells of them: it does not come, or it is right and at another time."""
    out = label(Fault(kind, "rack-0000/node-1", 20.5), 1e9, Kind.GPU, "gpu_c", 0.0)
    assert (21.0, None) == (since(out.visible), out.harm)
