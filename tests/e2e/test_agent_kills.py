"""An agent killed with -9 in mid-stream, again and again, while the broker dies and comes back."""

import pytest
from e2e.kills import kills

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]


def test_every_record_that_was_spooled_arrives_once_by_identity(tmp_path):
    """Twenty kills: none is lost, repeats are the same bytes, and each source's first appearances are in order."""
    found = kills(tmp_path, 20, seed=7)
    assert 0 == found.lost, found
    assert 0 == found.changed, found
    assert 0 == found.disordered, found
    assert found.broker_kills >= 2
    assert found.arrived >= found.spooled > 200
    # What was in flight at a kill.
    assert found.repeats < 0.2 * found.arrived
