"""What an incident is for a person."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from sinks.webhooks.lives import T0_MS, action, episodes, incident, interleaved

from coldplate.sinks.webhooks.life import Life
from coldplate.wire.action import Outcome


def life(*records):
    out = Life()
    for record in records:
        out.take(record)
    return out


def test_an_incident_is_open_until_detection_or_a_person_closes_it():
    """Whoever is first says when."""
    assert life(incident()).open
    assert not life(incident(), incident(1, "closed")).open
    by_ada = life(incident(), action("close"))
    assert (False, "ada", T0_MS + 500) == (by_ada.open, by_ada.closed_by, by_ada.closed_ms)
    both = life(incident(), action("close"), incident(1, "closed"))
    assert T0_MS + 500 == both.closed_ms


def test_nothing_is_open_while_only_actions_are_known():
    """They are kept for the record that follows."""
    early = life(action("ack"), action("mark", 1, outcome=Outcome.FALSE, text="a test"))
    assert not early.open
    early.take(incident())
    assert (True, "ada", "false", "a test", "ada") == (
        early.open, early.acked_by, early.outcome, early.outcome_text, early.outcome_by,
    )  # fmt: skip


def test_what_becomes_worse_after_it_was_closed_is_open_again():
    """Worse than what was known to who closed it; the same once more is nothing new, and a fall does not close it."""
    closed = (incident(), action("close"))
    assert not life(*closed, incident(1)).open
    worse = life(*closed, incident(1, severity="critical"))
    assert (True, "", None, 1) == (worse.open, worse.closed_by, worse.closed_ms, worse.opening)
    assert life(*closed, incident(1, severity="critical"), incident(2)).open
    known = life(incident(), incident(1, severity="critical"), action("close", step=1), incident(2))
    assert not known.open


def test_detection_that_opens_it_again_needs_a_new_ack():
    """What was said was said of less; who knew the new state has said it of that."""
    again = (incident(), incident(1, "closed"), incident(2))
    assert (True, "", 2) == (
        life(*again, action("ack")).open, life(*again, action("ack")).acked_by, life(*again).opening,
    )  # fmt: skip
    assert "ada" == life(*again, action("ack", step=2)).acked_by
    assert not life(*again, action("close", step=2)).open
    assert life(*again, action("close")).open


def test_the_last_word_counts():
    """By the time of the action, whatever comes first."""
    marks = [action("mark", n, outcome=o) for n, o in enumerate((Outcome.FALSE, Outcome.FIXED))]
    assert Outcome.FIXED == life(*marks).outcome == life(*reversed(marks)).outcome


def test_who_knew_more_is_not_overruled():
    """A close of an earlier record that comes late does not undo one of a later."""
    records = (incident(), incident(1, severity="critical"))
    late = life(*records, action("close", 1, step=1, who="bo"), action("close", 2))
    assert (False, "bo") == (late.open, late.closed_by)


@given(episodes(), st.randoms())
def test_the_order_between_the_topics_does_not_matter(episode, random):
    """Nor do repeats, nor a way through bytes in the middle."""
    records, actions = episode
    expected = life(*records, *actions)
    order = interleaved(random, records, actions)
    order += random.sample(order, len(order) // 2)
    at = random.randrange(len(order) + 1)
    found = msgspec.msgpack.decode(msgspec.msgpack.encode(life(*order[:at])), type=Life)
    for record in order[at:]:
        found.take(record)
    assert expected == found
