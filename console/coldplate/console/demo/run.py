"""Runs the demo: starts the stack, watches until the twin has ended, waits for the last row, and lets the books speak."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

from coldplate.console.chain import Chain, chain, command, run_folder, web_address
from coldplate.console.context import Context
from coldplate.console.demo.books import Books, compare
from coldplate.console.demo.story import RECORDED_NODE, Story
from coldplate.console.demo.watch import Sight, Watch
from coldplate.console.failure import Failure
from coldplate.console.running import read_stats
from coldplate.console.stack.kafka_server import wipe_kafka
from coldplate.console.stack.part import Part, PartState, Status
from coldplate.console.stack.supervisor import POLL_S, Supervisor
from coldplate.sinks.client import ClickHouseHistory, Client
from coldplate.wire.inventory import save_csv

START_WITHIN_S = 120.0
DRAIN_WITHIN_S = 30.0
PRODUCERS = ("twin", "recorded")
SERVICES = ("kafka", "clickhouse", "topics", "migrate", "worker", "sink")


@dataclass(slots=True)
class Progress:
    """Where the demo stands, for whoever draws it.

    Parameters
    ----------
    parts
        State of every part.
    sight
        What goes on in Kafka and ClickHouse.
    counts
        What the producers' counts say, summed: frames, values.
    started_ms
        Event time of the twin's first tick; None before.
    hall
        Address of the live hall; "" before it is offered.
    """

    story: Story
    parts: tuple[PartState, ...] = ()
    sight: Sight = field(default_factory=Sight)
    counts: dict[str, int] = field(default_factory=dict)
    started_ms: int | None = None
    hall: str = ""

    @property
    def elapsed_s(self) -> float:
        """Seconds of the twin."""
        return 0.0 if self.started_ms is None else max(0.0, time.time() - self.started_ms / 1000)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known when it is over.

    Parameters
    ----------
    progress
        The last look.
    books
        Sent against stored.
    ran_s
        Seconds the twin sent samples.
    interrupted
        Whether somebody stopped it before its time.
    start_s
        Seconds from the first process to the twin's start.
    """

    progress: Progress
    books: Books
    ran_s: float
    interrupted: bool
    start_s: float


Draw = Callable[[Progress], None]


def run_demo(
    context: Context, story: Story, draw: Draw, judge: Callable[[Outcome, ClickHouseHistory], None], *, fresh: bool
) -> None:  # fmt: skip
    """Start, watch, stop; `judge` is called with the outcome while the servers still run.

    Raises
    ------
    Failure, StackError
        The stack did not start, or a producer ended by itself.
    """
    began_s, began_ms = time.monotonic(), time.time_ns() // 1_000_000
    parts = _prepare(context, story, fresh=fresh)
    progress = Progress(story)
    stack = Supervisor(context.state, parts.parts, env=parts.env)
    watch = Watch(context, began_ms)
    progress.sight = watch.sight
    with _Ending(stack) as ending, stack:
        try:
            _start(stack, watch, progress, draw)
            if not context.config.kafka.brokers:
                _forget_open_incidents(context, began_ms)
            start_s = time.monotonic() - began_s
            _until_over(stack, parts, progress, draw)
            ran_s = progress.elapsed_s if ending.asked else (story.duration_s or progress.elapsed_s)
            history = ClickHouseHistory(context.clickhouse("reader"))
            books = _drain(stack, parts, history)
            judge(Outcome(progress, books, ran_s, ending.asked, start_s), history)
            history.close()
        finally:
            watch.stop()


def _forget_open_incidents(context: Context, before_ms: int) -> None:
    """Close in the history what was open in the Kafka that was emptied: nothing else ever would."""
    with Client(context.clickhouse("owner")) as client:
        client.execute(
            "INSERT INTO incidents SELECT id, step + 1, 'closed', kind, subject, rack, severity, opened_at,"
            " now64(3), now64(3), cause, affected, evidence, throttle_at, throttle_seen_at, first_tick_at,"
            " 'closed: a demo began anew' FROM incidents_now"
            " WHERE state = 'open' AND opened_at < fromUnixTimestamp64Milli(%(before)s)",
            {"before": before_ms},
        )


def _prepare(context: Context, story: Story, *, fresh: bool) -> Chain:
    context.state.acquire()
    if fresh:
        context.state.fresh()
    # A demo tells its own story: incidents of an earlier one must not go on in it. The history stays.
    if not context.config.kafka.brokers:
        wipe_kafka(context.state)
    run = run_folder(context)
    limit = ("--for", str(story.duration_s)) if story.duration_s else ()

    def producer(name: str, *arguments: str) -> Part:
        files = ("--stats", str(run / f"{name}.json"), "--ledger", str(run / f"{name}.ledger"))
        return Part(
            name, command(*arguments, *limit, *files), depends_on=("worker", "sink"), once=True
        )

    replay = ("agent", "--recording", str(story.recording), "--node", RECORDED_NODE)
    producers = [producer("twin", "twin", "run", "demo"), producer("recorded", *replay)]
    out = chain(context, story.inventory(), producers, web=True)
    save_csv(story.inventory(), run / "inventory.csv")
    return out


class _Ending:
    """The first Ctrl-C ends the producers and still gives a summary; the second stops everything at once."""

    def __init__(self, stack: Supervisor) -> None:
        self.asked = False
        self._stack = stack
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        self._before = {number: signal.signal(number, self._ask) for number in signals}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _signum: int, _frame: FrameType | None) -> None:
        if self.asked or not _running(self._stack):
            self._stack.begin_stop()
        self.asked = True
        for state in _running(self._stack):
            if state.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(state.pid, signal.SIGTERM)


def _start(stack: Supervisor, watch: Watch, progress: Progress, draw: Draw) -> None:
    """Until something is sent, and whoever judges sees what comes of it: who saw nothing would say that nothing was found."""
    deadline_s = time.monotonic() + START_WITHIN_S
    watching = begun = False
    while not (begun and watch.following):
        _look(stack, progress, draw)
        begun = begun or bool(_running(stack))
        up = {s.name for s in progress.parts if s.status.up}
        if not watching and {"topics", "migrate"} <= up:
            watching = True
            watch.start()
        if stack.stopping:
            raise Failure("stopped before the stack was up", 130)
        if time.monotonic() > deadline_s:
            waiting = [
                f"{s.name} ({s.awaits})"
                for s in progress.parts
                if s.name in SERVICES and not s.status.up
            ]
            if watching and not watch.following:
                waiting.append(f"the demo's look at Kafka ({watch.trouble or 'no answer'})")
            raise Failure(
                f"not up after {START_WITHIN_S:.0f} s: {', '.join(waiting)}; logs in {stack.state.logs}"
            )  # fmt: skip


def _until_over(stack: Supervisor, parts: Chain, progress: Progress, draw: Draw) -> None:
    """Until both producers have ended, by their time or by a signal."""
    while not stack.stopping:
        stats = [read_stats(parts.stats_file(p)) for p in PRODUCERS]
        progress.counts = {k: sum(s.get(k, 0) for s in stats) for k in ("frames", "values")}
        progress.started_ms = stats[0].get("started_ms")
        progress.hall = progress.hall or web_address(parts.run)
        _look(stack, progress, draw)
        for state in stack.states:
            if state.name in PRODUCERS and state.restarts:
                raise Failure(f"{state.name} ended by {state.last_exit}; its log: {state.log}")
        if not _running(stack):
            return
    raise Failure("stopped before the end", 130)


def _look(stack: Supervisor, progress: Progress, draw: Draw) -> None:
    stack.poll()
    progress.parts = stack.states
    draw(progress)
    time.sleep(POLL_S)


def _running(stack: Supervisor) -> list[PartState]:
    """Producers that have begun and not ended."""
    return [
        s for s in stack.states
        if s.name in PRODUCERS and s.status not in (Status.WAITING, Status.DONE, Status.STOPPED)
    ]  # fmt: skip


def _drain(stack: Supervisor, parts: Chain, history: ClickHouseHistory) -> Books:
    """Books when nothing is missing any more, or when waiting has been long enough."""
    ledgers: list[Path] = [parts.ledger_file(p) for p in PRODUCERS]
    deadline_s = time.monotonic() + DRAIN_WITHIN_S
    while True:
        books = compare(history, ledgers)
        if books.lost == 0 or time.monotonic() > deadline_s or stack.stopping:
            return books
        stack.poll()
        time.sleep(0.2)
