"""What an incident's labels are, and who is below whom."""

import pytest

from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.place import below
from coldplate.wire.incident import Evidence, Incident, Severity, State
from coldplate.wire.inventory import Device, Inventory, generate

HALL = generate(25)
OWN = Inventory(
    [
        Device("hall", "north"),
        Device("row", "n/7", "north", hall="north", row="n/7"),
        Device("rack", "R12", "n/7", hall="north", row="n/7"),
        Device("node", "gx-0451", "R12", hall="north", row="n/7"),
        Device("gpu", "GPU-ab", "gx-0451", hall="north", row="n/7"),
        Device("cdu", "water-12", "R12", hall="north", row="n/7"),
    ]
)
"""A site with names of its own."""


def incident(subject, rack="rack-0003", kind="pump-stop", **more):
    return Incident(
        "test", "a1", 0, State.OPEN, kind, subject, rack, Severity.WARNING, 0, 0, "x", 0, **more
    )


@pytest.mark.parametrize(
    ("subject", "inventory", "expected"),
    [
        ("rack-0003/node-5/gpu-2", None,
         {"rack": "rack-0003", "node": "rack-0003/node-5", "gpu": "rack-0003/node-5/gpu-2"}),
        ("rack-0003/cdu", None, {"rack": "rack-0003", "cdu": "rack-0003/cdu"}),
        ("rack-0003/cdu", HALL,
         {"hall": "hall", "row": "row-0", "rack": "rack-0003", "cdu": "rack-0003/cdu"}),
        ("row-1", HALL, {"hall": "hall", "row": "row-1"}),
        ("hall", HALL, {"hall": "hall"}),
        ("row-1", None, {"row": "row-1"}),
        ("hall", None, {"hall": "hall"}),
        ("GPU-ab", OWN,
         {"hall": "north", "row": "n/7", "rack": "R12", "node": "gx-0451", "gpu": "GPU-ab"}),
        ("rack-0003/node-5/nic-0", HALL,
         {"hall": "hall", "row": "row-0", "rack": "rack-0003", "node": "rack-0003/node-5"}),
        ("nobody-knows", OWN, {}),
    ],
)  # fmt: skip
def test_places_come_from_ids_or_from_the_inventory(subject, inventory, expected):
    """What is not known is absent, whatever a site calls its devices."""
    found = dict(labels_of(incident(subject), inventory))
    always = {"cluster": "test", "kind": "pump-stop", "family": "pump", "severity": "warning"}
    assert always | expected == found
    assert "cluster" == next(iter(found))


def test_a_job_is_a_label_when_the_evidence_names_one():
    """Two jobs are none."""
    seen = [Evidence("hang", "g", "job", 0, value=value) for value in (41.0, 41.0, 42.0)]
    assert "41" == labels_of(incident("rack-0003", evidence=tuple(seen[:2])))["job"]
    assert "job" not in labels_of(incident("rack-0003", evidence=tuple(seen)))


@pytest.mark.parametrize(
    ("subject", "place", "inventory", "expected"),
    [
        ("rack-0003/node-5", "rack-0003", None, True),
        ("rack-0003", "rack-0003", None, True),
        ("rack-0003", "rack-0003/node-5", None, False),
        ("rack-00031/node-5", "rack-0003", None, False),
        ("rack-0003/node-5", "row-0", None, False),
        ("rack-0003/node-5", "row-0", HALL, True),
        ("rack-0021/node-5", "row-0", HALL, False),
        ("rack-0021/node-5/gpu-1", "hall", HALL, True),
        ("GPU-ab", "n/7", OWN, True),
        ("GPU-ab", "gx-0451", OWN, True),
        ("water-12", "gx-0451", OWN, False),
        ("GPU-ab", "n", OWN, False),
    ],
)  # fmt: skip
def test_a_device_is_below_what_it_stands_in(subject, place, inventory, expected):
    """By whole ids, or by the inventory."""
    assert expected == below(subject, place, inventory)
