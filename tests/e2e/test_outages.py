"""Kafka, ClickHouse, worker and sink die or hang in mid-stream: everything sent is stored, once."""

import pytest
from e2e.chains import running

pytestmark = pytest.mark.e2e

HANGS_S = 12
"""Longer than a request waits (10 s), shorter than a supervisor's patience."""


@pytest.fixture
def live(tmp_path, monkeypatch):
    with running(tmp_path / "state", "healthy", 60, monkeypatch) as out:
        out.until(lambda: out.stats("sink").get("frames", 0) > 0, 60, "the first frames")
        yield out


def test_killed_and_hanging_parts_lose_and_double_nothing(live):
    """Sink and worker are killed, ClickHouse hangs, Kafka is killed: all frames are there, each once."""
    live.kill("sink")
    live.hang("clickhouse", HANGS_S)
    live.kill("kafka")
    live.kill("worker")
    books = live.everything_stored(120)
    assert 0 == books.lost
    assert 0 == books.duplicated
    # 256 GPUs, a row a tick: also what was sampled while nobody took it is there.
    assert 256 * live.stats("twin")["ticks"] == books.rows
    assert [] == live.ask("SELECT id FROM incidents_now WHERE severity IN ('warning', 'critical')")
