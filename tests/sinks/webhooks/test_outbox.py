"""The file in which alerts wait."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks.webhooks.receivers import T0_MS, Clock, message, told

from coldplate.sinks.webhooks.message import Phase
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.outbox_file import OutboxBusy, OutboxError, OutboxUnfit
from coldplate.sinks.webhooks.turn import Turn
from coldplate.sinks.webhooks.waiting import Lengths, Limits
from coldplate.wire.action import Action, Verb


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def outbox(path):
    with closing(Outbox(path, "alerter a", clock=Clock())) as made:
        yield made


def action(n):
    return Action("c", f"a{n}", T0_MS, "alerter a", Verb.HELD, incident="i0", silence=None)


def put(outbox, *messages):
    outbox.commit(Turn(messages=messages))


def heads(outbox, receiver="r"):
    return [w.message.id for w in outbox.heads(receiver, 100)]


def test_a_turn_is_there_again_after_a_restart(path):
    """Messages, memory, offsets and actions outlast the process as they were written."""
    turn = Turn([message()], [action(0)], {"a": b"\x00\xff", "b": b"2"}, {("topic-id", 3): 17})
    with closing(Outbox(path)) as outbox:
        outbox.commit(turn)
        outbox.commit(Turn(states={"b": None}))
    with closing(Outbox(path)) as outbox:
        assert [message()] == [w.message for w in outbox.heads("r", 9)]
        assert [("a", b"\x00\xff")] == list(outbox.states())
        assert {("topic-id", 3): 17} == outbox.offsets()
        assert [action(0)] == outbox.publishable()


def test_only_the_first_of_a_group_may_be_sent(outbox):
    """Message n+1 waits for n, whatever the order in which they were written; groups do not wait for each other."""
    put(outbox, message(2), message(1), message(7, "h"))
    assert ["r-g-1", "r-h-7"] == heads(outbox)
    outbox.taken(message(1), "HTTP 200")
    assert {"r-g-2", "r-h-7"} == set(heads(outbox))


def test_a_message_that_waits_for_its_retry_holds_its_group(outbox):
    """It stays the first, not due before its time; a further one of the group does not pass it."""
    put(outbox, message(1), message(2))
    outbox.retry(message(1), T0_MS + 5000, "HTTP 500")
    (head,) = outbox.heads("r", 9)
    assert ("r-g-1", T0_MS + 5000, 1, "HTTP 500") == (head.message.id, head.due_ms, head.tries, head.said)  # fmt: skip


def test_a_dead_letter_lets_the_next_go_and_is_told_of(outbox):
    """It is listed with its reason, and an action for each of its incidents waits to be published."""
    both = message(1, tolds=(told("i1"), told("i2")))
    put(outbox, both, message(2))
    outbox.dead(both, "HTTP 410")
    assert ["r-g-2"] == heads(outbox)
    (letter,) = outbox.dead_letters()
    assert ("r-g-1", "r", "HTTP 410", both) == (letter.id, letter.receiver, letter.said, letter.message)  # fmt: skip
    found = [(a.verb, a.incident, a.text, a.message, a.phase) for a in outbox.publishable()]
    assert [(Verb.DEAD, i, "HTTP 410", "r-g-1", "opened") for i in ("i1", "i2")] == found


def test_the_same_message_waits_once(outbox):
    """A turn that is done again after a crash adds nothing."""
    put(outbox, message())
    outbox.retry(message(), T0_MS + 9, "x")
    put(outbox, message(), message())
    assert {"r": Lengths(1, 0, T0_MS)} == outbox.lengths()
    assert 1 == outbox.heads("r", 9)[0].tries


@pytest.mark.parametrize(
    ("asked", "again"),
    [({"ids": ["r-g-1"]}, {"r-g-1"}), ({"receiver": "s"}, {"s-g-1"}), ({}, {"r-g-1", "r-g-2", "s-g-1"}), ({"ids": ["no"]}, set())],
)  # fmt: skip
def test_dead_letters_are_sent_again_under_their_ids(outbox, asked, again):
    """By id, by receiver, or all; their age begins anew, and none of the others moves."""
    dead = [message(1), message(2), message(1, receiver="s")]
    put(outbox, *dead)
    for m in dead:
        outbox.dead(m, "gone")
    assert len(again) == outbox.resend(**asked)
    assert again >= {*heads(outbox), *heads(outbox, "s")}
    assert {m.id for m in dead} - again == {letter.id for letter in outbox.dead_letters()}
    assert 3 == sum(lengths.pending + lengths.dead for lengths in outbox.lengths().values())


def test_a_message_that_is_dead_and_made_again_waits_beside_its_dead_letter(outbox):
    """After the memory was lost the same id may come again; sent again, it waits once, and taken it is gone."""
    put(outbox, message())
    outbox.dead(message(), "gone")
    put(outbox, message())
    assert 1 == outbox.resend()
    assert {"r": Lengths(1, 0, T0_MS)} == outbox.lengths()
    outbox.taken(message(), "HTTP 200")
    assert {} == outbox.lengths()


def test_a_receiver_that_takes_nothing_pushes_out_its_own_oldest_alone(path):
    """Beyond its bound the oldest become dead letters, counted and told of; others lose nothing."""
    with closing(Outbox(path, limits=Limits(messages_max=3))) as outbox:
        put(outbox, message(0, receiver="s"), *(message(n, f"g{n}") for n in range(5)))
        assert {"r": Lengths(3, 2, T0_MS), "s": Lengths(1, 0, T0_MS)} == outbox.lengths()
        assert ["r-g1-1", "r-g0-0"] == [letter.id for letter in outbox.dead_letters()]
        assert 2 == outbox.counts["r", "pushed out"]
        assert [Verb.DEAD] * 2 == [a.verb for a in outbox.publishable()]


def test_bytes_are_bounded_too(path):
    """Messages together, and one alone: too large a one is a dead letter at once."""
    with closing(Outbox(path, limits=Limits(bytes_max=4000))) as outbox:
        put(outbox, *(message(n, title="x" * 500) for n in range(8)))
        put(outbox, message(9, title="x" * 2000))
        lengths = outbox.lengths()["r"]
        assert 4000 > 500 * lengths.pending
        assert 9 == lengths.pending + lengths.dead
        assert 1 == outbox.counts["r", "too large"]


def test_dead_letters_are_bounded_and_what_goes_is_counted(path):
    """The oldest goes first."""
    with closing(Outbox(path, limits=Limits(dead_max=2))) as outbox:
        put(outbox, *(message(n) for n in range(4)))
        for n in range(4):
            outbox.dead(message(n), "gone")
        assert ["r-g-3", "r-g-2"] == [letter.id for letter in outbox.dead_letters()]
        assert 2 == outbox.counts["r", "dead letter pushed out"]


def test_actions_wait_until_kafka_has_them_and_are_bounded(path):
    """In their order; beyond the bound the oldest is dropped and counted."""
    with closing(Outbox(path, limits=Limits(actions_max=3))) as outbox:
        outbox.commit(Turn(actions=[action(n) for n in range(4)]))
        assert ["a1", "a2", "a3"] == [a.id for a in outbox.publishable()]
        outbox.published(["a1", "a2"])
        outbox.commit(Turn(actions=[action(3), action(9)]))
        assert ["a3", "a9"] == [a.id for a in outbox.publishable()]
        assert 1 == outbox.counts["", "action pushed out"]


@pytest.mark.parametrize("phase", [Phase.REFRESH, Phase.HEARTBEAT])
def test_of_what_is_fleeting_only_the_newest_waits(outbox, phase):
    """A later heartbeat or refresh of a group takes the place of one that was not taken, and none is a dead letter."""
    put(outbox, message(0), message(1, phase=phase), message(1, "h", phase=phase))
    put(outbox, message(2, phase=phase))
    outbox.taken(message(0), "HTTP 200")
    assert {"r-g-2", "r-h-1"} == set(heads(outbox))
    outbox.dead(message(2, phase=phase), "HTTP 410")
    assert [] == outbox.dead_letters()
    assert [Verb.SENT] == [a.verb for a in outbox.publishable()]
    assert 1 == outbox.counts["r", "superseded"]


def test_what_waits_for_a_receiver_that_is_no_more_is_given_up(outbox):
    """Nobody would ever send it."""
    put(outbox, message(0), message(1), message(0, receiver="s"))
    assert 2 == len(outbox.abandon(["s"], "no such receiver"))
    assert {"r": Lengths(0, 2), "s": Lengths(1, 0, T0_MS)} == outbox.lengths()


def test_a_second_alerter_is_refused_and_a_command_is_not(path, outbox):
    """The error names the process; a command may look and send again meanwhile, and the alerter notices."""
    put(outbox, message())
    outbox.dead(message(), "gone")
    with pytest.raises(OutboxBusy, match=rf"process {os.getpid()}"):
        Outbox(path)
    assert not outbox.changed()
    with closing(Outbox(path, alone=False)) as looking:
        assert 1 == looking.resend()
    assert outbox.changed()
    assert not outbox.changed()
    assert ["r-g-0"] == heads(outbox)


def test_the_lock_is_gone_with_its_holder(path):
    """A file that was closed can be had again, and only its owner may read it."""
    for _ in range(2):
        Outbox(path).close()
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_command_does_not_make_a_file(path):
    """Where no alerter has run, it says so."""
    with pytest.raises(OutboxUnfit, match="no alerter has run"):
        Outbox(path, alone=False)
    assert not path.exists()


def rubbish(data):
    return b"\x17rubbish" * 1000


def hole(data):
    return data[:4096] + bytes(8192) + data[12288:]


def half(data):
    return data[: len(data) // 2]


@pytest.mark.parametrize("damage", [rubbish, hole, half, lambda _: b""])
def test_a_damaged_file_is_refused_with_advice_and_left_as_it_is(path, damage):
    """A new one in its place would forget whom to tell."""
    with closing(Outbox(path)) as outbox:
        put(outbox, *(message(n, title="x" * 3000) for n in range(40)))
    path.write_bytes(damage(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(OutboxUnfit, match="Move it away and start again"):
        Outbox(path)
    assert before == path.read_bytes()


def test_a_newer_file_and_another_programs_are_refused(path, tmp_path):
    """The error says which program to start."""
    Outbox(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxUnfit, match="written by a newer coldplate"):
        Outbox(path)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE t (x)")
    with pytest.raises(OutboxUnfit, match="another program"):
        Outbox(other)


def test_a_path_that_cannot_be_is_an_error_of_its_own(tmp_path):
    """Not a traceback of the system's."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnfit, match="cannot be opened"):
        Outbox(tmp_path / "file" / "outbox.sqlite")


def test_a_full_disk_takes_nothing_of_a_turn(outbox):
    """It is an error, and the same turn succeeds when there is room again."""
    with outbox.file.read() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
    turn = Turn(
        [message(n, title="x" * 3000) for n in range(40)], states={"a": b"1"}, offsets={("t", 0): 1}
    )
    with pytest.raises(OutboxError, match="full"):
        outbox.commit(turn)
    assert ({}, {}, []) == (outbox.lengths(), outbox.offsets(), list(outbox.states()))
    with outbox.file.read() as db:
        db.execute("PRAGMA max_page_count = 100000")
    outbox.commit(turn)
    assert 40 == outbox.lengths()["r"].pending


def test_what_this_program_cannot_read_is_a_dead_letter(outbox):
    """Its group goes on."""
    put(outbox, message(0), message(1))
    with outbox.file.write() as db:
        db.execute("UPDATE messages SET body = x'c1' WHERE number = 0")
    assert [] == heads(outbox)
    assert ["r-g-1"] == heads(outbox)
    (letter,) = outbox.dead_letters()
    assert ("r-g-0", None) == (letter.id, letter.message)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "taken", "dead", "retry", "resend", "hurry"]),
        st.integers(0, 2), st.integers(0, 4),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_heads_and_counts_follow_from_what_waits(tmp_path_factory, steps):
    """Whatever was done in whatever order: the head of each group is the least number, and the counts are right."""
    path = tmp_path_factory.mktemp("model") / "outbox.sqlite"
    waits, dead = {}, {}
    with closing(Outbox(path, limits=Limits(messages_max=1000))) as outbox:
        # What has to be on the disk is another test's.
        outbox.file._db.execute("PRAGMA synchronous = OFF")
        for what, group, number in steps:
            m = message(number, f"g{group}")
            if what == "put":
                put(outbox, m)
                waits[m.id] = m
            elif what == "taken" and m.id in waits:
                outbox.taken(m, "ok")
                waits.pop(m.id, None), dead.pop(m.id, None)
            elif what == "dead" and m.id in waits:
                outbox.dead(m, "no")
                dead[m.id] = waits.pop(m.id)
            elif what == "retry":
                outbox.retry(m, T0_MS + number, "later")
            elif what == "resend":
                outbox.resend()
                waits, dead = {**waits, **dead}, {}
            elif what == "hurry":
                outbox.hurry("r")
            first = {}
            for w in sorted(waits.values(), key=lambda w: w.number):
                first.setdefault(w.group, w.id)
            assert set(first.values()) == set(heads(outbox))
            lengths = outbox.lengths().get("r", Lengths())
            assert (len(waits), len(dead)) == (lengths.pending, lengths.dead)


WRITER = """
import sys
from pathlib import Path
from sinks.webhooks.receivers import T0_MS, message
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.turn import Turn
from coldplate.wire.action import Action, Verb
outbox = Outbox(Path(sys.argv[1]))
n = outbox.offsets().get(("t", 0), 0)
while True:
    outbox.commit(Turn(
        [message(n, f"g{n}", r) for r in ("r", "s")], [Action("c", f"a{n}", T0_MS, "w", Verb.NOTE)],
        {"last": str(n).encode()}, {("t", 0): n + 1}))
    n += 1
    print(n, flush=True)
"""


def test_kill_9_leaves_whole_turns_alone(path, tmp_path):
    """Whatever moment it comes at: messages, memory, offsets and actions agree, and nothing that was confirmed is gone."""
    chance, confirmed = random.Random(7), 0
    for _ in range(6):
        run = [sys.executable, "-c", WRITER, str(path)]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p.endswith("tests"))}  # fmt: skip
        with subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=env) as process:
            for _ in range(chance.randrange(1, 40)):
                confirmed = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            confirmed = int(([confirmed, *process.stdout.read().split()])[-1])
        with closing(Outbox(path)) as outbox:
            n = outbox.offsets()["t", 0]
            assert confirmed <= n
            assert [("last", str(n - 1).encode())] == list(outbox.states())
            assert {"r": n, "s": n} == {k: v.pending for k, v in outbox.lengths().items()}
            assert n == len(outbox.publishable(10_000))
