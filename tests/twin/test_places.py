"""Who stands where: rows by subject."""

import numpy as np
import pytest

from coldplate.twin.places import Places
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

PLACES = Places(generate(4, 2, 3, racks_per_row=3))


@pytest.mark.parametrize(
    ("subject", "gpus", "nodes", "cdus", "racks"),
    [
        ("rack-0001/node-1/gpu-2", [11], [], [], []),
        ("rack-0001/node-1", [9, 10, 11], [3], [], []),
        ("rack-0001/cdu", range(6, 12), [2, 3], [1], [1]),
        ("rack-0001", range(6, 12), [2, 3], [1], [1]),
        ("row-1", range(18, 24), [6, 7], [3], [3]),
        ("hall", range(24), range(8), range(4), range(4)),
    ],
)
def test_rows_are_those_of_a_subject_and_of_what_it_holds_or_cools(
    subject, gpus, nodes, cdus, racks
):
    """In the order of the arrays; asked again, the same array."""
    wanted = {Kind.GPU: gpus, Kind.NODE: nodes, Kind.CDU: cdus, Kind.RACK: racks}
    for kind, rows in wanted.items():
        np.testing.assert_array_equal(list(rows), PLACES(kind, subject))
        assert PLACES(kind, subject) is PLACES(kind, subject)


def test_only_the_hall_holds_the_hall():
    """It has readings of its own."""
    assert [0] == PLACES(Kind.HALL, "hall").tolist()
    assert 0 == PLACES(Kind.HALL, "row-0").size


@pytest.mark.parametrize(
    ("subject", "racks"),
    [
        ("rack-0001/node-1/gpu-2", ["rack-0001"]), ("rack-0001/cdu", ["rack-0001"]), ("rack-0002", ["rack-0002"]),
        ("row-0", ["rack-0000", "rack-0001", "rack-0002"]), ("row-1", ["rack-0003"]),
    ],
)  # fmt: skip
def test_a_subject_is_in_a_rack_or_holds_some(subject, racks):
    """So that faults can be kept apart."""
    assert racks == list(PLACES.racks(subject))
