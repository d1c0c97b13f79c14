"""Every step through one contract: healthy passes, its defect fails with the right cause, gone is not measurable."""

from dataclasses import replace

import numpy as np
import pytest
from console.commission.racks import changed, gone, plus, times, vanished

from coldplate.console.commission.causes import CAUSES
from coldplate.console.commission.evidence import Fleet, Happened
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import BY_NAME, STEPS
from coldplate.console.commission.procedure import Result, run_step
from coldplate.wire.metric import Kind

LIMITS = Limits()
NODE, GPU, CDU = "rack-0000/node-5", "rack-0000/node-1/gpu-1", "rack-0000/cdu"


def leaking(samples):
    samples *= np.linspace(1.0, 0.97, len(samples))[:, None]


def trembling(samples):
    samples[:, 5] *= np.where(np.arange(len(samples)) % 2, 0.75, 0.65)


def counted(samples):
    samples[len(samples) // 2 :, 9] += 1


def one_link_down(samples):
    samples[:] = 18
    samples[:, 9] = 17


def repeating(samples):
    samples[len(samples) // 2 :, 10] += 5


def swapped(evidence):
    found = dict(evidence.found)
    found[NODE], found["rack-0000/node-6"] = found["rack-0000/node-6"], found[NODE]
    return replace(evidence, found=found)


def with_xid(evidence):
    soak = replace(evidence.spans["soak"], events=(Happened("xid", GPU, 79, "gone"),))
    return replace(evidence, spans={**evidence.spans, "soak": soak})


def a_fleet(evidence):
    return replace(evidence, fleet=Fleet((0.030,) * 6))


def at(phases, kind, change, *metrics):
    """A defect as a change of samples."""
    return lambda evidence: changed(evidence, phases, kind, change, *metrics)


DEFECTS = {
    ("pressure", "leak", CDU): at(["hold"], Kind.CDU, leaking, "return_kpa"),
    ("rope", "dry-rope", CDU): at(["rope"], Kind.CDU, times(0.0), "leak"),
    ("rope", "false-rope", CDU): at(["rope"], Kind.CDU, plus(1.0), "leak"),
    ("sensors", "missing-sensor", NODE): at(["idle"], Kind.NODE, gone(5), "node_flow_lpm"),
    ("sensors", "implausible", GPU): at(["idle"], Kind.GPU, plus(200.0, 9), "gpu_c"),
    ("inventory", "swapped-serials", NODE): swapped,
    ("filter", "clogged-filter", CDU): at(["idle"], Kind.CDU, times(1.5), "filter_kpa_delta"),
    ("flow", "coupling", NODE): at(["idle"], Kind.NODE, times(0.8, 5), "node_flow_lpm"),
    ("flow", "air-lock", NODE): at(["idle"], Kind.NODE, trembling, "node_flow_lpm"),
    ("flow", "flow-valve", CDU): at(["idle"], Kind.NODE, times(0.8), "node_flow_lpm"),
    ("flow", "flow-set-point", CDU): at(["idle"], Kind.CDU, plus(-30.0), "supply_kpa"),
    ("dew-point", "dew-point", CDU): at(["idle"], Kind.CDU, plus(17.0), "dew_point_c"),
    ("memory", "hbm-contact", GPU): at(["half"], Kind.GPU, plus(10.0, 9), "hbm_c"),
    ("plates", "bad-paste", GPU): at(["full"], Kind.GPU, plus(5.0, 9), "gpu_c"),
    ("plates", "gpu-sensor", GPU): at(["full"], Kind.GPU, plus(-5.0, 9), "gpu_c"),
    ("plates", "throttled", GPU): at(["full"], Kind.GPU, plus(0x40, 9), "clock_event_reasons"),
    ("plates", "low-power", GPU): at(["full"], Kind.GPU, times(0.85, 9), "power_w"),
    ("plates", "rack-warm", CDU): a_fleet,
    ("meters", "flow-meter", NODE): at(["full"], Kind.NODE, times(0.8, 5), "node_flow_lpm"),
    ("meters", "flow-meter", CDU): at(["full"], Kind.CDU, times(0.9), "flow_lpm"),
    ("meters", "node-warm", NODE): at(["full"], Kind.GPU, plus(4.0, slice(40, 48)), "gpu_c"),
    ("balance", "heat-balance", CDU): at(["full"], Kind.CDU, times(0.9), "flow_lpm"),
    ("pumps", "weak-pump", CDU): at(["full"], Kind.CDU, times(1.06), "pump1_rpm"),
    ("failover", "failover-slow", CDU): at(["failover"], Kind.CDU, times(0.4, 0, 8, 16), "flow_lpm"),
    ("failover", "failover-warm", GPU): at(["failover"], Kind.GPU, plus(8.0, 9, 9, 12), "gpu_c"),
    ("swing", "swing", GPU): at(["steps"], Kind.GPU, times(0.3, 9), "swing_w"),
    ("errors", "marginal-hbm", GPU): at(["soak"], Kind.GPU, counted, "ecc_uncorrected_total"),
    ("errors", "bad-nvlink", "rack-0000/node-1/gpu-2"): at(["soak"], Kind.GPU, repeating, "nvlink_errors_total"),
    ("errors", "bad-nvlink", "rack-0000/node-1/gpu-1"): at(["full"], Kind.GPU, one_link_down, "nvlink_active_links"),
    ("errors", "degraded-pcie", GPU): at(["full"], Kind.GPU, times(0.5, 9), "pcie_width"),
    ("errors", "gpu-lost", GPU): with_xid,
    ("exchanger", "fouled-exchanger", CDU): at(["soak"], Kind.CDU, plus(-4.0), "facility_supply_c", "facility_return_c"),
    ("soak", "r-drift", GPU): at(["soak"], Kind.GPU, plus(3.0, 9), "gpu_c"),
    ("soak", "throttled", GPU): at(["soak"], Kind.GPU, counted, "thermal_violation_s_total"),
    ("restart", "gpu-lost", GPU): at(["restart"], Kind.GPU, gone(9)),
    ("restart", "marginal-hbm", GPU): at(["restart"], Kind.GPU, plus(1.0, 9), "remap_pending"),
}  # fmt: skip
"""By step, cause and subject."""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_healthy_rack_passes(step, healthy):
    """And its figures are numbers that a certificate can hold."""
    outcome = run_step(step, healthy, LIMITS)
    assert (Result.PASS, ()) == (outcome.result, outcome.findings)
    assert outcome.figures
    assert outcome == run_step(step, healthy, LIMITS)


@pytest.mark.parametrize("told", DEFECTS, ids=" ".join)
def test_a_defect_fails_with_its_cause(told, healthy):
    """On the right device, with what to do about it, and no other device is named."""
    name, cause, subject = told
    outcome = run_step(BY_NAME[name], DEFECTS[told](healthy), LIMITS)
    assert Result.FAIL is outcome.result
    assert (cause, subject) in {(f.cause, f.subject) for f in outcome.findings}
    others = {"rack-0000/node-6"} if cause == "swapped-serials" else set()
    assert {subject} == {f.subject for f in outcome.findings} - others
    assert all(f.what and subject in f.do for f in outcome.findings if f.subject == subject)


def test_every_step_has_a_defect_that_it_finds():
    """Whoever adds a step adds what it is for."""
    assert set(BY_NAME) == {name for name, _, _ in DEFECTS}
    assert {cause for _, cause, _ in DEFECTS} <= set(CAUSES)


@pytest.mark.parametrize(
    ("step", "phase", "need"),
    [(s, p, n) for s in STEPS for p in s.phases for n in s.needs],
    ids=lambda it: getattr(it, "name", getattr(it, "metric", it)),
)
def test_what_breaks_off_is_not_measurable(step, phase, need, healthy):
    """Never a pass, whichever of its readings ends in the middle of whichever of its phases."""
    outcome = run_step(step, vanished(healthy, [phase], need.kind, need.metric), LIMITS)
    if step.name == "sensors":
        # That a reading is gone is what it looks for.
        assert Result.FAIL is outcome.result
        return
    assert Result.NOT_MEASURABLE is outcome.result
    assert {"not-measured"} == {f.cause for f in outcome.findings}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_without_its_phase_a_step_is_not_measurable(step, healthy):
    """Nothing was recorded, so nothing is known."""
    outcome = run_step(step, replace(healthy, spans={}), LIMITS)
    assert (Result.NOT_MEASURABLE, "rack-0000") == (outcome.result, outcome.findings[0].subject)


def test_a_warmer_loop_is_no_tight_one(healthy):
    """Pressure that a loop gained by warming does not hide what it lost, nor is cooling a leak."""
    step = BY_NAME["pressure"]

    def warmed(samples):
        samples += np.linspace(0.0, 5.0, len(samples))[:, None]

    def pressed(samples):
        # 35 l of PG25 that warm by 5 K press 4 l of gas together by 2.1 %.
        samples *= np.linspace(1.0, 1.021, len(samples))[:, None]

    warm = changed(healthy, ["hold"], Kind.CDU, warmed, "supply_c", "return_c")
    assert Result.FAIL is run_step(step, warm, LIMITS).result
    tight = changed(warm, ["hold"], Kind.CDU, pressed, "return_kpa")
    assert Result.PASS is run_step(step, tight, LIMITS).result


def test_serials_that_nobody_asked_for_are_not_measurable(healthy):
    """An inventory is not true because nobody looked."""
    outcome = run_step(BY_NAME["inventory"], replace(healthy, found=None), LIMITS)
    assert Result.NOT_MEASURABLE is outcome.result
