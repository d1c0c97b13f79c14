"""What detection begins with out of certificates: what was measured, of what is well, where nothing was learnt yet."""

import json

import numpy as np
import pytest
from console.commission.racks import changed, gone, plus

from coldplate.console.commission.certificate import Made, body
from coldplate.console.commission.learnt import DETECTORS, begins_with
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.procedure import run_step
from coldplate.console.commission.recalled import Certified
from coldplate.console.commission.verdict import verdict
from coldplate.console.evaluating.certified import accepted
from coldplate.console.evaluating.hall import CLUSTER
from coldplate.console.evaluating.twin import START_MS, evaluate_twin, groundless_tickets
from coldplate.console.output import plain
from coldplate.streams.detectors import defaults
from coldplate.streams.keeping import kept
from coldplate.streams.recall import OLD_MS
from coldplate.twin.fault import Fault
from coldplate.twin.scenario import Scenario
from coldplate.wire.baseline import Baselines, Block, Learnt, check, packed
from coldplate.wire.metric import Kind

T_MS = 1_800_000_000_000
GPU = "rack-0000/node-1/gpu-1"


def told_of(evidence):
    outcomes = [run_step(step, evidence, Limits()) for step in STEPS]
    made = Made("ada", T_MS, T_MS)
    return plain(body(made, evidence, Limits(), outcomes, verdict(evidence.rack, outcomes)))


def values(record):
    """By detector, name and device, what is told."""
    return {
        (e.detector, e.name, block.devices[at]): e.array("value")[at]
        for block in record.blocks for e in block.learnt for at in np.flatnonzero(np.isfinite(e.array("value")))
    }  # fmt: skip


@pytest.fixture(scope="module")
def well(healthy):
    return begins_with(json.loads(json.dumps(told_of(healthy))), "c", T_MS)


def test_it_is_what_was_measured(well, healthy):
    """Lines that give the temperatures of the acceptance back, node flows, and every detector that may begin with it."""
    check(well)
    found = values(well)
    assert DETECTORS == {detector for detector, _, _ in found}
    full = healthy.spans["full"].settled()
    i = healthy.rack.gpus.index(GPU)
    power, memory = (full.get(Kind.GPU, m, 64)[:, i].mean() for m in ("power_w", "mem_util_ratio"))
    rise_k = (full.get(Kind.GPU, "gpu_c", 64)[:, i] - full.get(Kind.CDU, "supply_c")[:, 0]).mean()
    line = [found["thermal-path", name, GPU] for name in ("slope", "offset")]
    assert rise_k == pytest.approx(line[0] * (power - 140.0 * memory) + line[1], abs=1.0)
    assert 8.0 == pytest.approx(found["node-flow", "node_flow_lpm", "rack-0000/node-3"], abs=0.5)
    # Both pumps of one make have one curve.
    assert found["pump1-wear", "head1", "rack-0000/cdu"] == pytest.approx(found["pump2-wear", "head2", "rack-0000/cdu"], rel=0.03)  # fmt: skip


def test_detectors_know_every_name_of_it(well):
    """What a detector does not keep would be passed over without a word."""
    names = {d.name: kept(tuple(d.remembers)) for d in defaults()}
    assert [] == [(d, n) for d, n, _ in values(well) if n not in names[d]]


def test_it_is_trusted_less_than_what_was_learnt(well):
    """Its lines rest on a few blocks, its averages on half an hour of six."""
    for block in well.blocks:
        for entry in block.learnt:
            age = entry.array("age_s")
            assert not len(age) or np.nanmax(age) <= 1800.0
    assert 1e-4 < values(well)["thermal-path", "v_offset", GPU] < 0.2


def test_what_is_not_well_gives_nothing(healthy):
    """A GPU that is held back, one that was not measured, and a rack that is held."""
    ill = changed(healthy, ["full"], Kind.GPU, plus(5.0, 9), "gpu_c")
    ill = changed(ill, ["half"], Kind.GPU, gone(20), "margin_c", "hbm_c", "gpu_c")
    found = values(begins_with(told_of(ill), "c", T_MS))
    for at in (9, 20):
        assert not [key for key in found if key[2] == healthy.rack.gpus[at]]
    assert ("thermal-path", "slope", healthy.rack.gpus[21]) in found
    assert begins_with({**told_of(healthy), "verdict": "held"}, "c", T_MS) is None


class History:
    """Knows what one detector learnt of one GPU, certificates, and which device was changed."""

    def __init__(self, own, certificates, changed_ms):
        self.own, self.certificates, self.changed_ms = own, certificates, changed_ms

    def query(self, sql, parameters=None):
        if "DISTINCT" in sql:
            return [], [(rack,) for rack, _, _ in self.certificates]
        if "inventory_changes" in sql:
            return [], list(self.changed_ms.items())
        return [], [c for c in self.certificates if c[0] in parameters["racks"]]

    def baselines(self, cluster, since_ms):
        yield from self.own


def test_what_was_learnt_counts_and_a_changed_device_is_another(healthy):
    """Only who has nothing yet gets the certificate's, at the tick of the rack's own records."""
    own = Baselines("c", "rack-0000", T_MS + 5, (
        Block("gpu", (GPU,), (Learnt("thermal-path", "slope", "", packed([0.5])),)),
    ))  # fmt: skip
    text, new = json.dumps(told_of(healthy)), "rack-0000/node-2/gpu-0"
    certificates = [("rack-0000", T_MS, text), ("rack-0001", T_MS, text.replace("rack-0000", "rack-0001"))]  # fmt: skip
    history = Certified(History([own], certificates, {new: T_MS + 1, GPU: T_MS - 1}))
    records = list(history.baselines("c", T_MS - OLD_MS))
    assert own == records[0]
    first = [r for r in records[1:] if r.rack == "rack-0000"]
    assert {T_MS + 5} == {r.t_ms for r in first}
    found = {key: value for r in first for key, value in values(r).items()}
    assert ("thermal-path", "slope", GPU) not in found
    assert ("hbm-hot-spot", "slope", GPU) in found
    assert not [key for key in found if key[2] == new]
    assert 64 * 2 - 1 - 2 == len([k for k in found if k[1] == "slope"])
    assert {T_MS} == {r.t_ms for r in records if r.rack == "rack-0001"}


def test_a_plate_that_was_bad_before_anybody_looked_is_found():
    """With a certificate within a minute, without one never; and the others are left alone."""
    scenario = Scenario(
        racks=1, load="steps", faults=(Fault("paste-pump-out", GPU, 0.0, severity=0.6, ramp_s=0.0),)
    )  # fmt: skip
    site = accepted(scenario, CLUSTER, START_MS)
    assert {"rack-0000": "accepted"} == site.verdicts
    found = {}
    for name, records in (("with", site.records), ("without", ())):
        run, live = evaluate_twin(scenario, 90.0, baselines=records)
        found[name] = [(s.subject, s.kind) for s in live.live.said]
        assert 0 == groundless_tickets(run, live)
    assert {"with": [(GPU, "cold-plate-fouling")], "without": []} == found
