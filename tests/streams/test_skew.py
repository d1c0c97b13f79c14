"""Whose clock is wrong, by the broker's times; and who was only late."""

from dataclasses import dataclass, field

import pytest
from frames import record, record_bytes

from coldplate.streams.pipeline import Pipeline
from coldplate.streams.skew import Skew
from coldplate.wire.frame import Block, Head
from coldplate.wire.incident import Incident, Severity, State
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
NODES = tuple(f"r/{name}" for name in "abcdefgh")


def head(source: str, t_s: float, ticks: int = 5) -> Head:
    return Head(
        "test", source, "r", 1, 0, T0 + int(t_s), 1000, ticks,
        (Block(int(Kind.GPU), (f"{source}/0",), b""),),
    )  # fmt: skip


@dataclass
class Partition:
    """Eight nodes that send five ticks each, one after the other, and a worker that looks after each."""

    skew: Skew = field(default_factory=lambda: Skew("test"))
    said: list[tuple[str, bool]] = field(default_factory=list)
    at_s: dict[str, float] = field(default_factory=dict)

    def send(self, source: str, first_s: float, appended_s: float, number: int = 0) -> int:
        """A frame whose first tick is at `first_s`."""
        ahead = self.skew.heard(head(source, first_s), number, int((T0 + appended_s) * 1000))
        for a in self.skew.look(0):
            self.said.append((a.subject, a.on))
            self.at_s[a.subject] = appended_s
        return ahead

    def run(
        self,
        first_s: int,
        last_s: int,
        *,
        late_s=lambda node, t_s: 0.3,
        ahead_s=lambda node, t_s: 0,
    ) -> None:
        """Nodes sample side by side and send in turn, within 0.4 s."""
        for t in range(first_s, last_s, 5):
            for i, node in enumerate(NODES):
                self.send(node, t + ahead_s(node, t), t + 4 + 0.05 * i + late_s(node, t))


def test_healthy_clocks_are_not_spoken_of():
    """Also not when everybody's way to the broker takes now 50 ms and now 1.9 s."""
    here = Partition()
    here.run(0, 600, late_s=lambda node, t: 0.05 + 1.85 * ((t * 7 + ord(node[-1])) % 11) / 10)
    assert [] == here.said


@pytest.mark.parametrize("ahead_s", [1, 7, 55])
def test_a_clock_that_is_ahead_is_told_within_a_frame_and_when_it_is_right(ahead_s):
    """And taken back by so many ticks, so that its rack need not wait for it."""
    here = Partition()
    here.run(0, 100, ahead_s=lambda node, t: ahead_s if node == "r/c" and 50 <= t < 80 else 0)
    assert [("r/c", True), ("r/c", False)] == here.said
    assert 80 <= here.at_s["r/c"] <= 100
    early = Partition()
    early.run(0, 55, ahead_s=lambda node, t: ahead_s if node == "r/c" and t >= 50 else 0)
    assert ahead_s == early.send("r/c", 55 + ahead_s, 59.3)
    assert 0 == early.send("r/d", 55, 59.3)


def test_of_two_none_can_say_whose_clock_is_wrong():
    """It may be the broker's: nobody is named, and nothing is taken back."""
    here = Partition()
    for t in range(0, 100, 5):
        here.send("r/a", t, t + 4.3)
        assert 0 == here.send("r/b", t + 30 * (t >= 50), t + 4.3)
    assert [] == here.said


def test_the_anomaly_says_by_how_much():
    """At least: what the way took is not known."""
    skew = Skew("test")
    for node in NODES:
        skew.heard(head(node, 0), 0, (T0 + 4) * 1000 + 300)
    for node in NODES:
        skew.heard(head(node, 5 + 9 * (node == "r/b")), 0, (T0 + 9) * 1000 + 300)
    (anomaly,) = skew.look(77)
    assert ("clock-skew", "r/b", Severity.WARNING, 77) == (
        anomaly.kind, anomaly.subject, anomaly.severity, anomaly.arrived_ms,
    )  # fmt: skip
    assert (8.7, "ahead", (T0 + 9) * 1000 + 300) == (
        anomaly.evidence.value, anomaly.evidence.note, anomaly.t_ms,
    )  # fmt: skip


def test_a_clock_that_is_set_back_is_told_after_three_frames():
    """It repeats ticks, and comes later by the same time again and again."""
    here = Partition()
    here.run(0, 60, ahead_s=lambda node, t: -8 if node == "r/c" and t >= 30 else 0)
    assert [("r/c", True)] == here.said
    assert 44 <= here.at_s["r/c"] <= 46


def test_who_catches_up_from_its_spool_has_no_wrong_clock():
    """However slowly: it goes on with its next tick, and comes nearer."""
    for each_s in (0.2, 4.0, 4.9):
        here = Partition()
        here.run(0, 30)
        at_s, tick = 130.0, 30
        while at_s < 400 and at_s > tick + 4:
            here.send("r/c", tick, at_s)
            at_s, tick = at_s + each_s, tick + 5
            for node in NODES:
                if node != "r/c":
                    here.send(node, int(at_s) - 5, at_s)
        assert [] == here.said, each_s


def test_a_partition_that_is_late_as_a_whole_has_no_wrong_clock():
    """Nor has any of it while one after the other is in time again."""
    here = Partition()
    behind = {node: 200 + 10 * i for i, node in enumerate(NODES)}
    here.run(0, 400, late_s=lambda node, t: 9.0 if 100 <= t < behind[node] and t < 205 else 0.3)
    assert [] == here.said


def test_a_broker_whose_clock_is_wrong_accuses_nobody():
    """Ahead of it or behind it are all, from one frame to the next and back."""
    for off_s in (-30.0, 30.0):
        here = Partition()
        here.run(0, 300, late_s=lambda node, t, off_s=off_s: 0.3 + off_s * (100 <= t < 200))
        assert [] == here.said


def test_a_broker_whose_clock_is_wrong_does_not_hide_who_is_wrong_in_another_partition():
    """Each partition is judged by itself."""
    here = Partition()
    for t in range(0, 100, 5):
        for i, node in enumerate(NODES):
            here.send(node, t, t + 4.3 - 30 * (t >= 50))
            here.send(f"{node}2", t + 9 * (i == 3 and t >= 50), t + 4.3, number=1)
    assert [("r/d2", True)] == here.said


def test_the_same_records_give_the_same_answers():
    """Who reads a partition again says what was said before."""
    once, again = Partition(), Partition()
    for here in (once, again):
        here.run(0, 200, ahead_s=lambda node, t: 20 * (node == "r/e" and 60 <= t < 120))
    assert once.said == again.said != []


def test_names_without_end_are_not_followed(monkeypatch):
    """What is kept is bounded; those that are known are followed on."""
    monkeypatch.setattr("coldplate.streams.skew.SOURCES_MAX", 8)
    here = Partition()
    here.run(0, 50)
    for i in range(100):
        assert 0 == here.send(f"stranger-{i}", 50 + 30, 54.0)
    here.run(55, 65, ahead_s=lambda node, t: 9 * (node == "r/c"))
    assert [("r/c", True)] == here.said


def frames_of(t: int, ahead_s: int = 0, nodes: tuple[str, ...] = NODES) -> list[tuple[bytes, int]]:
    """What eight nodes send of five ticks; the clock of the third may be ahead."""
    out = []
    for node in nodes:
        values = {"power_w": 600.0, "gpu_c": 55.0, "margin_c": 30.0}
        tick = T0 + t + ahead_s * (node == "r/c")
        out.append(
            (record_bytes(node, "r", tick, 5, {Kind.GPU: ((f"{node}/0",), values)}, seq=t), t)
        )
    return out


def feed(pipeline: Pipeline, t: int, ahead_s: int = 0) -> list[Incident]:
    now_ms = (T0 + t + 4) * 1000 + 300
    records = [record(v, timestamp_ms=now_ms) for v, _ in frames_of(t, ahead_s)]
    out = pipeline.frames(records, now_ms).incidents
    return out + pipeline.passing_time(now_ms).incidents


def test_a_wrong_clock_is_one_incident_of_its_node_that_ends():
    """And the ticks of its rack are judged when they come, though one of it is a minute ahead."""
    pipeline, out = Pipeline("test"), []
    for t in range(0, 200, 5):
        out += feed(pipeline, t, 50 if 60 <= t < 120 else 0)
    assert {("clock-skew", "r/c")} == {(i.kind, i.subject) for i in out}
    assert 1 == len({i.id for i in out})
    assert State.CLOSED is out[-1].state
    assert (T0 + 64) * 1000 <= out[0].opened_ms <= (T0 + 65) * 1000
    assert (T0 + 199) * 1000 == pipeline.engine.newest_ms
    assert 0 == pipeline.engine.counts["late_ticks"]


def test_a_clock_further_ahead_than_what_is_admitted_is_told_too():
    """Its frames are refused, and that is no reason to say nothing."""
    pipeline, out = Pipeline("test"), []
    for t in range(0, 100, 5):
        out += feed(pipeline, t, 3600 if t >= 50 else 0)
    assert pipeline.rejected["tick-ahead"]
    assert {("clock-skew", "r/c")} == {(i.kind, i.subject) for i in out}


def test_a_worker_that_takes_over_ends_what_is_right_again():
    """Whether the clock is put right while nobody reads, in what is read to warm up, or later."""
    for right_at in (100, 110, 150):
        before = Pipeline("test")
        said = [i for t in range(0, 100, 5) for i in feed(before, t, 50 if t >= 60 else 0)]
        after = Pipeline("test")
        for t in range(80, 130, 5):
            now_ms = (T0 + t + 4) * 1000 + 300
            ahead_s = 50 if t < right_at else 0
            after.warm([record(v, timestamp_ms=now_ms) for v, _ in frames_of(t, ahead_s)], now_ms)
        after.take_over({i.id: i for i in said}.values())
        for t in range(130, 200, 5):
            said += feed(after, t, 50 if t < right_at else 0)
        assert 1 == len({i.id for i in said}), right_at
        assert State.CLOSED is said[-1].state
