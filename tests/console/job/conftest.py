"""One filled rack for all tests of a job's report."""

import pytest
from console.job.hall import hall


@pytest.fixture(scope="session")
def rack(clickhouse_url):
    """Its history."""
    with hall(clickhouse_url) as found:
        yield found
