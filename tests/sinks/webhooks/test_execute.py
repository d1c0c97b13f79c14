"""Commands: what they get, when they are not run, how they end, and the breaker."""

import asyncio
import json
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from sinks.webhooks.receivers import Clock, soon

from coldplate.sinks.webhooks.call import Run, Verdict
from coldplate.sinks.webhooks.config import Email, Exec, Slack
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.transports.breaker import Breaker
from coldplate.sinks.webhooks.transports.execute import ExecuteTransport
from coldplate.sinks.webhooks.transports.http import HttpTransport
from coldplate.sinks.webhooks.transports.making import transport_of
from coldplate.sinks.webhooks.transports.smtp import SmtpTransport

HALLS = {f"rack-{r}/node-{n}": f"hall-{r}" for r in range(3) for n in range(8)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outbox.sqlite"


@pytest.fixture
def outbox(path):
    with closing(Outbox(path)) as made:
        yield made


def run(*nodes, live=True):
    return Run(json.dumps({"nodes": nodes}).encode(), nodes, live)


def made(outbox, *calls, script="", clock=None, command=None, **changes):
    """What comes of calls of a command, which is a program in Python."""
    options = {
        "name": "drain", "command": command or (sys.executable, "-c", script), "step": "execute", "enabled": True,
        "timeout_s": 10.0,
    }  # fmt: skip
    receiver = Exec(**(options | changes))

    async def go():
        transport = ExecuteTransport(receiver, Breaker.of(receiver, outbox.file, HALLS), clock or Clock())  # fmt: skip
        return [await transport.make(call) for call in calls]

    return asyncio.run(go())


def test_a_command_gets_the_incident_and_its_step(outbox, tmp_path, monkeypatch):
    """On its standard input, in an environment without our own settings; the reply is a line for the books."""
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", "clickhouse://user:password@host")
    monkeypatch.setenv("KUBECONFIG", "/etc/k")
    out = tmp_path / "out"
    script = f"import os,sys;open({str(out)!r},'w').write(sys.stdin.read()+str(sorted(k for k in os.environ if k.startswith('COLDPLATE')))+os.environ['COLDPLATE_STEP']+os.environ['KUBECONFIG'])"
    (reply,) = made(outbox, run("rack-0/node-1"), script=script)
    assert '{"nodes": ["rack-0/node-1"]}[\'COLDPLATE_STEP\']execute/etc/k' == out.read_text()
    assert Verdict.TAKEN == reply.verdict
    assert reply.said.startswith("exit 0: execute in ")
    assert "for rack-0/node-1" in reply.said


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "taken"), (75, "retry"), (1, "refused"), (127, "refused")]
)
def test_what_follows_from_an_exit_code(outbox, code, verdict):
    """0 is taken, 75 (EX_TEMPFAIL) is tried again, others are refused."""
    (reply,) = made(outbox, run(), script=f"raise SystemExit({code})")
    assert (verdict, f"exit {code}") == (reply.verdict, reply.said.partition(":")[0])


def test_one_that_is_killed_is_refused(outbox):
    """By whom, nobody knows."""
    (reply,) = made(outbox, run(), script="import os;os.kill(os.getpid(), 9)")
    assert (Verdict.REFUSED, "exit -9") == (reply.verdict, reply.said.partition(":")[0])


@pytest.mark.parametrize(
    ("changes", "live", "said"),
    [({"enabled": False}, True, "not run: off"), ({}, False, "not run: over"),
     ({"step": "recommend"}, True, "recommended, not run"), ({"step": "recommend"}, False, "not run: over"),
     ({"enabled": False, "step": "recommend"}, True, "not run: off")],
)  # fmt: skip
def test_when_nothing_is_run(outbox, tmp_path, changes, live, said):
    """Off, over, or only recommended: the reply says what would have been run, on what."""
    flag = tmp_path / "ran"
    nodes = tuple(f"rack-0/node-{n}" for n in range(5))
    (reply,) = made(outbox, run(*nodes, live=live), command=("touch", str(flag)), **changes)
    assert not flag.exists()
    assert Verdict.TAKEN == reply.verdict
    assert reply.said.startswith(said)
    assert reply.said.endswith(f"touch {flag} for rack-0/node-0, rack-0/node-1, rack-0/node-2 and 2 more")  # fmt: skip


def test_annotate_is_run_and_told_so(outbox, tmp_path):
    """The command itself decides what it does less."""
    out = tmp_path / "out"
    script = f"import os;open({str(out)!r},'w').write(os.environ['COLDPLATE_STEP'])"
    (reply,) = made(outbox, run(), script=script, step="annotate")
    assert ("annotate", Verdict.TAKEN) == (out.read_text(), reply.verdict)


def test_there_is_no_shell(outbox, tmp_path):
    """What looks like one's signs is an argument."""
    flag = tmp_path / "flag"
    made(outbox, run(), command=("echo", f"; touch {flag}", f"$(touch {flag})"))
    assert not flag.exists()


@pytest.mark.parametrize("command", [("/nowhere/drain",), ("/etc/passwd",)])
def test_a_command_that_is_none_is_tried_again(outbox, command):
    """It may be installed later."""
    (reply,) = made(outbox, run(), command=command)
    assert (Verdict.RETRY, "command") == (reply.verdict, reply.said.partition(":")[0])


CHILDREN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import signal,time;signal.signal(signal.SIGTERM, signal.SIG_IGN);time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
if sys.argv[2] == "stay":
    time.sleep(600)
"""


def gone(pids):
    return all(not psutil.pid_exists(p) or psutil.Process(p).status() == psutil.STATUS_ZOMBIE for p in pids)  # fmt: skip


@pytest.mark.parametrize(
    ("how", "within_s", "said"), [("stay", 1.5, "time-out"), ("leave", 20.0, "exit 0")]
)
def test_nothing_of_it_is_left(outbox, tmp_path, how, within_s, said):
    """Not after its time-out, nor after its end: its children go with it, also those that do not listen to SIGTERM."""
    file = tmp_path / "pids"
    command = (sys.executable, "-c", CHILDREN, str(file), how)
    (reply,) = made(outbox, run(), command=command, timeout_s=within_s)
    assert said == reply.said.partition(":")[0]
    pids = [int(pid) for pid in file.read_text().split()]
    asyncio.run(soon(lambda: gone(pids), "the processes to be gone"))


def test_it_ends_with_us(outbox, tmp_path):
    """A sender that stops while it runs kills it."""
    file = tmp_path / "pids"
    receiver = Exec(name="drain", command=(sys.executable, "-c", CHILDREN, str(file), "stay"), step="execute", enabled=True, timeout_s=60.0)  # fmt: skip

    async def go():
        transport = ExecuteTransport(receiver, Breaker.of(receiver, outbox.file, HALLS))
        task = asyncio.create_task(transport.make(run()))
        await soon(lambda: file.exists() and len(file.read_text().split()) == 2, "it to run")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(go())
    pids = [int(pid) for pid in file.read_text().split()]
    asyncio.run(soon(lambda: gone(pids), "the processes to be gone"))


def test_output_without_end_and_input_that_is_not_read_are_no_trouble(outbox):
    """Memory is bounded, and nobody waits for the other."""
    big = Run(b"x" * 1_000_000, (), True)
    script = "import os\nfor _ in range(300): os.write(1, b'y' * 65536)"
    (reply,) = made(outbox, big, script=script)
    assert (Verdict.TAKEN, "exit 0") == (reply.verdict, reply.said.partition(":")[0])


def test_the_breaker_lets_so_many_nodes_an_hour_pass_and_not_one_more(outbox):
    """All nodes of a run or none; the same node again is not a further one; after an hour there is room."""
    clock = Clock()
    breaker = Breaker(outbox.file, "drain", 4, 100, HALLS)
    assert "" == breaker.admit(["rack-0/node-0", "rack-0/node-1", "rack-1/node-0"], clock())
    assert "5 nodes within an hour, at most 4" == breaker.admit(["rack-2/node-0", "rack-2/node-1"], clock())  # fmt: skip
    clock.t_s += 1800
    assert "" == breaker.admit(["rack-2/node-0", "rack-0/node-0"], clock())
    assert "5 nodes within an hour, at most 4" == breaker.admit(["rack-2/node-1"], clock())
    clock.t_s += 1800
    assert "" == breaker.admit(["rack-2/node-1", "rack-2/node-2"], clock())
    assert "5 nodes within an hour, at most 4" == breaker.admit(["rack-2/node-3"], clock())


def test_the_breaker_counts_by_hall(outbox):
    """Nodes whose hall nobody knows are one hall together; other receivers have a count of their own."""
    breaker = Breaker(outbox.file, "drain", 100, 2, HALLS)
    assert "" == breaker.admit(["rack-0/node-0", "rack-0/node-1", "rack-1/node-0"], 0.0)
    assert "3 nodes of hall-0 within an hour, at most 2" == breaker.admit(["rack-0/node-2"], 1.0)
    assert "" == breaker.admit(["rack-1/node-1", "x", "y"], 1.0)
    assert "3 nodes of no known hall within an hour, at most 2" == breaker.admit(["z"], 1.0)
    assert "" == Breaker(outbox.file, "other", 1, 1, HALLS).admit(["rack-0/node-2"], 1.0)
    assert "1 nodes within an hour, at most 0" == Breaker(outbox.file, "none", 0, 0, HALLS).admit(["x"], 1.0)  # fmt: skip


def test_a_restart_forgets_nothing_and_a_clock_that_is_set_back_holds_nothing_for_ever(path):
    """The count lies in the outbox's file."""
    with closing(Outbox(path)) as outbox:
        assert "" == Breaker(outbox.file, "drain", 1, 9, HALLS).admit(["a"], 10_000.0)
    with closing(Outbox(path)) as outbox:
        breaker = Breaker(outbox.file, "drain", 1, 9, HALLS)
        assert breaker.admit(["b"], 10_001.0)
        assert "" == breaker.admit(["b"], 1_000.0)


def test_what_the_breaker_holds_is_refused_and_not_run(outbox, tmp_path):
    """A dead letter with the reason, which a person can send again; what is not run does not count."""
    flag = tmp_path / "ran"
    nodes = [f"rack-0/node-{n}" for n in range(3)]
    calls = [run(*nodes), run(nodes[0]), run(nodes[0], live=False), run(nodes[1]), run(nodes[2])]
    replies = made(outbox, *calls, command=("touch", str(flag)), nodes_per_hour_max=2)
    assert ["refused", "taken", "taken", "taken", "refused"] == [r.verdict for r in replies]
    assert replies[0].said.startswith("breaker: 3 nodes within an hour, at most 2; not run: touch ")


def test_nothing_is_run_while_the_breaker_cannot_count(outbox, tmp_path):
    """Its file takes nothing: then a drain waits, unlike a page."""
    flag = tmp_path / "ran"
    with outbox.file.read() as db:
        db.execute("PRAGMA query_only = ON")
    (reply,) = made(outbox, run("a"), command=("touch", str(flag)))
    assert (Verdict.RETRY, False) == (reply.verdict, flag.exists())


def test_each_kind_of_receiver_has_its_transport(outbox):
    """By what it is configured as."""

    async def go():
        found = []
        for receiver in (Slack(name="a"), Email(name="b", host="h", sender="s", to=("t",)), Exec(name="c", command=("d",))):  # fmt: skip
            transport = transport_of(receiver, Path(), outbox, HALLS)
            found.append(type(transport))
            await transport.close()
            await transport.close()
        return found

    assert [HttpTransport, SmtpTransport, ExecuteTransport] == asyncio.run(go())
