"""The fault library: every kind does something, to what it befalls, in its time, and nothing is left of it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldplate.twin.effects import Effects
from coldplate.twin.fault import LEVELS, Fault
from coldplate.twin.faults.check import problem
from coldplate.twin.faults.library import KINDS, label_kind, reach
from coldplate.twin.faults.timeline import Timeline, apply_all, filled
from coldplate.twin.places import Places
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

RACKS, NODES, GPUS = 3, 2, 4
PLACES = Places(generate(RACKS, NODES, GPUS, racks_per_row=2))
SUBJECTS = {
    "gpu": "rack-0001/node-1/gpu-2", "node": "rack-0001/node-1", "cdu": "rack-0001/cdu",
    "rack": "rack-0001", "row": "row-0", "hall": "hall",
}  # fmt: skip
ROWS = {"gpu": [14], "node": range(12, 16), "cdu": range(8, 16), "rack": range(8, 16),
        "row": range(16), "hall": range(24)}  # fmt: skip
EVENT_ALONE = {"xid", *(f"xid-{n}" for n in (43, 45, 78, 93, 121, 141, *range(144, 151), 154, 157, *range(162, 166)))}  # fmt: skip

DESIGN = {
    "plate": "cold-plate-fouling paste-pump-out hbm-hot-spot leakage-rise",
    "branch": "kinked-hose coupling-half-closed air-lock",
    "pump": "pump-stop pump-wear cavitation flow-loss",
    "filter": "filter-clog",
    "exchanger": "exchanger-fouling valve-stuck",
    "supply": "supply-set-point-error facility-water-loss facility-water-warm",
    "leak": "slow-leak burst-leak",
    "condensation": "condensation-risk",
    "power": "power-brake capping-storm psu-loss feed-loss power-oscillation ramp-too-steep",
    "work": "hung-gpu hung-job straggler",
    "errors": "xid-79 gpu-lost ecc-storm ecc-uncorrectable row-remap nvlink-errors pcie-degraded",
    "sensor": "gpu-sensor-stuck sensor-drift flow-sensor-drift sensor-spike sensor-dropout channels-swapped"
    " leak-sensor-false",
    "time": "clock-skew",
    "silence": "silent-gpu silent-node silent-cdu silent-rack silent-hall partition",
    "other": "inventory-wrong",
    "healthy": "healthy-job-start healthy-job-stop healthy-job-restart healthy-checkpoint healthy-drain healthy-season"
    " healthy-pump-rotation healthy-filter-change healthy-counter-reset healthy-firmware-update",
    "restart-app": "xid-13 xid-31 xid-32 xid-68 xid-69 xid-94",
    "reset-gpu": "xid-46 xid-62 xid-64 xid-95 xid-109 xid-110 xid-119 xid-120 xid-136 xid-137 xid-140 xid-143 xid-158",
    "drain": "xid-48 xid-171 xid-172",
    "nvlink": "xid-74",
}  # fmt: skip
"""Names by family; an XID's is its action."""


def effects():
    return Effects(RACKS, RACKS * NODES, RACKS * NODES * GPUS)


def state(e):
    return {name: np.array(value).tolist() for name, value in vars(e).items()}


def done_by(fault, t_s):
    """Names of the effects that a fault has changed at a time."""
    e, neutral = effects(), state(effects())
    apply_all(e, [filled(fault)], t_s, PLACES)
    return {n for n, v in state(e).items() if repr(v) != repr(neutral[n])}


@pytest.mark.parametrize("family", DESIGN)
def test_every_kind_that_the_project_names_is_there(family):
    """In its family."""
    assert [family] * len(DESIGN[family].split()) == [
        KINDS[n].family for n in DESIGN[family].split()
    ]


def test_names_are_words_with_dashes():
    """And the key of each kind."""
    assert all(name == kind.name for name, kind in KINDS.items())
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_acts_while_it_lasts_and_leaves_nothing_behind(name):
    """On each sort of device that it befalls; an XID that only informs does nothing."""
    kind = KINDS[name]
    for sort in kind.on:
        fault = filled(Fault(name, SUBJECTS[sort], 100.0, 1000.0))
        during_s = 999.0 if not fault.lead_s else 99.0
        assert set() == done_by(fault, fault.from_s - 0.05)
        assert (name in EVENT_ALONE) == (done_by(fault, during_s) == set())
        assert set() == done_by(fault, fault.until_s)


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_reaches_only_what_its_subject_is_or_holds(name):
    """GPUs elsewhere stay as they were."""
    for sort in KINDS[name].on:
        e, elsewhere = effects(), np.setdiff1d(np.arange(RACKS * NODES * GPUS), list(ROWS[sort]))
        neutral = effects()
        apply_all(e, [filled(Fault(name, SUBJECTS[sort], 0.0, lead_s=0.0))], 5000.0, PLACES)
        for field in ("r_die_factor", "load_factor", "limit_w", "braked", "hung", "gpu_lost"):
            np.testing.assert_array_equal(
                getattr(neutral, field)[elsewhere], getattr(e, field)[elsewhere]
            )


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_says_what_a_list_needs(name):
    """One line, a family, whom it befalls, a range that grows with severity; nobody is called for a look-alike."""
    kind = KINDS[name]
    assert kind.family
    assert 10 < len(kind.line) < 100
    assert set(kind.on) <= set(SUBJECTS)
    amounts = [kind.amount(s) for s in (0.0, 0.5, 1.0)]
    assert amounts == sorted(amounts)
    assert amounts[1] == pytest.approx((kind.low * kind.high) ** 0.5)
    assert not (kind.pages and kind.family == "healthy")
    assert (kind.family == "healthy") == name.startswith("healthy-")


@pytest.mark.parametrize(
    ("t_s", "level"), [(9.99, 0), (10, 0), (15, 0.5), (20, 1), (99, 1), (100, 1), (105, 0.75), (120, 0)]
)  # fmt: skip
def test_a_level_ramps_up_stays_and_recovers(t_s, level):
    """From 10 s over 10 s, from 100 s over 20 s."""
    fault = Fault("filter-clog", "rack-0001/cdu", 10.0, 100.0, ramp_s=10.0, recovery_s=20.0)
    assert level == pytest.approx(fault.level(t_s), abs=1 / LEVELS)


def test_a_fault_that_ends_in_its_ramp_recovers_from_where_it_was():
    """Half on, half of that a half recovery later."""
    fault = Fault("filter-clog", "rack-0001/cdu", 10.0, 15.0, ramp_s=10.0, recovery_s=20.0)
    assert 0.5 == pytest.approx(fault.level(15.0), abs=0.01)
    assert 0.25 == pytest.approx(fault.level(25.0), abs=0.01)


def test_a_job_starts_when_its_idle_time_is_over():
    """It acts before its onset."""
    fault = filled(Fault("healthy-job-start", "rack-0001", 200.0))
    assert [0, 1, 1, 0] == [fault.level(t) for t in (139.0, 140.0, 199.9, 200.0)]


@given(
    at_s=st.floats(0, 100), stays_s=st.floats(0.1, 100), ramp_s=st.floats(0, 50),
    recovery_s=st.floats(0, 50), times=st.lists(st.floats(0, 300), min_size=2),
)  # fmt: skip
def test_a_level_is_a_share_and_rises_before_it_falls(at_s, stays_s, ramp_s, recovery_s, times):
    """At any time, for any fault."""
    fault = Fault("filter-clog", "x", at_s, at_s + stays_s, ramp_s=ramp_s, recovery_s=recovery_s)
    levels = [fault.level(t) for t in sorted(times)]
    assert all(0 <= level <= 1 for level in levels)
    steps = np.sign(np.diff(levels))
    steps = steps[steps != 0]
    assert list(steps) == sorted(steps, reverse=True)


@given(seed=st.integers(0, 1000))
def test_effects_stay_as_they_are_while_nothing_is_said_to_have_moved(seed):
    """So that they need not be written anew at each step."""
    random = np.random.default_rng(seed)
    names = random.choice(list(KINDS), 4)
    faults = [
        Fault(n, SUBJECTS[KINDS[n].on[0]], float(a), float(a + s), severity=float(v))
        for n, a, s, v in zip(names, random.integers(0, 60, 4), random.integers(1, 90, 4), random.random(4), strict=True)
    ]  # fmt: skip
    timeline, held = Timeline(faults), effects()
    for t_s in np.arange(0, 200, 2.5):
        now = effects()
        timeline.apply(now, t_s, PLACES)
        if timeline.moved(t_s):
            held = now
        assert repr(state(held)) == repr(state(now))


def test_two_faults_at_one_place_add_up():
    """Paste and fouling multiply; the lower limit of two stays."""
    faults = [
        Fault("paste-pump-out", SUBJECTS["gpu"], 0.0, ramp_s=0.0, severity=1.0),
        Fault("cold-plate-fouling", SUBJECTS["gpu"], 0.0, ramp_s=0.0, severity=1.0),
    ]
    e = effects()
    apply_all(e, [filled(f) for f in faults], 1.0, PLACES)
    assert (1 + 3.0) * (1 + 2.0) == pytest.approx(e.r_die_factor[14])


@pytest.mark.parametrize(("severity", "spare"), [(0.0, 1.0), (0.7, 1.0), (0.85, 0.5), (1.0, 0.0)])
def test_a_stopped_pump_has_a_spare_unless_it_is_severe(severity, spare):
    """What the scenario says goes before severity."""
    for more, reached in (({}, spare), ({"spare_ratio": 0.3}, 0.3)):
        e = effects()
        fault = Fault("pump-stop", "rack-0001/cdu", 0.0, pump=2, severity=severity, **more)
        apply_all(e, [filled(fault)], 0.0, PLACES)
        assert [reached, 0.0] == pytest.approx(e.pump_ratio_max[:, 1].tolist())
        assert [1.0, 1.0] == e.pump_ratio_max[:, 0].tolist()


def test_the_flow_that_a_scenario_names_is_left():
    """And never nothing at all."""
    for ratio, left in ((0.3, 0.3), (0.0, 1e-3)):
        e = effects()
        apply_all(
            e, [filled(Fault("flow-loss", "rack-0001/cdu", 0.0, flow_ratio=ratio))], 0.0, PLACES
        )
        assert left == pytest.approx(e.opening_ratio[1])


def test_events_come_once_in_their_order_and_not_after_the_end():
    """A GPU off the bus is told of by the driver, then it is lost; a burst hose wets the rope first."""
    timeline = Timeline([
        Fault("gpu-lost", SUBJECTS["gpu"], 10.0),
        Fault("burst-leak", "rack-0001/cdu", 5.0, severity=1.0),
        Fault("slow-leak", "rack-0002/cdu", 5.0, 6.0, severity=0.0),
    ])  # fmt: skip
    due = timeline.due(-1.0, 100.0)
    assert [("leak", None), ("xid", 79), ("gpu_lost", None)] == [
        (t.kind, t.code) for _, _, t in due
    ]
    assert [] == timeline.due(100.0, 1e6)
    assert [(10.0, "xid")] == [(at, told.kind) for at, _, told in timeline.due(9.0, 10.5)]


@pytest.mark.parametrize(("kind", "severity"), [("slow-leak", 0.0), ("slow-leak", 1.0), ("burst-leak", 0.5)])  # fmt: skip
def test_a_rope_is_wet_once_two_tenths_of_a_litre_have_run_out(kind, severity):
    """And the event comes then, 3 s of dripping later."""
    fault = filled(Fault(kind, "rack-0001/cdu", 0.0, severity=severity))
    timeline, t_s, out_l = Timeline([fault]), 0.0, 0.0
    while out_l < 0.2:
        e = effects()
        timeline.apply(e, t_s, PLACES)
        out_l += e.leak_lpm[1] / 60
        t_s += 1
    ((told_s, _, _),) = timeline.due(-1.0, 1e6)
    assert t_s + 3 == pytest.approx(told_s, abs=max(2.0, 0.01 * t_s))
    for at_s, wet in ((told_s - 0.1, False), (told_s + 0.1, True)):
        e = effects()
        timeline.apply(e, at_s, PLACES)
        assert wet == e.rope_wet[1]


def test_an_xid_by_number_is_labelled_by_it():
    """Also when the scenario gives the number, and over-concentrated coolant is a loss of flow."""
    gpu = SUBJECTS["gpu"]
    assert "xid-79" == label_kind(Fault("xid", gpu, 0.0, code=79))
    assert "xid-31" == label_kind(Fault("xid-31", gpu, 0.0))
    assert "flow-loss" == label_kind(Fault("coolant-over-concentration", "rack-0001/cdu", 0.0))


def test_an_instrument_that_lies_moves_no_reading_but_its_own():
    """A CDU's sensor says nothing of the GPUs that it cools; a stopped pump heats them."""
    sensor = reach(Fault("sensor-drift", "rack-0001/cdu", 0.0), PLACES)
    pump = reach(Fault("pump-stop", "rack-0001/cdu", 0.0), PLACES)
    assert {Kind.CDU: [1]} == {k: r.tolist() for k, r in sensor.items()}
    assert {Kind.CDU, Kind.NODE, Kind.GPU} == set(pump)
    assert list(range(8, 16)) == pump[Kind.GPU].tolist()


def test_readings_go_wrong_by_metric_and_amount():
    """A drift adds, a flow meter loses a share, swapped channels read each other."""
    e = effects()
    cdu = "rack-0001/cdu"
    faults = [
        Fault("sensor-drift", cdu, 0.0, metric="return_c", severity=1.0),
        Fault("flow-sensor-drift", cdu, 0.0, severity=1.0),
        Fault("channels-swapped", cdu, 0.0),
        Fault("inventory-wrong", "rack-0000/node-0", 0.0),
    ]
    apply_all(e, [filled(f) for f in faults], 1000.0, PLACES)
    drift, flow, *swaps = e.sensor_faults
    assert (Kind.CDU, "return_c", 1, "bias", 15.0) == (drift.kind, drift.metric, drift.row, drift.mode, pytest.approx(drift.amount))  # fmt: skip
    assert ("flow_lpm", "gain", pytest.approx(-0.6)) == (flow.metric, flow.mode, flow.amount)
    assert [("supply_c", "return_c"), ("return_c", "supply_c")] == [(s.metric, s.other) for s in swaps[:2]]  # fmt: skip
    assert [*zip(range(4), range(12, 16), strict=True)] == [
        (s.row, int(s.amount)) for s in swaps[2:]
    ]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("cold-plate-foul", SUBJECTS["gpu"], 1.0), "near it: cold-plate-fouling"),
        (Fault("facility-water-loss", SUBJECTS["rack"], 1.0), "is a rack; facility-water-loss needs a hall or row or cdu"),
        (Fault("sensor-drift", "rack-0009/cdu", 1.0), "is not in this hall"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 5.0, 5.0), "at least 0, and in order"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 5.0, float("nan")), "at least 0, and in order"),
        (Fault("sensor-drift", SUBJECTS["cdu"], float("inf")), "at least 0, and in order"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 1.0, severity=1.1), "severity are shares"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 1.0, severity=float("nan")), "severity are shares"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 1.0, ramp_s=-1.0), "are seconds, at least 0"),
        (Fault("power-oscillation", "hall", 1.0, hz=50.0), "hz is 50.0; it may be 0.01 to 10.0"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 1.0, metric="gpu_c"), "metric 'gpu_c' is none of a cdu"),
        (Fault("sensor-drift", SUBJECTS["cdu"], 1.0, metric="return_c"), ""),
    ],
)  # fmt: skip
def test_what_cannot_befall_a_hall_is_refused_with_what_is_expected(fault, said):
    """Nothing is said of a fault that can."""
    found = problem(fault, PLACES.inventory)
    assert said in found
    assert bool(said) == bool(found)
