"""Somebody is called when frames stop, by the one part that needs none to know it."""

from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.matching import check, matches
from coldplate.sinks.webhooks.pulse import Beat
from coldplate.sinks.webhooks.stopped import SUBJECT, Stopped
from coldplate.wire.fault import FRAMES_STOPPED
from coldplate.wire.incident import State
from coldplate.wire.silence import Silence

GOOD = Beat(True, 1.0, 5, "")
BAD = Beat(False, 90.0, 0, "the newest tick in the history is 90 s old")
NOW_MS = 1_800_000_000_000


def told(stopped, *beats, from_ms=NOW_MS):
    """Records of looks ten seconds apart."""
    made = [stopped.take(beat, from_ms + 10_000 * n) for n, beat in enumerate(beats)]
    return [record for record in made if record is not None]


def test_two_looks_open_it_and_two_close_it():
    """One look that failed is a hiccup."""
    opened, closed = told(Stopped("c"), GOOD, BAD, GOOD, BAD, BAD, BAD, GOOD, GOOD, GOOD)
    assert (State.OPEN, 0, FRAMES_STOPPED) == (opened.state, opened.step, opened.kind)
    assert (State.CLOSED, 1, opened.id) == (closed.state, closed.step, closed.id)
    assert "90 s old" in opened.cause


def test_it_began_when_the_last_tick_was_stored():
    """Not when somebody looked."""
    (opened,) = told(Stopped("c"), GOOD, BAD, BAD)
    assert NOW_MS - 70_000 == opened.first_tick_ms
    assert NOW_MS + 20_000 == opened.opened_ms


def test_what_never_began_has_not_stopped():
    """A pipeline that is being installed calls nobody."""
    assert [] == told(Stopped("c"), BAD, BAD, BAD)


def test_a_restart_goes_on_with_the_one_that_is_open():
    """It is not opened twice, and it is closed under its id."""
    before = Stopped("c")
    (opened,) = told(before, GOOD, BAD, BAD)
    after = Stopped("c", before.state)
    assert [] == told(after, BAD, BAD)
    (closed,) = told(after, GOOD, GOOD)
    assert (opened.id, State.CLOSED) == (closed.id, closed.state)
    (again,) = told(Stopped("c", after.state), BAD, BAD)
    assert opened.id != again.id


def test_a_worker_finds_nothing_in_it_to_take_over():
    """It has no evidence of a detector."""
    (opened,) = told(Stopped("c"), GOOD, BAD, BAD)
    assert () == opened.evidence


def test_the_last_record_outlasts_a_restart():
    """Who published it may have died before Kafka had it."""
    before = Stopped("c")
    opened, closed = told(before, GOOD, BAD, BAD, GOOD, GOOD)
    assert closed == Stopped("c", before.state).last
    assert opened.id == closed.id


def test_a_pipeline_that_is_stopped_on_purpose_can_be_silenced():
    """By its kind or its subject, as any device."""
    (opened,) = told(Stopped("c"), GOOD, BAD, BAD)
    for named in ({"kind": FRAMES_STOPPED}, {"subject": SUBJECT}):
        silence = Silence("5111", "moving the brokers", "ada", NOW_MS, NOW_MS + 3_600_000, **named)
        check(silence, NOW_MS, {SUBJECT})
        assert matches(silence, opened, labels_of(opened))
