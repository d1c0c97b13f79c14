"""Whatever happens in whatever order, and wherever the alerter is started anew: everybody is told once, in order."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks.webhooks.desk import Desk, brief, silenced
from sinks.webhooks.lives import T0_MS, episodes, interleaved

from coldplate.sinks.webhooks.config import Route
from coldplate.wire.action import Verb

SILENCES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 40), st.sampled_from(["rack-0003", "hall", "rack-0009"])), max_size=2
)  # fmt: skip


def story(data):
    """Records of a few incidents and silences with the seconds at which they come."""
    random = data.draw(st.randoms(use_true_random=False))
    queues = []
    for id_ in ("aa11", "bb22"):
        records, actions = data.draw(episodes())
        queues.append([msgspec.structs.replace(r, id=id_) for r in records])
        queues.append(
            [msgspec.structs.replace(a, incident=id_, id=f"{id_}{a.id}") for a in actions]
        )
    for n, (begin, for_s, subject) in enumerate(data.draw(SILENCES)):
        queues.append([silenced(n, id_=f"5{n}", begin_s=begin, end_s=begin + for_s, subject=subject)])  # fmt: skip
    gaps = st.sampled_from([0.0, 0.1, 0.5, 3.0, 70.0])
    at, out = 0.0, []
    for record in interleaved(random, *queues):
        at += data.draw(gaps)
        out.append((at, record))
    return out


def routes(data):
    shared = data.draw(st.sampled_from([(), ("rack",), ("hall",)]))
    return (Route(name="all", to=("chat", "prometheus"), group_by=shared, remind_s=50.0),)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_restart_at_any_turn_changes_no_message(data):
    """Whoever goes on from what was written down says the very same, and says it once."""
    told, both = story(data), routes(data)
    one, two = Desk(*both), Desk(*both)
    for at, record in told:
        for desk in (one, two):
            desk.until(at)
            desk.take(record)
            desk.turn()
        if data.draw(st.booleans()):
            two.start()
            two.take(record)
    end_s = told[-1][0] + 300 if told else 0
    one.until(end_s)
    two.until(end_s)
    assert one.messages == two.messages
    assert one.actions == two.actions
    assert one.states == two.states
    twice = Counter(m.id for m in one.messages)
    assert [] == [id_ for id_, n in twice.items() if n > 1]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_everything_is_told_in_order(data):
    """Opened, then what follows, then closed, and opened again only after that; numbers count up."""
    desk = Desk(*routes(data))
    for at, record in story(data):
        desk.until(at)
        desk.take(record)
    desk.until(desk.now_ms / 1000 - T0_MS / 1000 + 100)
    is_open, numbers = Counter(), {}
    for message in desk.messages:
        key = (message.receiver, message.group)
        assert numbers.get(key, 0) == message.number
        numbers[key] = message.number + 1
        for told in message.told:
            of = (message.receiver, told.incident.id)
            assert is_open[of] == (0 if told.phase == "opened" else 1), brief(message)
            if told.phase in ("opened", "closed"):
                is_open[of] = int(told.phase == "opened")
    # Who thinks so is right: whatever is over by now was told to be.
    for id_, kept in desk.policy._kept.items():
        if not kept.life.open:
            assert 0 == is_open["chat", id_]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_every_page_is_told_unless_it_was_silenced(data):
    """Whatever pages at any time opens for the receiver, or a silence kept it back."""
    desk = Desk(*routes(data))
    paged = set()
    for at, record in story(data):
        desk.until(at)
        desk.take(record)
        paged |= {
            id_
            for id_, kept in desk.policy._kept.items()
            if kept.life.open and kept.life.incident.severity.pages
        }
    desk.until(desk.now_ms / 1000 - T0_MS / 1000 + 100)
    told = {t.incident.id for m in desk.messages for t in m.told if t.phase == "opened"}
    held = {a.incident for a in desk.actions if a.verb is Verb.HELD}
    assert set() == paged - told - held
    assert [] == [a for a in desk.actions if a.verb is Verb.DROPPED]
