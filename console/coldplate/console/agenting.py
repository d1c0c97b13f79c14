"""The agent as it runs: collectors that come and go, a configuration that changes, one loop after another.

A loop has one set of collectors. When a collector appears or its devices change, and at SIGHUP, the loop ends between
two ticks, what it holds is sent, and the next one goes on with the same boot number and the next sequence numbers.
Publisher, local server and the collectors that are not concerned live on.
"""

import logging
import threading
from collections import Counter
from importlib.metadata import version
from typing import Any

from coldplate.agents.collector import Happening
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.framer import Framer
from coldplate.agents.local.notify import Notify
from coldplate.agents.local.status import Status, Watched
from coldplate.agents.loop import Loop
from coldplate.console.context import Context
from coldplate.console.crew import Crew, Hire, Ties
from coldplate.console.failure import Failure
from coldplate.console.running import Ledger, StatsFile
from coldplate.console.sending import CLOSE_WITHIN_S, check_sent, counts_of, publisher_of
from coldplate.console.serving import serve
from coldplate.console.turning import Turn, refuse_other_role

log = logging.getLogger(__name__)

START_S = 5.0
"""How long the first tick waits for collectors that are still being made."""

LEAVE_S = 2.0
"""For a publisher whose records wait on the disk."""

ANEW_S = 2.0
"""How long a loop that ended waits for those that are made anew."""


class Agent:
    """One agent process.

    Parameters
    ----------
    context
        Configuration, and how to reach Kafka.
    hire
        Gives the collectors that a configuration asks for.
    boot
        Number of this start.
    ledger
        File for the ids of what is sent; None writes none.

    Raises
    ------
    Failure
        When the configuration cannot be used.
    """

    def __init__(
        self, context: Context, hire: Hire, *, boot: int, ledger: str | None = None
    ) -> None:
        self._context, self._hire, self._boot = context, hire, boot
        self.turn = Turn()
        self._book = Ledger(ledger)
        self._counts: Counter[str] = Counter()
        self._events: Counter[str] = Counter()
        self._numbers: dict[str, int] = {}
        self._last_ms: int | None = None
        self._resumed = False
        self._leaving: threading.Thread | None = None
        self._notify = Notify()
        self._watched: Watched | None = None
        self._loop_now: Loop | None = None
        self._ties = Ties(self.counts, self.turn.set, self._tell)
        self._crew: Crew = hire(context, self._ties)
        try:
            self._publisher = publisher_of(context, self._crew.spool)
        except Failure:
            self._crew.close()
            raise
        self._status = Status(
            self._crew.node, version("coldplate"), context.config.agent.tick_ms, self.counts
        )
        self._status.owners = self._crew.owners
        self._status.gpus_expected = self._crew.gpus_expected
        self._server = serve(self._status, self._context.config.agent.local)

    def counts(self) -> dict[str, Any]:
        """Of loop and publisher."""
        return {"boot": self._boot, **counts_of(self._counts, self._publisher)}

    def run(self, for_s: float | None = None, stats: str | None = None) -> dict[str, Any]:
        """Sample until told to stop, or for so many seconds; the counts at the end.

        Raises
        ------
        Failure
            When records were not acknowledged at the end; says how many.
        """
        with self.turn.on_signals(), StatsFile(stats, self.counts):
            try:
                self._crew.wait(START_S)
                self._ready()
                self._turns(for_s)
            finally:
                self._notify.stopping()
                self._close()
        final = self.counts()
        check_sent(self._context, final)
        return final

    def _turns(self, for_s: float | None) -> None:
        left_s = for_s
        while True:
            self.turn.clear()
            if self.turn.stopping:  # looked at after the clearing, so that no stop is lost
                return
            if self.turn.reloading:
                self._reload()
            ticks = self._counts["ticks"] + self._counts["missed_ticks"]
            if self._loop(left_s):
                return
            if left_s is not None:
                ticks = self._counts["ticks"] + self._counts["missed_ticks"] - ticks
                left_s -= ticks * self._status.tick_ms / 1000

    def _loop(self, for_s: float | None) -> bool:
        """One loop, until something changes; True when its time is over."""
        settings = self._context.config.agent
        tick_s = settings.tick_ms / 1000
        if for_s is not None and for_s < tick_s / 2:
            return True
        collector = Watched(
            self._crew.gather(deadline_s=min(settings.deadline_s, 0.8 * tick_s)),
            self._status, self._ticked,
        )  # fmt: skip
        self._status.missing = self._crew.missing()
        framer = Framer(
            self._context.config.cluster, collector, self._boot,
            tick_ms=settings.tick_ms, ticks=settings.ticks, seqs=self._numbers,
        )  # fmt: skip
        loop = Loop(
            collector, framer, self._publisher, self._context.topics,
            on_frame=self._book.frame, on_event=self._book.event,
            tells_steps=not self._crew.watches_clock, counts=self._counts, event_seq=self._events,
        )  # fmt: skip
        self._resumed = self._last_ms is not None
        self._watched, self._loop_now = collector, loop
        try:
            loop.run(self.turn, for_s)
        except DevicesChanged as changed:
            log.warning("devices changed: %s", changed)
            self.turn.set()
        finally:
            self._loop_now = None
            self._numbers |= framer.seqs
            collector.close()
            self._crew.release()
        if self.turn.is_set() and not self.turn.stopping:
            self._crew.wait(ANEW_S)
        return not self.turn.is_set()

    def _tell(self, happening: Happening) -> None:
        """Send at once; between two loops it waits for the next one's first tick."""
        loop, watched = self._loop_now, self._watched
        if loop is not None and watched is not None and watched.first(happening):
            loop.tell(happening)

    def _ticked(self) -> None:
        latest = self._status.latest
        now_ms = None if latest is None else latest.t_ms
        if now_ms is not None and self._last_ms is not None and self._resumed:
            passed = (now_ms - self._last_ms) // self._status.tick_ms
            self._counts["missed_ticks"] += max(0, passed - 1)
        self._resumed, self._last_ms = False, now_ms
        self._notify.ticked()

    def _reload(self) -> None:
        """Read the configuration; a wrong one changes nothing."""
        self.turn.reloading = False
        self._notify.reloading()
        old = self._context
        new = Context(old.config_file, old.state_dir, old.verbose)
        try:
            fresh_kafka = new.kafka != old.kafka
            refuse_other_role(old.config, new.config)
            if new.config != old.config:
                self._change_crew(old, new)
        except Failure as error:
            log.error("the configuration is refused, the old one goes on: %s", error)  # noqa: TRY400
            self._status.reloads["refused"] += 1
            self._ready()
            return
        log.warning("the configuration was read again")
        self._status.reloads["taken"] += 1
        if new.config.log != old.config.log:
            new.log_to_stderr()
        self._context = new
        self._status.tick_ms = new.config.agent.tick_ms
        if fresh_kafka or _moved(old, new):
            self._change_publisher(old, new)
        if new.config.agent.local != old.config.agent.local:
            if self._server is not None:
                self._server.close()
            self._server = serve(self._status, self._context.config.agent.local)
        self._ready()

    def _change_crew(self, old: Context, new: Context) -> None:
        """Others for a new configuration; one that cannot be used leaves those of the old one."""
        new.inventory()
        # The old ones first: a driver's library is not made for two.
        self._crew.close()
        try:
            self._crew = self._hire(new, self._ties)
        except Failure:
            self._crew = self._hire(old, self._ties)
            raise
        finally:
            self._status.node, self._status.owners = self._crew.node, self._crew.owners
            self._status.gpus_expected = self._crew.gpus_expected
            self._crew.wait(START_S)

    def _change_publisher(self, old: Context, new: Context) -> None:
        leaving, spool = self._publisher, self._crew.spool
        if old.config.agent.spool.mode == "disk" and spool is not None:
            # What it does not send in this time waits on the disk; two cannot have one folder.
            leaving.close(CLOSE_WITHIN_S if leaving.counts()["unsaved"] else LEAVE_S)
        else:
            self._leaving = threading.Thread(target=leaving.close, args=(CLOSE_WITHIN_S,))
            self._leaving.start()
        try:
            self._publisher = publisher_of(new, spool)
        except Failure as error:
            log.error("what waits for Kafka is kept in memory: %s", error)  # noqa: TRY400
            self._publisher = publisher_of(new)

    def _ready(self) -> None:
        self._notify.ready(f"sampling {self._crew.node}")

    def _close(self) -> None:
        # What is on disk need not be waited for.
        unsaved = self._publisher.counts()["unsaved"]
        self._publisher.close(CLOSE_WITHIN_S if unsaved else LEAVE_S)
        if self._leaving is not None:
            self._leaving.join()
        self._crew.close()
        if self._server is not None:
            self._server.close()
        self._book.close()


def _moved(old: Context, new: Context) -> bool:
    """Whether what waits for Kafka has another place or bound."""
    a, b = old.config.agent, new.config.agent
    return (a.spool, a.state_dir, a.queue_bytes_max) != (b.spool, b.state_dir, b.queue_bytes_max)
