"""An inventory that lies is a ticket about the inventory, and stops nobody."""

import pytest
from frames import record, record_bytes

from coldplate.streams.pipeline import Pipeline
from coldplate.wire.incident import Incident, Severity
from coldplate.wire.inventory import Device, Inventory, generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
HALL = list(generate(2, 2, 2))


def sends(
    pipeline: Pipeline,
    t: int,
    node: str,
    rack: str = "",
    gpus: tuple[str, ...] = (),
    margin_c: float = 30.0,
) -> list[Incident]:
    rack = rack or node.rpartition("/")[0]
    gpus = gpus or tuple(f"{node}/gpu-{g}" for g in range(2))
    values = {"power_w": 600.0, "gpu_c": 55.0, "margin_c": margin_c}
    made = record_bytes(node, rack, T0 + t, 5, {Kind.GPU: (gpus, values)}, seq=t)
    now_ms = (T0 + t + 5) * 1000
    return pipeline.frames([record(made, timestamp_ms=now_ms)], now_ms).incidents


def found(devices: list[Device], *frames: tuple[str, str]) -> list[tuple[str, str, Severity]]:
    """Incidents over a minute in which each source sends as of its rack."""
    pipeline, out = Pipeline("test", Inventory(devices)), []
    for t in range(0, 60, 5):
        for node, rack in frames:
            out += sends(pipeline, t, node, rack)
    assert not pipeline.engine.failed
    last = {i.id: i for i in out}
    return [(i.kind, i.subject, i.severity) for i in last.values()]


def test_who_sends_as_it_is_listed_is_not_spoken_of():
    """Nor who has no inventory to be held against."""
    assert [] == found(HALL, ("rack-0000/node-0", ""), ("rack-0001/node-1", ""))
    assert [] == sends(Pipeline("test"), 0, "r/n")


def test_a_node_in_another_rack_than_it_is_listed_in():
    """Named by itself, once."""
    wrong = ("inventory-wrong", "rack-0000/node-1", Severity.TICKET)
    assert [wrong] == found(HALL, ("rack-0000/node-0", ""), ("rack-0000/node-1", "rack-0001"))


def test_a_device_that_nobody_listed():
    """It is watched all the same."""
    wrong = ("inventory-wrong", "rack-0000/node-7", Severity.TICKET)
    assert [wrong] == found(HALL, ("rack-0000/node-0", ""), ("rack-0000/node-7", ""))


@pytest.mark.parametrize("mark", ["serial", "uuid"])
def test_a_serial_that_stands_twice(mark):
    """The second one is named, with the first."""
    twice = [
        Device(d.kind, d.id, d.parent, d.index, hall=d.hall, row=d.row, **{mark: "S1"})
        if d.id in ("rack-0000/node-0/gpu-0", "rack-0001/node-0/gpu-1") else d
        for d in HALL
    ]  # fmt: skip
    wrong = ("inventory-wrong", "rack-0001/node-0/gpu-1", Severity.TICKET)
    assert [wrong] == found(twice, ("rack-0000/node-0", ""), ("rack-0001/node-0", ""))


def test_a_rack_without_a_cdu():
    """Where other racks have one; a hall that lists none is cooled otherwise."""
    one = [d for d in HALL if d.id != "rack-0001/cdu"]
    wrong = ("inventory-wrong", "rack-0001", Severity.TICKET)
    assert [wrong] == found(one, ("rack-0000/node-0", ""), ("rack-0001/node-0", ""))
    assert [] == found([d for d in one if d.kind != "cdu"], ("rack-0001/node-0", ""))


def test_the_halls_own_meters_are_no_rack():
    """They send as of the hall, which has no CDU."""
    pipeline = Pipeline("test", Inventory(HALL))
    made = record_bytes(
        "hall/plant", "hall", T0, 5, {Kind.HALL: (("hall",), {"hall_power_w": 1e6})}
    )
    now_ms = (T0 + 5) * 1000
    assert [] == pipeline.frames([record(made, timestamp_ms=now_ms)], now_ms).anomalies


def test_two_sources_that_both_have_a_device():
    """Told while both send; a device that moved is not in doubt."""
    pipeline, out = Pipeline("test", Inventory(HALL)), []
    gpus = ("rack-0000/node-0/gpu-0",)
    sends(pipeline, 0, "rack-0000/node-0", gpus=gpus)
    out += sends(pipeline, 5, "rack-0000/node-1", gpus=gpus)
    assert [("inventory-wrong", gpus[0])] == [(i.kind, i.subject) for i in out]
    assert "both say" in out[0].cause
    moved = Pipeline("test", Inventory(HALL))
    sends(moved, 0, "rack-0000/node-0", gpus=gpus)
    assert [] == sends(moved, 100, "rack-0000/node-1", gpus=gpus)


def test_a_fault_of_a_device_that_is_wrongly_listed_keeps_its_name():
    """The paper explains nothing that the device says."""
    pipeline, out = Pipeline("test", Inventory(HALL)), []
    for t in range(0, 60, 5):
        out += sends(pipeline, t, "rack-0000/node-7", margin_c=1.0)
    assert {"inventory-wrong", "cold-plate-fouling"} == {i.kind for i in out}
