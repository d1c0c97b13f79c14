"""A turn is written down whole before anything is sent, and nothing is told while the past is read."""

import asyncio
import time
from functools import partial

import pytest
from sinks.webhooks.lives import incident
from sinks.webhooks.receivers import soon

from coldplate.sinks.batch import Record
from coldplate.sinks.errors import KafkaAway
from coldplate.sinks.webhooks.alerter import Alerter
from coldplate.sinks.webhooks.config import Alerts, Heartbeat, Links, Route, StandardWebhooks
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.policy import Policy
from coldplate.sinks.webhooks.pulse import Pulse
from coldplate.sinks.webhooks.text import text_of
from coldplate.wire.codec import encode
from coldplate.wire.incident import Incident
from coldplate.wire.topic import Topics

TOPICS = Topics()
ALERTS = Alerts(
    receivers=(StandardWebhooks(name="duty", url="https://duty.example/"),),
    routes=(Route(name="all", to=("duty",), group_wait_s=0.0),),
)


class Reader:
    """Kafka's records, as a test has them appended."""

    def __init__(self, *records):
        self.log = list(records)
        self.at = 0
        self.away = False
        self.polls = 0

    @property
    def offsets(self):
        return {("incidents", 0): self.at}

    def poll(self, timeout_s):
        self.polls += 1
        if self.away:
            raise KafkaAway("Kafka is away")
        # Two at a time, so that a past takes several polls.
        values = self.log[self.at : self.at + 2]
        found = [
            Record(TOPICS.incidents, 0, self.at + n, 0, value) for n, value in enumerate(values)
        ]
        self.at += len(found)
        return found

    def behind(self):
        return len(self.log) - self.at


class Sender:
    """Notes when it was woken up."""

    def __init__(self):
        self.woken = 0

    async def run(self):
        await asyncio.Event().wait()

    def wake(self):
        self.woken += 1

    async def stop(self):
        pass


class ToKafka:
    """Keeps what it was given; Kafka has it when a test says so."""

    def __init__(self):
        self.records, self.has_them = [], True

    def publish(self, record):
        self.records.append(record)

    def acknowledged(self):
        return self.has_them


class Full(Outbox):
    """A disk that has no room for the first few turns."""

    failures = 0

    def commit(self, turn):
        if self.failures:
            self.failures -= 1
            raise OutboxError("the disk is full")
        super().commit(turn)


def alerter(reader, outbox, kafka=None, pulse=None, heartbeat=None, alerts=ALERTS):
    """One that tells `duty` of all that pages."""
    policy = Policy(alerts, None, partial(text_of, links=Links()), "test", "a")
    return Alerter(
        "test", TOPICS, reader, policy, outbox, Sender(), kafka or ToKafka(), outbox.states(),
        heartbeat or Heartbeat(every_s=0.05), pulse,
    )  # fmt: skip


def run(made, until, what):
    """Let it work until something is so, then end it."""

    async def work():
        stop = asyncio.Event()
        task = asyncio.create_task(made.run(stop))
        try:
            await soon(lambda: task.done() or until(), what)
        finally:
            stop.set()
            await task

    asyncio.run(work())


@pytest.fixture
def outbox(tmp_path):
    """An empty one."""
    made = Full(tmp_path / "alerts.sqlite")
    yield made
    made.close()


def waiting(outbox):
    """What waits for `duty`: (incident, phase)."""
    return [
        (told.incident.id, told.phase.value)
        for head in outbox.heads("duty", 100)
        for told in head.message.told
    ]


def test_what_is_open_is_told_and_what_was_over_when_it_began_is_not(outbox):
    """The past is read to its end first, however many polls that takes."""
    past = [incident(0, id_="over"), incident(0, id_="holds"), incident(1, id_="holds"), incident(1, "closed", id_="over")]  # fmt: skip
    run(alerter(Reader(*map(encode, past)), outbox), lambda: waiting(outbox), "a message")
    assert [("holds", "opened")] == waiting(outbox)


def test_offsets_are_written_down_with_what_followed_from_them(outbox):
    """So that a restart goes on where the decisions end."""
    reader = Reader(encode(incident(0, id_="one")))
    run(alerter(reader, outbox), lambda: waiting(outbox), "a message")
    assert {("incidents", 0): 1} == outbox.offsets()


def test_a_restart_tells_nothing_twice(outbox):
    """What was written down waits; what is read again changes nothing."""
    log = [encode(incident(0, id_="one"))]
    run(alerter(Reader(*log), outbox), lambda: waiting(outbox), "a message")
    again = Reader(*log)
    run(alerter(again, outbox), lambda: again.polls > 5, "five polls")
    assert [("one", "opened")] == waiting(outbox)


def test_a_full_disk_is_waited_for_and_nothing_is_lost(outbox):
    """Kafka keeps what comes meanwhile."""
    outbox.failures = 3
    run(
        alerter(Reader(encode(incident(0, id_="one"))), outbox), lambda: waiting(outbox),
        "a message after the disk had room",
    )  # fmt: skip
    assert [("one", "opened")] == waiting(outbox)


def test_a_record_that_cannot_be_read_stops_nobody(outbox):
    """It is counted by its reason."""
    made = alerter(Reader(b"\xc1 no record", encode(incident(0, id_="one"))), outbox)
    run(made, lambda: waiting(outbox), "a message")
    assert 1 == made.counts["rejected_not-messagepack"]


def test_kafka_that_is_away_is_waited_for(outbox):
    """And what it has afterwards is told."""
    reader = Reader()
    reader.away = True

    def back():
        if reader.polls > 2 and reader.away:
            reader.log.append(encode(incident(0, id_="one")))
            reader.away = False
        return waiting(outbox)

    run(alerter(reader, outbox), back, "a message after Kafka was back")
    assert [("one", "opened")] == waiting(outbox)


class Ends:
    """Both ends of the pipeline; frames pass until a test says otherwise."""

    def __init__(self, clock):
        self.passes, self._clock, self._total = True, clock, 0

    def newest_stored_ms(self):
        return int(self._clock() * 1000) if self.passes else 1

    def judged(self):
        self._total += self.passes
        return self._total


def test_frames_that_stop_are_an_incident_and_no_more_beats(outbox):
    """It is told by the same way as any other, and published for the history."""
    kafka, ends = ToKafka(), Ends(time.time)
    beats = Heartbeat(to=("duty",), every_s=0.05)
    made = alerter(Reader(), outbox, kafka, Pulse(ends, 60.0), beats)

    def told():
        if made.counts["beats"] >= 1:
            ends.passes = False
        return [p for p in kafka.records if isinstance(p, Incident)]

    run(made, told, "an incident of the pipeline")
    (record,) = [p for p in kafka.records if isinstance(p, Incident)]
    assert ("frames-stopped", "pipeline") == (record.kind, record.subject)
    assert (record.id, "opened") in waiting(outbox)
    assert made.counts["beats_missed"] >= 2


def test_what_was_done_is_kept_until_kafka_has_it(outbox):
    """An alerter that dies before that publishes it again, under the same id."""
    page = incident(0, id_="nobody", severity="warning")
    unrouted = Alerts(receivers=ALERTS.receivers, routes=())
    kafka = ToKafka()
    kafka.has_them = False
    made = alerter(Reader(encode(page)), outbox, kafka, alerts=unrouted)
    run(made, lambda: kafka.records, "a page without a route")
    assert ["dropped"] == [a.verb.value for a in outbox.publishable()]
    again = ToKafka()
    run(
        alerter(Reader(), outbox, again, alerts=unrouted),
        lambda: not outbox.publishable(),
        "Kafka's answer",
    )
    assert {a.id for a in kafka.records} == {a.id for a in again.records}
