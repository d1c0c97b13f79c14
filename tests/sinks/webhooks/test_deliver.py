"""Sending what waits: retries, order, circuits, dead letters, and what a crash leaves."""

import asyncio
import gc
import logging
import random
from contextlib import closing

import pytest
from sinks.webhooks.delivering import http_scene, receiver, scene
from sinks.webhooks.receivers import (
    HANG,
    LATER,
    NEVER,
    RESET,
    SECRET,
    T0_MS,
    TAKEN,
    Clock,
    Plain,
    Receiver,
    Scripted,
    message,
    soon,
)

from coldplate.sinks.webhooks.backoff import Backoff
from coldplate.sinks.webhooks.call import Reply, Verdict
from coldplate.sinks.webhooks.circuit import Circuit
from coldplate.sinks.webhooks.lane import Pace
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.secrets import SecretError
from coldplate.sinks.webhooks.transports.http import HttpTransport
from coldplate.wire.action import Verb


def test_what_was_taken_is_told_of_and_gone(tmp_path):
    """The action says to whom, which message, and what was answered."""

    async def go():
        async with scene(tmp_path, {"r": Scripted(lambda _: TAKEN)}) as s:
            s.put(message())
            await soon(lambda: s.actions, "the action")
            return s.actions, s.outbox.publishable(), s.sender.status()["r"]

    actions, waiting, status = asyncio.run(go())
    (action,) = actions
    assert actions == waiting
    assert ("alerter a", Verb.SENT, "i-g", "HTTP 200", "r", "r-g-0", "opened") == (
        action.who, action.verb, action.incident, action.text, action.receiver, action.message, action.phase,
    )  # fmt: skip
    assert (0, 0, {"taken": 1}, T0_MS) == (status["pending"], status["dead"], status["counts"], status["taken_ms"])  # fmt: skip


def test_a_message_leaves_within_milliseconds(tmp_path):
    """The lane is woken by what was written down; it does not look now and then."""

    async def go():
        async with scene(tmp_path, {"r": Scripted(lambda _: TAKEN)}) as s:
            loop, took_s = asyncio.get_running_loop(), []
            for n in range(20):
                began_s = loop.time()
                s.put(message(n))
                await s.sent()
                took_s.append(loop.time() - began_s)
            return sorted(took_s)[10]

    assert 0.5 > asyncio.run(go())


def test_a_receiver_that_was_long_away_gets_everything_in_order(tmp_path):
    """Hours of failures, a process that ended meanwhile; then each message once, each group in its order."""
    clock, away = Clock(), True
    made = [message(n, f"g{n % 3}") for n in range(12)]
    scripted = [Scripted(lambda _: LATER if away else TAKEN) for _ in range(2)]

    async def go():
        nonlocal away
        pace = Pace()
        async with scene(tmp_path, {"r": scripted[0]}, clock=clock, pace=pace) as s:
            s.put(*made)
            for _ in range(30):
                n = len(scripted[0].calls)
                s.go_on(3600.0)
                await soon(lambda n=n: len(scripted[0].calls) > n, "an attempt")
                if clock.t_s > T0_MS / 1000 + 20 * 3600:
                    break
            assert s.sender.status()["r"]["open"]
        away = False
        async with scene(tmp_path, {"r": scripted[1]}, clock=clock, pace=pace) as s:
            s.go_on(600.0)
            await s.sent()

    asyncio.run(go())
    assert {m.id for m in made} == set(scripted[1].calls)
    assert 12 == len(scripted[1].calls)
    for group in ("g0", "g1", "g2"):
        ids = [m.id for m in made if m.group == group]
        assert ids == [key for key in scripted[1].calls if key in ids]


def test_a_message_is_given_up_at_its_age_and_sent_again_by_hand(tmp_path):
    """With what was said last, told of, and under its id when somebody wants it sent after all."""
    clock, away = Clock(), True
    scripted = Scripted(lambda _: LATER if away else TAKEN)

    async def go():
        nonlocal away
        async with scene(tmp_path, {"r": scripted}, clock=clock, receivers={"r": {"give_up_s": 60.0}}) as s:  # fmt: skip
            s.put(message(0), message(1))
            await soon(lambda: scripted.calls, "an attempt")
            s.go_on(61.0)
            await soon(lambda: len(s.actions) == 2, "both to be given up")
            letters, verbs = s.outbox.dead_letters(), [a.verb for a in s.actions]
            away = False
            with closing(Outbox(tmp_path / "outbox.sqlite", alone=False, clock=clock)) as command:
                assert 2 == command.resend()
            await soon(lambda: len(s.actions) == 4, "both to be sent")
            return letters, verbs, [a.verb for a in s.actions[2:]]

    letters, dead, sent = asyncio.run(go())
    assert ["given up after 60 s: HTTP 500"] * 2 == [letter.said for letter in letters]
    assert ([Verb.DEAD] * 2, [Verb.SENT] * 2) == (dead, sent)
    assert ["r-g-0", "r-g-1"] == scripted.calls[-2:]


def test_a_message_that_was_never_tried_is_tried_however_late(tmp_path):
    """After a weekend without an alerter, the receiver is asked before anything is given up."""
    clock, scripted = Clock(T0_MS / 1000 + 200_000), Scripted(lambda _: TAKEN)

    async def go():
        async with scene(tmp_path, {"r": scripted}, clock=clock) as s:
            s.put(message())
            await soon(lambda: s.actions, "the action")
            return [a.verb for a in s.actions]

    assert [Verb.SENT] == asyncio.run(go())


def test_what_is_refused_is_a_dead_letter_at_once(tmp_path):
    """After one attempt; the next of its group goes on."""
    scripted = Scripted(lambda body: NEVER if body["number"] == 0 else TAKEN)

    async def go():
        async with scene(tmp_path, {"r": scripted}) as s:
            s.put(message(0), message(1))
            await s.sent()
            return [letter.said for letter in s.outbox.dead_letters()], s.sender.status()["r"]["counts"]  # fmt: skip

    said, counts = asyncio.run(go())
    assert ["HTTP 410"] == said
    assert ["r-g-0", "r-g-1"] == scripted.calls
    assert {"dead": 1, "taken": 1} == counts


def test_retry_after_is_waited_for_by_the_whole_receiver(tmp_path):
    """Nothing is sent to it before, of any group; then everything is."""
    clock = Clock()
    answers = iter([Reply(Verdict.RETRY, "HTTP 429", 30.0)])
    scripted = Scripted(lambda _: next(answers, TAKEN))

    async def go():
        async with scene(tmp_path, {"r": scripted}, clock=clock) as s:
            s.put(message())
            await soon(lambda: s.outbox.heads("r", 9)[0].tries, "the first attempt")
            due_ms = s.outbox.heads("r", 9)[0].due_ms
            s.put(message(0, "h"))
            s.go_on(29.0)
            await soon(lambda: s.sender.lanes["r"]._awake.is_set() is False, "the lane to look")
            await asyncio.wait_for(s.sender._do(s.outbox.changed), 5)
            early = len(scripted.calls)
            s.go_on(1.5)
            await s.sent()
            return due_ms, early

    due_ms, early = asyncio.run(go())
    assert (T0_MS + 30_000, 1) == (due_ms, early)
    assert 3 == len(scripted.calls)


@pytest.mark.parametrize("answer", [500, HANG, RESET, (429, {"Retry-After": "0"})])
def test_real_receivers_that_fail_three_times_get_it_in_the_end(tmp_path, answer):
    """The same body each time, and it is taken once."""

    async def go():
        async with Receiver(answer, answer, answer, 200) as r:
            async with http_scene(tmp_path, {"r": r}, timeout_s=0.2 if answer == HANG else 10) as s:
                s.put(message())
                await soon(lambda: s.idle() and (s.go_on(10.0) or not s.pending()), "everything")
            return r

    r = asyncio.run(go())
    assert 1 == len(r.taken)
    assert 4 == len(r.requests)
    assert 1 == len({body for _, _, body in r.requests})


def test_a_dead_receiver_delays_no_other(tmp_path):
    """One hangs, one refuses connections, a format raises, a transport raises: the good one has all within a moment."""

    class Broken:
        def call(self, message, now_s):
            raise ValueError(SECRET)

    async def raising(_):
        raise RuntimeError(SECRET)

    async def go():
        async with Receiver(HANG) as hangs, Receiver(200) as good:
            transports = {n: HttpTransport(receiver(n)) for n in ("hangs", "down", "good")}
            transports |= {"format": Scripted(lambda _: TAKEN), "transport": Scripted(raising)}
            formats = {"hangs": Plain(hangs.url), "good": Plain(good.url), "format": Broken()}
            formats["down"] = Plain("http://127.0.0.1:9")
            async with scene(tmp_path, transports, formats=formats) as s:
                s.put(*(message(n, f"g{n}", name) for n in range(20) for name in transports))
                await soon(lambda: "good" not in s.outbox.lengths(), "the good one to have all")
                assert 20 == len(good.taken)
                left = {name: lengths.pending for name, lengths in s.outbox.lengths().items()}
                return left, s.sender.status()

    left, status = asyncio.run(go())
    assert 20 == left["hangs"] == left["down"] == left["format"] == left["transport"]
    assert status["format"]["said"].startswith("format: ValueError at test_deliver.py:")
    assert status["transport"]["said"].startswith("transport: RuntimeError at test_deliver.py:")
    assert (False, True) == (status["format"]["open"], status["down"]["open"])


def test_one_message_that_cannot_be_formatted_stops_no_other(tmp_path):
    """It is its own trouble, not its receiver's: the others go, and it is tried again."""

    class Once(Plain):
        def call(self, message, now_s):
            if message.group == "bad" and now_s < T0_MS / 1000 + 60:
                raise SecretError("/etc/key: is empty; write the secret there")
            return super().call(message, now_s)

    async def go():
        async with scene(tmp_path, {"r": Scripted(lambda _: TAKEN)}, formats={"r": Once("https://x")}) as s:  # fmt: skip
            s.put(message(0, "bad"), *(message(n, f"g{n}") for n in range(30)))
            await soon(lambda: s.pending() == 1, "the others")
            await soon(lambda: s.outbox.heads("r", 9)[0].tries > 0, "its attempt")
            said = s.outbox.heads("r", 9)[0].said
            s.go_on(60.0)
            await s.sent()
            return said

    assert "format: /etc/key: is empty; write the secret there" == asyncio.run(go())


def test_secrets_are_in_no_word_of_ours(tmp_path, caplog):
    """Not in logs, actions, dead letters or the status, whatever fails; nor in the file, after the sending."""
    caplog.set_level(logging.DEBUG)

    def raising(body):
        raise RuntimeError(f"https://x/{SECRET}")

    async def go():
        async with Receiver(410) as gone, Receiver(500) as fails:
            transports = {n: HttpTransport(receiver(n)) for n in ("gone", "fails")}
            transports["raises"] = Scripted(raising)
            formats = {"gone": Plain(gone.url), "fails": Plain(fails.url)}
            async with scene(tmp_path, transports, formats=formats) as s:
                s.put(*(message(n, f"g{n}", name) for n in range(6) for name in transports))
                await soon(lambda: s.sender.status()["fails"]["open"] and s.sender.status()["raises"]["open"], "circuits")  # fmt: skip
                await soon(lambda: s.outbox.lengths()["gone"].dead == 6, "dead letters")
                return [
                    repr(s.actions), repr(s.sender.status()), repr(s.outbox.dead_letters()),
                    repr(list(transports.values())), repr(formats["gone"].call(message(), 0.0)),
                ]  # fmt: skip

    words = asyncio.run(go()) + [r.getMessage() for r in caplog.records if r.name != "asyncio"]
    assert [] == [w for w in words if SECRET in w]
    files = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert SECRET.encode() not in files
    gc.collect()


def test_waits_grow_within_their_bounds():
    """Twice as long each time, at random below that, never under the least nor over the greatest."""
    chance = random.Random(1)
    backoff = Backoff(1.0, 300.0, chance.random)
    for failures in range(1, 200):
        waits = [backoff.wait_s(failures) for _ in range(50)]
        assert 1.0 <= min(waits)
        assert min(300.0, 2.0**failures) >= max(waits)
    assert [2.0, 4.0, 256.0, 300.0] == [Backoff(chance=lambda: 1.0).wait_s(n) for n in (1, 2, 8, 9)]


def test_a_circuit_on_its_own():
    """Opens at the fifth failure, ignores what began before, and a clock that is set back does not hold it open for ever."""
    circuit = Circuit(Backoff(1.0, 60.0, lambda: 1.0))
    assert [False] * 4 + [True, False] == [circuit.failed(100.0, None) for _ in range(6)]
    assert (2.0, 0.0) == (circuit.rest_s(100.0), circuit.rest_s(102.0))
    assert 0.0 == circuit.rest_s(-10_000.0)
    assert not circuit.failed(102.0, None)
    assert 4.0 == circuit.rest_s(102.0)
    circuit.failed(106.0, 99_999.0)
    assert 3600.0 == circuit.rest_s(106.0)
    assert (True, False) == (circuit.answered(), circuit.answered())
    assert 0.0 == circuit.rest_s(106.0)
