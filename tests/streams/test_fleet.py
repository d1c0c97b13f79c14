"""Which row is which device: inventory first, strangers up to a bound."""

import numpy as np
import pytest

from coldplate.streams.fleet import STRANGERS_MAX, Fleet
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind


def gpus(node: str, count: int = 8) -> tuple[str, ...]:
    return tuple(f"{node}/gpu-{i}" for i in range(count))


def test_an_inventory_gives_every_device_its_row() -> None:
    """Rows of a source lie side by side, so that a frame is one slice."""
    fleet = Fleet(generate(2))
    assert {Kind.GPU: 128, Kind.NODE: 16, Kind.CDU: 2, Kind.RACK: 2, Kind.HALL: 1} == {
        kind: len(table) for kind, table in fleet.tables.items()
    }
    assert slice(72, 80) == fleet.rows(Kind.GPU, gpus("rack-0001/node-1"), "rack-0001")
    assert list(range(64, 128)) == fleet.tables[Kind.GPU].rows_of_rack["rack-0001"]
    assert {} == fleet.strangers


def test_a_frames_own_order_is_kept() -> None:
    """Devices in another order, or not side by side, still find their own rows."""
    fleet = Fleet(generate(1))
    one, two = "rack-0000/node-0/gpu-5", "rack-0000/node-0/gpu-2"
    assert [5, 2] == list(fleet.rows(Kind.GPU, (one, two), "rack-0000"))
    assert slice(2, 3) == fleet.rows(Kind.GPU, (two,), "rack-0000")


def test_a_device_that_is_not_in_the_inventory_gets_a_row_too() -> None:
    """It is watched, in the rack that its frame names, and known as a stranger."""
    fleet = Fleet(generate(1))
    rows = fleet.rows(Kind.GPU, gpus("rack-0000/node-9"), "rack-0000")
    assert slice(64, 72) == rows
    assert rows == fleet.rows(Kind.GPU, gpus("rack-0000/node-9"), "rack-0000")
    assert "rack-0000" == fleet.strangers["rack-0000/node-9/gpu-0"]
    assert 72 == len(fleet.tables[Kind.GPU].rows_of_rack["rack-0000"])


def test_strangers_are_bounded_and_known_devices_go_on() -> None:
    """One too many is refused with its reason, whole, and takes no row."""
    fleet = Fleet(generate(1))
    for n in range(STRANGERS_MAX // 8):
        fleet.rows(Kind.GPU, gpus(f"x/{n}"), "x")
    with pytest.raises(WireError) as refused:
        fleet.rows(Kind.GPU, gpus("y", 1), "y")
    assert Reason.UNKNOWN_DEVICE is refused.value.reason
    assert "y/gpu-0" in refused.value.detail
    assert 64 + STRANGERS_MAX == len(fleet.tables[Kind.GPU])
    assert slice(0, 8) == fleet.rows(Kind.GPU, gpus("rack-0000/node-0"), "rack-0000")
    assert slice(64, 72) == fleet.rows(Kind.GPU, gpus("x/0"), "x")


def test_without_an_inventory_nobody_is_a_stranger() -> None:
    """All comers are taken, in order of appearance."""
    fleet = Fleet()
    for n in range(STRANGERS_MAX // 8 + 1):
        fleet.rows(Kind.GPU, gpus(f"x/{n}"), "x")
    assert STRANGERS_MAX + 8 == len(fleet.tables[Kind.GPU])
    assert {} == fleet.strangers
    assert np.array_equal([0, 8], fleet.rows(Kind.GPU, ("x/0/gpu-0", "x/1/gpu-0"), "x"))
