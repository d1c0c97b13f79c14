"""Failures at random, kills and full disks: order holds, and nothing is lost."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from contextlib import closing

import pytest
from sinks.webhooks.delivering import scene
from sinks.webhooks.receivers import (
    LATER,
    T0_MS,
    TAKEN,
    Clock,
    Receiver,
    Scripted,
    message,
    soon,
)

from coldplate.sinks.webhooks.lane import Pace
from coldplate.sinks.webhooks.message import Phase
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.turn import Turn
from coldplate.wire.action import Verb


@pytest.mark.parametrize("seed", range(4))
def test_groups_keep_their_order_under_random_failures(tmp_path, seed):
    """Failures, refusals, hangs and new messages meanwhile: within a group nothing overtakes, nothing is lost or invented."""
    chance = random.Random(seed)
    taken = []

    async def answer(body):
        await asyncio.sleep(chance.random() * 0.003)
        fate = chance.random()
        if fate < 0.3:
            return LATER
        if fate < 0.35:
            raise RuntimeError
        taken.append((body["group"], body["number"]))
        return TAKEN

    async def go():
        async with scene(tmp_path, {"r": Scripted(answer)}, clock=None) as s:
            for turn in range(10):
                s.put(*(message(turn * 3 + k, f"g{g}") for g in range(5) for k in (2, 0, 1)))
                s.go_on(0.05)
                await asyncio.sleep(0)
            await soon(lambda: s.go_on(0.05) or not s.pending(), "everything to be sent", 60)
            return s.outbox.lengths()

    assert {} == asyncio.run(go())
    for g in range(5):
        assert list(range(30)) == [n for group, n in taken if group == f"g{g}"]
    assert 150 == len(taken)


def test_at_most_eight_are_under_way_and_one_of_a_group(tmp_path):
    """A receiver is not flooded when it comes back."""
    now, most, groups = Counter(), [], Counter()

    async def answer(body):
        now[body["group"]] += 1
        most.append(now.total())
        groups[max(now.values())] += 1
        await asyncio.sleep(0.002)
        now[body["group"]] -= 1
        return TAKEN

    async def go():
        async with scene(tmp_path, {"r": Scripted(answer)}) as s:
            s.put(*(message(n, f"g{g}") for g in range(12) for n in range(3)))
            await s.sent()

    asyncio.run(go())
    assert (8, {1: 36}) == (max(most), dict(groups))


def test_a_circuit_opens_after_five_failures_and_closes_by_one_that_is_taken(tmp_path, caplog):
    """While it is open one probe at a time is sent; both changes are said once."""
    clock, away = Clock(), True
    scripted = Scripted(lambda _: LATER if away else TAKEN)

    async def go():
        nonlocal away
        async with scene(tmp_path, {"r": scripted}, clock=clock, pace=Pace()) as s:
            s.put(*(message(0, f"g{n}") for n in range(40)))
            await soon(lambda: s.sender.status()["r"]["open"], "the circuit to open")
            await soon(lambda: s.sender.status()["r"]["under_way"] == 0, "the first to end")
            first = len(scripted.calls)
            for n in range(1, 6):
                s.go_on(61.0)
                await soon(lambda n=n: len(scripted.calls) >= first + n, "a probe")
                await soon(lambda: s.sender.status()["r"]["under_way"] == 0, "its end")
            probes = len(scripted.calls) - first
            away = False
            s.go_on(61.0)
            await s.sent()
            return first, probes, s.sender.status()["r"]["open"]

    first, probes, open_ = asyncio.run(go())
    assert 5 <= first <= 12
    assert (5, False) == (probes, open_)
    said = [r.getMessage() for r in caplog.records if r.name.endswith("lane")]
    assert ["r fails (HTTP 500); its alerts wait, and a probe is sent now and then", "r answers again: HTTP 200"] == said  # fmt: skip


def test_what_is_fleeting_leaves_nothing_behind(tmp_path):
    """Heartbeats that are not taken do not pile up, and are neither dead letters nor actions."""
    scripted = Scripted(lambda _: LATER)

    async def go():
        async with scene(tmp_path, {"r": scripted}, receivers={"r": {"give_up_s": 300.0}}) as s:
            for n in range(30):
                s.put(message(n, phase=Phase.HEARTBEAT, t_ms=T0_MS + n * 60_000))
                s.go_on(60.0)
                assert 1 >= s.pending()
            await soon(lambda: scripted.calls, "an attempt")
            s.go_on(400.0)
            await s.sent()
            return s.outbox.dead_letters(), s.actions

    assert ([], []) == asyncio.run(go())


def test_what_waits_for_nobody_is_given_up(tmp_path):
    """A receiver that is no longer configured."""

    async def go():
        async with scene(tmp_path, {"r": Scripted(lambda _: TAKEN)}) as s:
            s.put(message(receiver="gone"))
            await soon(lambda: s.actions, "the action")
            return [letter.said for letter in s.outbox.dead_letters()], [a.verb for a in s.actions]

    said, verbs = asyncio.run(go())
    assert ["no such receiver: it is not in the configuration any more"] == said
    assert [Verb.DEAD] == verbs


def test_the_end_waits_for_what_is_under_way(tmp_path):
    """It is written down as taken; nothing else begins, and transports are closed."""
    going = None

    async def answer(_):
        await going.wait()
        return TAKEN

    async def go():
        nonlocal going
        going = asyncio.Event()
        scripted = Scripted(answer)
        async with scene(tmp_path, {"r": scripted}) as s:
            s.put(message(0), message(1))
            await soon(lambda: scripted.calls, "the attempt")
            ending = asyncio.create_task(s.sender.stop())
            await soon(lambda: s.sender.lanes["r"]._ending, "the end to begin")
            going.set()
            await ending
            return s.pending(), scripted.calls, scripted.closed

    assert (1, ["r-g-0"], True) == asyncio.run(go())


def test_an_outbox_that_cannot_be_written_sends_nothing_twice(tmp_path):
    """What was taken counts as under way until that is written down; others are sent when the disk is back."""

    async def go():
        scripted = Scripted(lambda _: TAKEN)
        async with scene(tmp_path, {"r": scripted}) as s:
            s.put(message(0), message(1))
            with s.outbox.file.read() as db:
                db.execute("PRAGMA query_only = ON")
            s.sender.wake()
            lane = s.sender.lanes["r"]
            await soon(lambda: lane.counts["outbox errors"] or lane.counts["taken"] == 2, "a write")
            with s.outbox.file.read() as db:
                db.execute("PRAGMA query_only = OFF")
            await s.sent()
            return scripted.calls

    assert ["r-g-0", "r-g-1"] == asyncio.run(go())


SENDER = """
import asyncio, sys
from pathlib import Path
from sinks.webhooks.receivers import Plain
from coldplate.sinks.webhooks.config import Alerts, Slack
from coldplate.sinks.webhooks.deliver import Deliverer
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.transports.http import HttpTransport
async def go():
    outbox, r = Outbox(Path(sys.argv[1])), Slack(name="r", allow_http=True, allow_private=True)
    sender = Deliverer(outbox, Alerts(receivers=(r,)), {"r": Plain(sys.argv[2])}, {"r": HttpTransport(r)})
    running = asyncio.create_task(sender.run())
    while outbox.lengths():
        await asyncio.sleep(0.02)
    await sender.stop()
    outbox.close()
asyncio.run(go())
"""


def test_kill_9_of_the_sender_loses_nothing_and_keeps_the_order(tmp_path):
    """Each message arrives at least once, repeats carry the same id, and first arrivals of a group are in order."""
    path, chance = tmp_path / "outbox.sqlite", random.Random(3)
    made = [message(n, f"g{g}") for n in range(40) for g in range(5)]
    with closing(Outbox(path)) as outbox:
        outbox.commit(Turn(messages=made))

    async def go():
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p.endswith("tests"))}  # fmt: skip
        kills = 0
        async with Receiver(200) as r:
            while True:
                goal = len(r.taken) + chance.randrange(30, 90)
                run = [sys.executable, "-c", SENDER, str(path), r.url]
                process = await asyncio.create_subprocess_exec(*run, env=env)
                await soon(
                    lambda g=goal, p=process: len(r.taken) >= g or p.returncode is not None, "some", 30
                )  # fmt: skip
                if process.returncode is None:
                    process.send_signal(signal.SIGKILL)
                    kills += 1
                if await process.wait() == 0:
                    return r.taken, kills

    taken, kills = asyncio.run(go())
    first = list(dict.fromkeys(taken))
    assert len(made) == len(first)
    assert 2 <= kills
    assert 8 * kills >= len(taken) - len(first)
    for g in range(5):
        mine = [body for body in first if f'"g{g}"'.encode() in body]
        assert [f'"r-g{g}-{n}"' in body.decode() for n, body in enumerate(mine)] == [True] * 40
