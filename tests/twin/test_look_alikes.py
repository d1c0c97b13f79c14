"""What only looks like a fault pages nobody: the twin's look-alikes through the worker's own pipeline."""

import pytest

from coldplate.agents.framer import Framer
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.twin.collector import TwinCollector
from coldplate.twin.fault import Fault
from coldplate.twin.faults.library import KINDS
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario

T0 = 1_790_000_000
SUBJECTS = {"cdu": "rack-0000/cdu", "rack": "rack-0000", "node": "rack-0000/node-1", "hall": "hall",
            "gpu": "rack-0000/node-0/gpu-1"}  # fmt: skip


def pages(fault, seconds):
    """(kind, subject) of every paging incident of a run in training steps."""
    scenario = Scenario(racks=2, nodes=2, gpus=4, load="steps", supply_c=32.0, faults=(fault,))
    collector = TwinCollector(Hall(scenario))
    framer, pipeline = Framer("test", collector, 1), Pipeline("test", scenario.inventory())
    out = set()
    for t in range(T0, T0 + seconds):
        samples = collector.sample(t * 1000)
        framed = framer.add(t, samples, collector.conditions())
        records = [
            Record("f", 0, i, t * 1000 + 100, frame.record) for i, frame in enumerate(framed)
        ]
        found = pipeline.frames(records, t * 1000 + 100).incidents
        found += pipeline.passing_time(t * 1000 + 200).incidents
        out |= {(i.kind, i.subject) for i in found if i.severity.pages}
    return out


@pytest.mark.parametrize("kind", sorted(k for k in KINDS if k.startswith("healthy-")))
def test_a_look_alike_pages_nobody(kind):
    """Onset, a hundred seconds of it, and its end."""
    subject = next(SUBJECTS[on] for on in KINDS[kind].on if on in SUBJECTS)
    assert set() == pages(Fault(kind, subject, 60.0, 160.0), 240)


def test_a_fault_does():
    """The same run with a pump that stops: the check above can fail."""
    fault = Fault("pump-stop", "rack-0000/cdu", 60.0, 160.0, spare_ratio=0.3)
    assert {("pump-stop", "rack-0000/cdu")} == pages(fault, 100)
