"""Agents of a plant as processes, and what comes of them."""

import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tree import ROOT
from waiting import await_that

from coldplate.agents.follow import Follower
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console.running import read_stats
from coldplate.wire.frame import decode_frame
from coldplate.wire.topic import Topics

CDUS = 3
TAKEN_OVER_S = 10.0
"""Longest that the other may take."""


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
