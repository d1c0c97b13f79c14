"""Keeps an agent's part of a plant's lease: the thread between the log (lease_log.py) and the rules (member.py)."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Protocol

from coldplate.agents.follow import NotAnswering
from coldplate.agents.gate import Verdict
from coldplate.agents.plant.lease import Terms
from coldplate.agents.plant.lease_log import Entry
from coldplate.agents.plant.member import Member, RoleState
from coldplate.wire.lease import LeaseRecord

log = logging.getLogger(__name__)

POLL_S = 0.2
LOOK_S = 1.0
RETRY_S = 1.0
CLOSE_S = 3.0

BEGIN_MS = 20
"""What passes until a loop waits for its first tick."""


class Log(Protocol):
    """What a keeper needs of a log."""

    whole: bool

    def poll(self, timeout_s: float) -> Sequence[Entry]:
        """Records that came within the time."""

    def at_end(self) -> bool:
        """Whether everything was read."""

    def write(self, record: LeaseRecord) -> None:
        """Hand a record over."""

    def close(self) -> None:
        """Let go."""


class Keeper:
    """Follows the log, speaks for one member, and judges ticks.

    Parameters
    ----------
    member
        Whose part.
    frame_ms
        From the first to the last tick of the longest frame, for who asks about a record by its first tick alone.
    open_log
        Opens the log; raises `NotAnswering` while it cannot.
    on_beat
        Called from the keeper's thread several times a second: whether it has read something, so that verdicts may
        have changed.
    """

    def __init__(
        self,
        member: Member,
        frame_ms: int,
        open_log: Callable[[], Log],
        on_beat: Callable[[bool], None],
    ) -> None:
        self._member, self._frame_ms = member, frame_ms
        self._open, self._on_beat = open_log, on_beat
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._until_ms: int | None = None
        self._left_s = float("-inf")
        self._said = ""
        self.counts: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self._thread.start()

    @property
    def holds(self) -> bool:
        """Whether this member leads, as far as it has read."""
        with self._changed:
            return self._member.holds

    @property
    def blind(self) -> bool:
        """Whether the log was never read yet."""
        with self._changed:
            return self._member.blind

    @property
    def state(self) -> RoleState:
        """What this member is just now."""
        with self._changed:
            return self._member.state(time.monotonic())

    @property
    def hears_holder(self) -> bool:
        """Whether another leads and has spoken lately."""
        with self._changed:
            return self._member.hears_holder(time.monotonic())

    def gate(self, first_ms: int, last_ms: int | None = None) -> Verdict:
        """What becomes of a record by its first tick and its last; from any thread, never blocks long."""
        last_ms = first_ms + self._frame_ms if last_ms is None else last_ms
        with self._changed:
            return self._member.terms.verdict(self._member.name, first_ms, last_ms)

    def wait(self, timeout_s: float) -> bool:
        """Whether it holds the lease, waiting for that so long at most."""
        with self._changed:
            return self._changed.wait_for(lambda: self._member.holds, timeout_s)

    def begin(self, sampled_from_ms: int | None = None) -> int | None:
        """The first tick (Unix milliseconds) to sample; None when the lease is gone already.

        Parameters
        ----------
        sampled_from_ms
            The first of the ticks that were sampled up to now; None without any.
        """
        with self._changed:
            if not self._member.holds:
                return None
            self.counts["terms"] += 1
            wall_ms = int(1000 * time.time()) + BEGIN_MS
            return self._member.begin(time.monotonic(), wall_ms, sampled_from_ms)

    def ticked(self) -> None:
        """A tick was sampled."""
        with self._changed:
            self._member.ticked(time.monotonic())

    def leave(self, until_ms: int, timeout_s: float) -> bool:
        """Give the lease up from a tick on; whether the log says so within the time."""
        with self._changed:
            self._until_ms = until_ms
            left = self._changed.wait_for(lambda: not self._member.holds, timeout_s)
        if not left:
            log.warning("the lease of %s could not be given up; it runs out", self._member.plant)
        return left

    def close(self) -> None:
        """End the thread; one that waits for Kafka is left behind (it is a daemon)."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with closing(self._open()) as opened:
                    self._follow(opened)
            except NotAnswering as error:
                self._say(str(error))
                self.counts["log_lost"] += 1
            self._closing.wait(RETRY_S)

    def _follow(self, opened: Log) -> None:
        terms = Terms(self._member.lease_ms, whole=opened.whole)
        while not opened.at_end():
            for entry in opened.poll(POLL_S):
                terms.take(entry.offset, entry.at_ms, entry.record)
            if self._closing.is_set():
                return
        looked_s = time.monotonic()
        with self._changed:
            self._member.begin_anew(terms, looked_s)
        self._say("")
        while not self._closing.is_set():
            self._hear(opened.poll(POLL_S))
            if time.monotonic() - looked_s >= LOOK_S:
                looked_s = time.monotonic()
                if opened.at_end():
                    with self._changed:
                        self._member.looked(time.monotonic())
            with self._changed:
                record = self._next()
            if record is not None:
                opened.write(record)
                self.counts[f"written_{record.kind}"] += 1

    def _hear(self, entries: Sequence[Entry]) -> None:
        now_s = time.monotonic()
        with self._changed:
            held = self._member.holds
            for entry in entries:
                if not self._member.heard(entry.offset, entry.at_ms, entry.record, now_s):
                    self.counts["invalid"] += 1
            holds, name = self._member.holds, self._member.name
            term = self._member.terms.present
            self._changed.notify_all()
        if held != holds and term is not None:
            left = term.until_ms is not None
            who = f"{name} leads" if holds else f"{name} stands by, {term.member} leads"
            log.warning("plant %s: %s", self._member.plant, f"{term.member} left" if left else who)
        self._on_beat(bool(entries))

    def _next(self) -> LeaseRecord | None:
        now_s, wall_ms = time.monotonic(), int(1000 * time.time())
        if self._until_ms is None:
            return self._member.next(now_s, wall_ms)
        if now_s - self._left_s < RETRY_S:
            return None
        self._left_s = now_s
        return self._member.leave(self._until_ms)

    def _say(self, text: str) -> None:
        if text != self._said:
            log.warning("%s", text or f"the lease's log of {self._member.plant} is read")
        self._said = text
