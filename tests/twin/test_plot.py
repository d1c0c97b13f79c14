"""Pictures of a run: what they show is what the hall read."""

import numpy as np
import pytest

from coldplate.twin.plot import draw, trace
from coldplate.twin.scenario import ScenarioError, load


def test_a_trace_shows_the_fault_of_its_rack():
    """The demo's pump: flow falls to 30 % and comes back; the other rack's XID is not among its marks."""
    seen = trace(load("demo"), "rack-0003", 90)
    assert ["pump-stop"] == [f.kind for f in seen.faults]
    assert (90, 64) == seen.gpu["gpu_c"].shape
    flow = seen.cdu["flow_lpm"]
    assert 0.3 == pytest.approx(flow[45] / flow[10], abs=0.02)
    assert 1.0 == pytest.approx(flow[88] / flow[10], abs=0.03)
    assert seen.gpu["gpu_c"][60].max() > seen.gpu["gpu_c"][10].max() + 15


@pytest.mark.parametrize(
    ("subject", "gpus"), [("rack-0001/node-2", 8), ("rack-0001/node-2/gpu-5", 1), ("rack-0001/cdu", 64)]
)  # fmt: skip
def test_a_subject_may_be_small_or_cool_others(subject, gpus):
    """A node, a GPU, or a CDU with all GPUs of its rack."""
    seen = trace(load("demo"), subject, 3)
    assert (3, gpus) == seen.gpu["power_w"].shape
    assert "rack-0001" == seen.rack


@pytest.mark.parametrize("subject", ["rack-0009", "hall", "row-0", ""])
def test_what_cannot_be_drawn_is_refused(subject):
    """With an example of what can."""
    with pytest.raises(ScenarioError, match="as rack-0003 is"):
        trace(load("demo"), subject, 2)


def test_a_picture_is_drawn_also_of_what_is_silent(tmp_path):
    """GPUs without a value, and a time at which nobody says anything, leave a hole and no warning."""
    seen = trace(load("demo"), "rack-0003", 60)
    seen.gpu["gpu_c"][20:30] = np.nan
    seen.gpu["power_w"][20:30] = np.nan
    seen.gpu["clock_event_reasons"][20:30, 3] = np.nan
    for name, begins in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        draw(seen, tmp_path / name, "demo: rack-0003")
        assert (tmp_path / name).read_bytes().startswith(begins)
