"""Two agents of a plant with a real Kafka: one leads, the other takes over, and no tick is there twice."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tree import ROOT
from waiting import await_that

from coldplate.agents.follow import Follower
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.running import read_stats
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.wire.frame import decode_frame
from coldplate.wire.topic import Topics

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]

CDUS = 3
TAKEN_OVER_S = 10.0


@dataclass
class Agent:
    """A member as a process."""

    process: subprocess.Popen
    stats: Path

    @property
    def state(self):
        return (read_stats(self.stats) or {}).get("role_state")

    def count(self, name, default=0):
        return (read_stats(self.stats) or {}).get(name, default)


class Plant:
    """A hall's CDUs, a topic prefix of its own, and what came to its topic of frames."""

    def __init__(self, folder, brokers, prefix, stack):
        self.folder, self.brokers, self.prefix, self._stack = folder, brokers, prefix, stack
        settings = KafkaSettings(brokers)
        create_topics(settings, Topics(prefix).specs(partitions=2))
        self._follower = stack.enter_context(closing(Follower(settings, [Topics(prefix).frames])))
        self.seen, self.ticks, self.arrived_ms = set(), Counter(), {}
        devices = folder / "plant.toml"
        entry = '[[device]]\nid = "rack-{0}/cdu"\nkind = "twin"\n'
        devices.write_text("".join(entry.format(i) for i in range(CDUS)))

    def start(self, name):
        """A member; at the end of the test it is killed."""
        stats = self.folder / f"{name}-{time.time_ns()}.json"
        words = [self.brokers, self.prefix, self.folder / name, name, self.folder / "plant.toml", stats]  # fmt: skip
        with (self.folder / f"{name}.log").open("a") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "e2e.plant_member", *map(str, words)],
                cwd=ROOT / "tests", stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        agent = Agent(process, stats)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return agent

    def look(self):
        """Take in what came; by CDU and tick in how many frames it is."""
        for record in self._follower.poll(0.1):
            head = decode_frame(record.value).head
            if head.identity in self.seen:
                continue  # sent again, with the same bytes
            self.seen.add(head.identity)
            for tick in range(head.tick, head.tick + head.ticks):
                self.ticks[head.source, tick] += 1
                self.arrived_ms.setdefault(tick, record.timestamp_ms)

    def until(self, condition, within_s, what):
        def looked():
            self.look()
            return condition()

        return await_that(looked, within_s, what)

    def last_tick(self):
        return max((tick for _, tick in self.ticks), default=0)

    def pair(self):
        """One that leads and one that stands by, and frames that come."""
        first = self.start("a")
        self.until(lambda: first.state == "leading", 20, "the first to lead")
        second = self.start("b")
        self.until(lambda: second.state == "standing_by", 20, "the second to stand by")
        began = self.last_tick()
        self.until(lambda: self.last_tick() > began + 5, 15, "frames")
        return first, second

    def twice(self):
        return {place: n for place, n in self.ticks.items() if n > 1}

    def missing(self):
        """By CDU, ticks without a value between its first and its last."""
        out = {}
        for source in {s for s, _ in self.ticks}:
            there = {t for s, t in self.ticks if s == source}
            out[source] = sorted(set(range(min(there), max(there) + 1)) - there)
        return out


@contextmanager
def plant_of(folder, brokers, prefix):
    with ExitStack() as stack:
        yield Plant(folder, brokers, prefix, stack)


@pytest.fixture
def plant(tmp_path, kafka_bootstrap):
    with plant_of(tmp_path, kafka_bootstrap, f"plant-{tmp_path.name}") as made:
        yield made


def test_the_other_takes_over_from_one_that_is_killed(plant):
    """Ticks go on within 10 s, and each is there once."""
    first, second = plant.pair()
    first.process.kill()
    killed = int(time.time())
    plant.until(lambda: second.state == "leading", TAKEN_OVER_S, "the second to lead")
    plant.until(lambda: plant.last_tick() > killed + 15, 30, "the second's frames")
    assert {} == plant.twice()
    assert [] == [g for gap in plant.missing().values() for g in gap if g > killed + TAKEN_OVER_S]
    assert TAKEN_OVER_S >= max(len(gap) for gap in plant.missing().values())


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


def test_one_that_starts_again_goes_on_at_once(plant):
    """It need not wait for the lease of its own earlier process."""
    first = plant.start("a")
    plant.until(plant.last_tick, 20, "frames")
    first.process.kill()
    first.process.wait()
    again = plant.start("a")
    plant.until(lambda: again.state == "leading", 6, "it to lead again")
    began = plant.last_tick()
    plant.until(lambda: plant.last_tick() > began + 10, 30, "frames")
    assert {} == plant.twice()


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
