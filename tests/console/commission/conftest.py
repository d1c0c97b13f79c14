"""A healthy rack of the twin that went through the whole procedure, once for all tests."""

import pytest
from console.commission.racks import SHORT

from coldplate.console.commission.rehearsal import Rehearsal


@pytest.fixture(scope="session")
def healthy():
    """Its evidence, with the serials that were planned."""
    hall = Rehearsal(1, 1, phases=SHORT)
    hall.run()
    rack = hall.racks[0]
    serials = {i: f"S{n}" for n, i in enumerate((*rack.nodes, *rack.gpus))}
    return hall.evidence(rack, serials, serials)
