"""Kafka and ClickHouse in memory, with faults: lost replies, refused calls, sudden death, rebalances."""

import random
from collections import defaultdict

from coldplate.sinks.batch import AT_ONCE, LATER, ROLLUPS, Record, Span, valid_spans
from coldplate.sinks.errors import HistoryDown, KafkaAway, MembershipLost
from coldplate.sinks.store import id_of


class Killed(BaseException):
    """The process died here."""


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += max(seconds, 0.01)


class Faults:
    """Draws what goes wrong; quiet when `rate` is 0."""

    def __init__(self, seed=0, rate=0.0, kill=0.0):
        self.random = random.Random(seed)
        self.rate, self.kill = rate, kill

    def at(self, error):
        if self.random.random() < self.kill:
            raise Killed
        if self.random.random() < self.rate:
            raise error("fault of a test")


KEPT = ("device", "t", "samples")


class FakeStore:
    """Tables as lists of rows; an insert with a token that the table has seen changes nothing."""

    def __init__(self, faults=None):
        self.faults = faults or Faults()
        self.rows = defaultdict(list)
        self.tokens = set()
        self.inserts = []
        self.during = None

    def fits(self):
        self.faults.at(HistoryDown)

    def insert(self, table, columns, token):
        self.faults.at(HistoryDown)
        if self.during:
            self.during(table)
        self.inserts.append((table, token))
        if token is None or (table, token) not in self.tokens:
            self.tokens.add((table, token))
            # Of rollups that a row is there, and of how many samples: their columns are some hundred.
            names = KEPT if table.endswith("_stats") else list(columns)
            for values in zip(*(columns[n] for n in names), strict=True):
                self.rows[table].append(dict(zip(names, values, strict=True)))
        # From here on the reply is lost.
        self.faults.at(HistoryDown)

    def intents(self, kafka, topic_id, partition, since):
        self.faults.at(HistoryDown)
        kinds = {id_of(topic_id, kind): kind for kind in (AT_ONCE, LATER, ROLLUPS)}
        found = [
            (Span(r["first"], r["last"], kinds[r["topic_id"]]), r["generation"])
            for r in self.rows["sink_batches"]
            if (r["kafka"], r["partition"]) == (kafka, partition) and r["topic_id"] in kinds
        ]
        if since is None:
            batches = [span for span, _ in found if span.kind != ROLLUPS]
            return [max(batches)] if batches else []
        return valid_spans([entry for entry in found if entry[0].first >= since])

    def frames_since(self, topic_partition, since):
        self.faults.at(HistoryDown)
        return [
            (r["source"], int(r["boot"]), int(r["seq"]), int(r["seq"]))
            for r in self.rows["frames"]
            if r["topic_partition"] == topic_partition and int(r["record_offset"]) >= since
        ]

    def stored_frames(self):
        self.faults.at(HistoryDown)
        return [
            (r["source"], int(r["boot"]), int(r["seq"]), int(r["seq"])) for r in self.rows["frames"]
        ]

    def gaps(self, partitions, window_s):
        self.faults.at(HistoryDown)
        return {}

    def dropped(self, sources):
        self.faults.at(HistoryDown)
        return {}


class FakeKafka:
    """Logs by (topic, partition), one group's offsets, and who owns which partition."""

    def __init__(self, seed=0):
        self.random = random.Random(seed)
        self.logs = defaultdict(list)
        self.committed = {}
        self.owner = {}
        self.members = []
        self.generation = 0

    def append(self, topic, partition, value, timestamp_ms):
        log = self.logs[topic, partition]
        # Offsets have gaps, as transaction markers leave them.
        offset = log[-1].offset + self.random.choice((1, 1, 1, 2)) if log else 0
        log.append(Record(topic, partition, offset, timestamp_ms, value))

    def rebalance(self, members):
        self.generation += 1
        self.members = members
        self.owner = {place: self.random.choice(members) for place in sorted(self.logs)}

    def done(self):
        return all(
            self.committed.get(place, 0) > log[-1].offset for place, log in self.logs.items()
        )


class FakeConsumer:
    """A member; it learns of a rebalance at its next poll, as real ones do."""

    def __init__(self, kafka, clock, faults=None, poll_max=20):
        self.kafka, self.clock, self.faults = kafka, clock, faults or Faults()
        self.poll_max = poll_max
        self.known_generation = -1
        self.positions, self.paused = {}, set()
        self.lost, self.gained = set(), set()

    def poll(self, timeout_s):
        self.clock.wait(timeout_s)
        self.faults.at(KafkaAway)
        if self.known_generation != self.kafka.generation:
            self.lost |= set(self.positions)
            mine = {p for p, member in self.kafka.owner.items() if member is self}
            self.gained = mine
            self.positions = {p: self.kafka.committed.get(p, 0) for p in sorted(mine)}
            self.paused = set()
            self.known_generation = self.kafka.generation
        out = []
        for place, position in self.positions.items():
            if place not in self.paused:
                left = [r for r in self.kafka.logs[place] if r.offset >= position]
                taken = left[: self.kafka.random.randint(0, self.poll_max)]
                out += taken
                if taken:
                    self.positions[place] = taken[-1].offset + 1
        return out

    def changes(self):
        out = self.lost, self.gained
        self.lost, self.gained = set(), set()
        return out

    def kafka_id(self):
        return "kafka-1"

    def generation(self):
        return self.known_generation

    def topic_id(self, topic):
        return f"id-of-{topic}"

    def committed(self, place):
        self.faults.at(KafkaAway)
        return self.kafka.committed.get(place)

    def seek(self, place, offset):
        if place not in self.positions:
            raise KafkaAway("not ours")
        self.positions[place] = offset or 0

    def position(self, place):
        return self.positions.get(place)

    def pause(self, places):
        self.paused |= set(places) & set(self.positions)

    def resume(self, places):
        self.paused -= set(places)

    def ends(self, places):
        return {p: log[-1].offset + 1 for p in places if (log := self.kafka.logs.get(p))}

    def retention_s(self, topic):
        return 3600.0

    def commit(self, offsets):
        self.faults.at(KafkaAway)
        if self.known_generation != self.kafka.generation:
            raise MembershipLost("rebalanced")
        assert set(offsets) <= set(self.positions)
        self.kafka.committed |= offsets
        self.faults.at(KafkaAway)

    def close(self):
        pass
