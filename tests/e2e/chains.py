"""The whole pipeline as a stack of a test's own: servers it may kill, worker, sink, and a twin with a ledger."""

import os
import signal
from contextlib import closing, contextmanager

from waiting import await_that

from coldplate.console.chain import chain, command, names_of, run_folder
from coldplate.console.context import Context
from coldplate.console.demo.books import compare
from coldplate.console.running import read_stats
from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import ClickHouseHistory
from coldplate.twin.scenario import load


class Running:
    """A running stack; every wait polls its supervisor."""

    def __init__(self, context, parts, stack):
        self.context, self.parts, self.stack = context, parts, stack

    def state(self, name):
        self.stack.poll()
        return next(s for s in self.stack.states if s.name == name)

    def until(self, condition, within_s, what):
        def look():
            self.stack.poll()
            return condition()

        return await_that(look, within_s, what)

    def kill(self, name):
        """By SIGKILL; until it is back."""
        os.kill(self.state(name).pid, signal.SIGKILL)
        self.until(lambda: self.state(name).restarts > 0, 20, f"{name} to be missed")
        self.until(lambda: self.state(name).status is Status.HEALTHY, 60, f"{name} to be back")

    def hang(self, name, more):
        """Stop a process for as long as the twin needs for so many more seconds of samples."""
        pid = self.state(name).pid
        ticks = self.stats("twin")["ticks"] + more
        os.kill(pid, signal.SIGSTOP)
        try:
            self.until(lambda: self.stats("twin")["ticks"] >= ticks, more + 20, "the twin to go on")
        finally:
            os.kill(pid, signal.SIGCONT)

    def stats(self, name):
        return read_stats(self.parts.stats_file(name))

    def log(self, name):
        return (self.context.state.logs / f"{name}.log").read_text()

    def books(self):
        with closing(ClickHouseHistory(self.context.clickhouse("reader"))) as history:
            return compare(history, [self.parts.ledger_file("twin")])

    def everything_stored(self, within_s=60.0):
        """Books when the twin has ended and no frame is missing."""
        self.until(lambda: self.state("twin").status is Status.DONE, within_s, "the twin to end")
        self.until(lambda: self.books().lost == 0, within_s, "every frame in the history")
        return self.books()

    def ask(self, sql):
        with closing(ClickHouseHistory(self.context.clickhouse("reader"))) as history:
            return history.query(sql)[1]


@contextmanager
def running(folder, scenario, for_s, monkeypatch, *, workers=1):
    """Workers and sink healthy, and the twin sending `scenario` for so many seconds."""
    for name in ("COLDPLATE_KAFKA", "COLDPLATE_CLICKHOUSE", "COLDPLATE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    context = Context(state_dir=str(folder))
    context.state.acquire()
    run = run_folder(context)
    files = ("--stats", str(run / "twin.json"), "--ledger", str(run / "twin.ledger"))
    send = command("twin", "run", scenario, "--for", str(for_s), *files)
    twin = Part("twin", send, depends_on=(*names_of("worker", workers), "sink"), once=True)
    parts = chain(context, load(scenario).inventory(), [twin], workers=workers)
    with Supervisor(context.state, parts.parts, env=parts.env) as stack:
        out = Running(context, parts, stack)
        out.until(lambda: out.state("sink").status is Status.HEALTHY, 60, "the sink")
        for name in names_of("worker", workers):
            out.until(lambda n=name: out.state(n).status is Status.HEALTHY, 60, f"the {name}")
        yield out
