"""Two agents of a plant whose leader is stopped, ends in order, or is cut off from Kafka."""

import os
import signal
import time

import pytest
from e2e.plants import TAKEN_OVER_S, plant_of
from waiting import await_that

from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]


@pytest.fixture
def plant(tmp_path, kafka_bootstrap):
    with plant_of(tmp_path, kafka_bootstrap, f"plant-{tmp_path.name}") as made:
        yield made


def test_one_that_was_stopped_for_a_while_does_not_speak_again(plant):
    """What it samples after it was woken is dropped and counted, and it stands by."""
    first, second = plant.pair()
    os.kill(first.process.pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    plant.until(lambda: second.state == "leading", TAKEN_OVER_S, "the second to lead")
    plant.until(lambda: time.monotonic() - stopped_s > 15, 20, "15 s")
    os.kill(first.process.pid, signal.SIGCONT)
    plant.until(lambda: first.state == "standing_by", 10, "the first to stand by")
    woken = plant.last_tick()
    plant.until(lambda: plant.last_tick() > woken + 10, 30, "frames")
    assert "leading" == second.state
    assert {} == plant.twice()
    plant.until(
        lambda: first.count("records_pending", 1) == 0, 10, "the first's records to be judged"
    )


def test_a_planned_change_takes_two_seconds(plant):
    """Who ends leaves the lease behind, and has sent what it sampled."""
    first, second = plant.pair()
    first.process.send_signal(signal.SIGTERM)
    ended_s = time.monotonic()
    plant.until(lambda: second.state == "leading", 5, "the second to lead")
    took_s = time.monotonic() - ended_s
    assert 0 == first.process.wait(10)
    began = plant.last_tick()
    plant.until(lambda: plant.last_tick() > began + 12, 30, "the second's frames")
    assert {} == plant.twice()
    assert 3.0 >= max(len(gap) for gap in plant.missing().values())
    assert 3.5 >= took_s  # the stats are written once a second


def test_while_kafka_is_away_the_leader_samples_on(tmp_path):
    """A broker that is away for longer than a lease loses no tick and sends none twice."""
    state = StateDir(tmp_path / "state")
    parts, endpoints = local_servers(state, Cache.default(), clickhouse=False)
    with Supervisor(state, parts) as stack:
        stack.wait_healthy(60)
        with plant_of(tmp_path, endpoints.kafka, "plant") as plant:
            first, second = plant.pair()
            os.kill(stack.states[0].pid, signal.SIGSTOP)
            stopped_s = time.monotonic()
            await_that(lambda: first.state == "cut_off", 15, "the first to be cut off")
            await_that(lambda: time.monotonic() - stopped_s > 12, 20, "12 s")
            os.kill(stack.states[0].pid, signal.SIGCONT)
            until = int(time.time()) + 15
            plant.until(lambda: plant.last_tick() > until, 60, "frames after it")
            assert {} == plant.twice()
            assert ["leading", "standing_by"] == [a.state for a in (first, second)]
            assert [] == [tick for gap in plant.missing().values() for tick in gap]
