"""How far the history is behind, and the event that says so before Kafka forgets."""

from sinks.fakes import Clock, FakeConsumer, FakeKafka

from coldplate.sinks.batch import Batch
from coldplate.sinks.lag import LOOK_S, Lag, LagWatch
from coldplate.sinks.pending import Pending

PLACE = ("coldplate.frames", 0)
KEPT_S = 3600
"""As the fake Kafka says."""


class Scene:
    """A partition with a record each minute from time 0 on."""

    def __init__(self):
        self.clock, self.kafka, self.events = Clock(), FakeKafka(), []
        self.kafka.random.choice = lambda options: options[0]
        self.part = Pending(PLACE)
        for n in range(10):
            self.kafka.append(*PLACE, b"", n * 60_000)
            self.part.add(self.kafka.logs[PLACE][-1], 1, 0.0)
        self.at_hand = {}
        consumer = FakeConsumer(self.kafka, Clock())
        self.watch = LagWatch(consumer, "test", "sink", self.events.append, self.clock)

    def at(self, now_s, why=""):
        self.clock.now_s = now_s
        self.watch.look([self.part], self.at_hand, why)
        return self.watch.lag


def test_the_oldest_record_that_is_not_stored_counts():
    """What waits, what is being stored, and nothing once all is."""
    scene = Scene()
    assert scene.at(900.0) == Lag(10, 900.0, KEPT_S - 900.0)
    batch = scene.part.take(3)
    scene.at_hand = {PLACE: batch}
    assert scene.at(1000.0) == Lag(10, 1000.0, KEPT_S - 1000.0)
    scene.at_hand = {}
    assert scene.at(1100.0) == Lag(7, 1100.0 - 180, KEPT_S - 1100.0 + 180)
    scene.part.take(100)
    assert scene.at(1200.0) == Lag(0, 0.0, None)


def test_a_range_to_redo_without_records_is_of_those_behind_it():
    """A range whose records Kafka has forgotten has no age of its own."""
    scene = Scene()
    scene.at_hand = {PLACE: Batch(*PLACE, 0, 1, (), redo=True)}
    assert scene.at(900.0) == Lag(10, 900.0, KEPT_S - 900.0)


def test_people_are_told_when_half_of_the_retention_is_gone():
    """Once a minute while it is so, with what it waits for; each event has an identity of its own."""
    scene = Scene()
    scene.at(KEPT_S / 2 - 10)
    assert scene.events == []
    for second in range(0, 180, 2):
        scene.at(KEPT_S / 2 + second, "clickhouse")
    assert 3 == len(scene.events) == len({e.id for e in scene.events})
    first = scene.events[0]
    assert ("sink_lag", "sink", "test") == (first.kind, first.subject, first.cluster)
    assert "waits for clickhouse" in first.text
    assert 10 == first.data["records"]
    assert first.data["left_s"] <= KEPT_S / 2


def test_it_looks_no_more_often_than_it_must():
    """A look asks Kafka: one every few seconds, however often the sink turns."""
    scene, asked = Scene(), []
    ends = scene.watch._consumer.ends
    scene.watch._consumer.ends = lambda places: asked.append(1) or ends(places)
    for tenth in range(200):
        scene.at(900.0 + tenth / 10)
    assert len(asked) == 20 / LOOK_S
