"""Kafka, ClickHouse, worker and sink die or hang in mid-stream: everything sent is stored, once."""

import os
import signal

import pytest
from e2e.chains import running

from coldplate.console.stack.part import Status

pytestmark = pytest.mark.e2e

HANGS_S = 12
"""Longer than a request waits (10 s), shorter than a supervisor's patience."""


@pytest.fixture
def live(tmp_path, monkeypatch):
    with running(tmp_path / "state", "healthy", 60, monkeypatch) as out:
        out.until(lambda: out.stats("sink").get("frames", 0) > 0, 60, "the first frames")
        yield out


def kill(live, name):
    os.kill(live.state(name).pid, signal.SIGKILL)
    live.until(lambda: live.state(name).restarts > 0, 10, f"{name} to be missed")
    live.until(lambda: live.state(name).status is Status.HEALTHY, 60, f"{name} to be back")


def hang(live, name, more):
    """Stop a process for as long as the twin needs for so many more seconds of samples."""
    pid = live.state(name).pid
    ticks = live.stats("twin")["ticks"] + more
    os.kill(pid, signal.SIGSTOP)
    try:
        live.until(lambda: live.stats("twin")["ticks"] >= ticks, more + 20, "the twin to go on")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_killed_and_hanging_parts_lose_and_double_nothing(live):
    """Sink and worker are killed, ClickHouse hangs, Kafka is killed: all frames are there, each once."""
    kill(live, "sink")
    hang(live, "clickhouse", HANGS_S)
    kill(live, "kafka")
    kill(live, "worker")
    books = live.everything_stored(120)
    assert 0 == books.lost
    assert 0 == books.duplicated
    # 256 GPUs, a row a tick: also what was sampled while nobody took it is there.
    assert 256 * live.stats("twin")["ticks"] == books.rows
    assert [] == live.ask("SELECT id FROM incidents_now WHERE severity IN ('warning', 'critical')")


def test_a_part_says_once_that_a_server_is_away(live):
    """While ClickHouse hangs and dies the sink warns once that it waits, and once that it goes on."""
    hang(live, "clickhouse", 5)
    kill(live, "clickhouse")
    live.everything_stored(120)
    log = live.log("sink")
    away, back = log.count("waiting for ClickHouse"), log.count("ClickHouse answers again")
    assert 1 <= away <= 3, log
    assert back >= 1, log
