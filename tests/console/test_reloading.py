"""SIGHUP for parts: what a real process makes of a configuration that is good, bad, or changes again."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from waiting import await_that

from coldplate.console.reloading import CARRIED

PART = """\
import os, signal, sys, threading, time
from pathlib import Path
from coldplate.console.context import Context
from coldplate.console.reloading import Reloading

# As a terminal's shell starts it, whatever started the tests.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
folder, began = Path(sys.argv[1]), time.monotonic_ns()
context = Context(str(folder / "coldplate.toml"))
context.log_to_stderr()
stop = threading.Event()
held = folder / "held"

def tell(word):
    beside = folder / "told.new"
    beside.write_text(f"{os.getpid()} {word} {context.config.cluster} {dict(reloading.counts)} {began}")
    beside.replace(folder / "told")

with Reloading(context, lambda other: other.config) as reloading:
    if not (folder / "early").exists():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    tell("works")
    refused = -1
    while not stop.wait(0.02):
        if reloading.counts["refused"] != refused:
            refused = reloading.counts["refused"]
            tell("works")
    tell("ends")
    while held.exists():
        time.sleep(0.02)
"""


class Process:
    """A part that does nothing, in a process of its own."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "part.py").write_text(PART)
        self.configure('cluster = "first"\n')

    def configure(self, text):
        """At one stroke, as files that programs read ought to be changed."""
        (self.folder / "coldplate.new").write_text(text)
        (self.folder / "coldplate.new").replace(self.folder / "coldplate.toml")

    def start(self, stdin=subprocess.DEVNULL):
        env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_") and k != CARRIED}  # fmt: skip
        with (self.folder / "log").open("a") as log:
            self.child = subprocess.Popen(
                [sys.executable, str(self.folder / "part.py"), str(self.folder)],
                env=env, stdin=stdin, stdout=log, stderr=log,
            )  # fmt: skip
        self.until("works first")

    def told(self):
        try:
            return (self.folder / "told").read_text()
        except OSError:
            return ""

    def until(self, words):
        return await_that(lambda: words in self.told() and self.told(), 30, f"{words} in {self.log()}")  # fmt: skip

    def log(self):
        return (self.folder / "log").read_text()

    def hang_up(self):
        self.child.send_signal(signal.SIGHUP)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)


@pytest.fixture
def part(tmp_path):
    """One that is killed at the end, if it has not ended."""

    @contextmanager
    def started(**options):
        process = Process(tmp_path)
        process.start(**options)
        try:
            yield process
        finally:
            process.child.kill()
            process.child.wait()

    return started


def test_a_good_configuration_is_gone_on_with_by_the_same_process(part):
    """Its number stays, so that whoever watches it notices nothing; and it is counted over the change."""
    with part() as process:
        process.configure('cluster = "second"\n')
        process.hang_up()
        told = process.until("works second")
        assert told.split()[0] == str(process.child.pid)
        assert "'taken': 1" in told
        process.configure('cluster = "third"\n')
        process.hang_up()
        assert "'taken': 2" in process.until("works third")
        assert 0 == process.stop()


def test_a_broken_one_is_refused_with_its_place_and_changes_nothing(part):
    """The part goes on as it was; mended, it is taken."""
    with part() as process:
        began = process.told().split()[-1]
        process.configure('cluster = "second\n')
        process.hang_up()
        assert began == process.until("'refused': 1").split()[-1]
        assert "the configuration is refused, the old one goes on" in process.log()
        assert "coldplate.toml: Illegal character" in process.log()
        process.configure('[kafka]\nbroker = "a:1"\n')
        process.hang_up()
        assert began == process.until("'refused': 2").split()[-1]
        assert "unknown field `broker`" in process.log()
        process.configure('cluster = "second"\n')
        process.hang_up()
        assert "'taken': 1, 'refused': 2" in process.until("works second")


def test_whoever_stops_it_while_it_changes_is_obeyed(part):
    """One that was told to end does not begin again."""
    with part() as process:
        (process.folder / "held").touch()
        process.configure('cluster = "second"\n')
        process.hang_up()
        process.until("ends first")
        process.child.send_signal(signal.SIGTERM)
        process.hang_up()  # and one more of these changes nothing
        (process.folder / "held").unlink()
        assert 0 == process.child.wait(30)
        assert "second" not in process.told()


def test_one_that_has_not_begun_to_work_changes_too(part, tmp_path):
    """As when it waits for a server at its start, and nothing catches signals yet."""
    (tmp_path / "early").touch()
    with part() as process:
        process.configure('cluster = "second"\n')
        process.hang_up()
        assert process.until("works second").split()[0] == str(process.child.pid)


def test_many_at_once_lose_none(part):
    """The last configuration is the one that is in force, however fast it changed."""
    with part() as process:
        for number in range(20):
            process.configure(f'cluster = "c{number}"\n')
            process.hang_up()
        process.until("works c19")


def test_one_of_a_terminal_ends_with_it(part):
    """There SIGHUP says that the terminal is gone."""
    ours, theirs = pty.openpty()
    try:
        with part(stdin=theirs) as process:
            process.hang_up()
            assert -signal.SIGHUP == process.child.wait(30)
    finally:
        os.close(ours)
        os.close(theirs)
