"""What a part says while a server hangs and dies."""

import pytest
from e2e.chains import running

pytestmark = pytest.mark.e2e


@pytest.fixture
def live(tmp_path, monkeypatch):
    with running(tmp_path / "state", "healthy", 60, monkeypatch) as out:
        out.until(lambda: out.stats("sink").get("frames", 0) > 0, 60, "the first frames")
        yield out


def test_a_part_says_once_that_a_server_is_away(live):
    """While ClickHouse hangs and dies the sink warns once that it waits, and once that it goes on."""
    live.hang("clickhouse", 5)
    live.kill("clickhouse")
    live.everything_stored(120)
    log = live.log("sink")
    away, back = log.count("waiting for ClickHouse"), log.count("ClickHouse answers again")
    assert 1 <= away <= 3, log
    assert back >= 1, log
