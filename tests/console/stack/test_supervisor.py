"""The supervisor, with small real programs as its parts."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from waiting import await_that

from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.process import start_ticks
from coldplate.console.stack.record import StackRecord
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

SLEEP = "import time; time.sleep(600)"
STACK = """
import sys
from pathlib import Path
from coldplate.console.stack.part import Part
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor

sleep = (sys.executable, "-c", "import time; time.sleep(600)")
Supervisor(StateDir(Path(sys.argv[1])), [Part("a", sleep), Part("b", sleep, depends_on=("a",))]).run()
"""


def part(name, code=SLEEP, **fields):
    return Part(name, (sys.executable, "-I", "-S", "-c", code), **fields)


@contextmanager
def running(state, parts, seen):
    supervisor = Supervisor(state, parts, on_change=lambda s: seen.append((s.name, s.status)))
    with supervisor:
        yield supervisor


def states(supervisor):
    supervisor.poll()
    return {state.name: state for state in supervisor.states}


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


def test_parts_start_in_order_and_stop_in_reverse(state):
    """What depends on another starts after it is healthy, and is stopped before it is."""
    seen = []
    parts = [part("server"), part("client", depends_on=("server",))]
    with running(state, parts, seen) as supervisor:
        supervisor.wait_healthy(5)
    assert seen.index(("server", Status.HEALTHY)) < seen.index(("client", Status.STARTING))
    assert seen.index(("client", Status.STOPPED)) < seen.index(("server", Status.STOPPING))


def test_a_part_that_died_is_started_again_after_a_pause(state):
    """The pause is announced, and the new process is another one."""
    seen = []
    with running(state, [part("server")], seen) as supervisor:
        supervisor.wait_healthy(5)
        before = states(supervisor)["server"]
        os.kill(before.pid, signal.SIGKILL)
        await_that(
            lambda: states(supervisor)["server"].restarts and supervisor.healthy, 5, "a restart"
        )
        after = states(supervisor)["server"]
    assert ("server", Status.BACKING_OFF) in seen
    assert after.pid != before.pid
    assert after.last_exit == "killed by SIGKILL"


def test_a_step_that_succeeded_is_done_and_lets_others_start(state):
    """`once`: exit status 0 is the end of it, and as good as healthy."""
    seen = []
    parts = [part("schema", "pass", once=True), part("sink", depends_on=("schema",))]
    with running(state, parts, seen) as supervisor:
        supervisor.wait_healthy(5)
        assert states(supervisor)["schema"].status is Status.DONE
    assert seen.index(("schema", Status.DONE)) < seen.index(("sink", Status.STARTING))


def test_a_step_that_failed_is_tried_again(state, tmp_path):
    """`once`: another exit status backs off and starts it anew."""
    flag = tmp_path / "flag"
    code = f"import os,sys\nf={str(flag)!r}\nsys.exit(0) if os.path.exists(f) else open(f,'w').close()\nsys.exit(3)"
    with running(state, [part("schema", code, once=True)], []) as supervisor:
        supervisor.wait_healthy(5)
        assert states(supervisor)["schema"].last_exit == "exit status 3"


def test_a_part_that_ignores_sigterm_is_killed(state):
    """After its stop limit, so that a stop always ends."""
    deaf = "import signal,time,sys\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
    with running(state, [part("server", deaf, stop_limit_s=0.2)], []) as supervisor:
        log = state.logs / "server.log"
        await_that(
            lambda: supervisor.poll() or (log.exists() and "deaf" in log.read_text()), 5, "its line"
        )
        pid = states(supervisor)["server"].pid
    assert start_ticks(pid) is None


@contextmanager
def stack_process(path):
    process = subprocess.Popen([sys.executable, "-c", STACK, str(path)])
    try:
        yield process, await_that(lambda: all_healthy(path), 10, "both parts to run")
    finally:
        process.kill()
        process.wait()


def all_healthy(path):
    record = StackRecord.read(path / "stack.json")
    healthy = record and all(p.status is Status.HEALTHY for p in record.parts)
    return record if healthy and len(record.parts) == 2 else None


def test_no_orphan_is_left_when_the_supervisor_is_killed(tmp_path):
    """SIGKILL gives it no chance; the kernel ends its parts."""
    with stack_process(tmp_path / "state") as (process, record):
        process.kill()
        for one in record.parts:
            await_that(lambda pid=one.pid: start_ticks(pid) is None, 5, f"the end of {one.name}")


def test_sigterm_stops_everything_cleanly(tmp_path):
    """The supervisor ends with status 0, and says of each part that it stopped."""
    with stack_process(tmp_path / "state") as (process, record):
        process.terminate()
        assert process.wait(10) == 0
        assert [start_ticks(one.pid) for one in record.parts] == [None, None]
        last = StackRecord.read(tmp_path / "state" / "stack.json")
        assert {one.status for one in last.parts} == {Status.STOPPED}
        assert not last.alive
