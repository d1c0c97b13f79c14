"""Who stands in what, with an inventory and without."""

import pytest

from coldplate.streams.fleet import Fleet
from coldplate.streams.topology import Level, Topology
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

GPU, CDU = "rack-0001/node-0/gpu-1", "rack-0001/cdu"
HALL = Topology(Fleet(generate(6, 2, 2, racks_per_row=3)))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (GPU, GPU, GPU), (GPU, "rack-0001/node-0/gpu-0", "rack-0001/node-0"), (GPU, CDU, "rack-0001"),
        (GPU, "rack-0001", "rack-0001"), (GPU, "rack-0002/cdu", "row-0"), (CDU, "rack-0005/cdu", "hall"),
        ("row-0", "row-1", "hall"), ("row-0", GPU, "row-0"), ("hall", GPU, "hall"),
    ],
)  # fmt: skip
def test_what_two_have_in_common(one, other, common):
    """Either way round."""
    assert common == HALL.common(one, other) == HALL.common(other, one)


@pytest.mark.parametrize(
    ("subject", "level"),
    [(GPU, Level.GPU), (CDU, Level.NODE), ("rack-0001", Level.RACK), ("row-1", Level.ROW), ("hall", Level.HALL)],
)  # fmt: skip
def test_how_high_one_stands(subject, level):
    """By the inventory."""
    assert level is HALL.level(subject)


def test_racks_of_a_place():
    """Its own, or those that it holds."""
    assert ("rack-0001",) == HALL.racks(GPU)
    assert ("rack-0003", "rack-0004", "rack-0005") == HALL.racks("row-1")
    assert 6 == len(HALL.racks("hall"))


def test_a_stranger_is_placed_by_its_id():
    """Its racks stand in the hall."""
    topology = Topology(Fleet())
    assert [Level.GPU, Level.NODE, Level.RACK] == [topology.level(s) for s in ("r/n/0", "r/n", "r")]
    assert ("r/n", "r", "hall") == topology.above("r/n/0")
    assert "hall" == topology.common("r/n/0", "s/cdu")


def test_a_device_that_appears_is_placed_anew():
    """What was found of it before is not kept."""
    fleet = Fleet()
    topology = Topology(fleet)
    assert Level.RACK is topology.level("odd")
    fleet.rows(Kind.CDU, ("odd",), "r")
    assert Level.NODE is topology.level("odd")
