"""One thread for one thing that may hang: who asks waits until a deadline, and goes on without the answer.

A driver call that blocks cannot be ended from outside. So each device, and each collector, has a lane: while its thread
is inside a call, further askings are refused at once (`busy`) and cost nothing; when the call returns at last, the lane
is free again. What fails or hangs repeatedly is asked less often: after `k` failures in a row `min(2^(k-1), 30)` ticks
pass before the next asking, because a driver in trouble is not helped by being asked.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Generic, TypeVar

from coldplate.agents.collector import Health

log = logging.getLogger(__name__)

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

REST_MAX = 30
"""Askings that are skipped at most after failures."""


class Lane(Generic[Asked, Answer]):
    """Does one thing at a time in a thread of its own.

    Parameters
    ----------
    name
        Of the thread and in `health`; `nvml/gpu-3`.
    work
        Called with what was asked; runs in the lane's thread. What it raises is counted and logged once.
    clock
        Monotonic seconds, for durations.

    Notes
    -----
    Use from one asking thread: `ask`, then `answer` with a deadline. An answer that comes after its deadline is
    dropped and counted as `late`: it belongs to a tick that is over.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Asked], Answer],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._work, self._clock = work, clock
        self._lock = threading.Lock()
        # Plain locks as binary semaphores: released by one thread, acquired by the other; the cheapest there is.
        self._wake, self._done = threading.Lock(), threading.Lock()
        self._wake.acquire()
        self._done.acquire()
        self._asked: Asked | None = None
        self._answer: Answer | None = None
        self._running = self._awaited = self._closed = False
        self._rest = self._failures = 0
        self._tick_ms: int | None = None
        self._counts: Counter[str] = Counter()
        self._text = ""
        self._duration_s: float | None = None
        self._last_success_ms: int | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, what: Asked, tick_ms: int) -> bool:
        """Begin; False when the lane is busy with an earlier asking, or rests after failures."""
        with self._lock:
            self._counts["asked"] += 1
            if self._running or self._closed:
                self._counts["busy"] += 1
                return False
            if self._rest > 0:
                self._rest -= 1
                self._counts["rested"] += 1
                return False
            self._asked, self._tick_ms = what, tick_ms
            self._running = self._awaited = True
        self._wake.release()
        return True

    def answer(self, deadline_s: float) -> Answer | None:
        """The answer to what was asked, or None: not asked, failed, or not there by the deadline (of `clock`)."""
        with self._lock:
            if not self._awaited:
                return None
        told = self._done.acquire(timeout=max(0.0, deadline_s - self._clock()))
        with self._lock:
            self._awaited = False
            if not told and not self._running:
                self._done.acquire()  # it landed between the deadline and this line
            out, self._answer = self._answer, None
            if self._running:
                self._failed("timeout", "no answer in time")
            return out

    def health(self) -> Health:
        """How it goes; from any thread."""
        with self._lock:
            return Health(
                self.name, not self._text, self._text, self._duration_s, self._last_success_ms,
                dict(self._counts),
            )  # fmt: skip

    def close(self, timeout_s: float = 1.0) -> bool:
        """End the thread; False when it is still inside a call, where it is left behind (it is a daemon)."""
        with self._lock:
            if not self._closed and not self._running:
                self._wake.release()
            self._closed = True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _failed(self, reason: str, text: str) -> None:
        self._counts[reason] += 1
        self._failures += 1
        self._rest = min(2 ** (self._failures - 1), REST_MAX) if self._failures > 1 else 0
        if not self._text:
            log.warning("%s: %s", self.name, text)
        self._text = text

    def _run(self) -> None:
        going = True
        while going:
            self._wake.acquire()
            going = self._one()

    def _one(self) -> bool:
        """Do what was asked; False when that was to end."""
        if self._closed:
            return False
        began_s, error, out = self._clock(), None, None
        try:
            out = self._work(self._asked)  # type: ignore[arg-type]
        except Exception as caught:  # noqa: BLE001  isolation is what a lane is for: counted and named
            error = caught
        with self._lock:
            self._landed(out, error, self._clock() - began_s)
            return not self._closed

    def _landed(self, out: Answer | None, error: Exception | None, took_s: float) -> None:
        self._running, self._asked = False, None
        if error is not None:
            self._failed(getattr(error, "reason", "error"), f"{type(error).__name__}: {error}")
        elif self._awaited:
            self._counts["answered"] += 1
            if self._text:
                log.warning("%s: answers again", self.name)
            self._text, self._failures, self._rest = "", 0, 0
            self._answer, self._last_success_ms = out, self._tick_ms
        else:
            self._counts["late"] += 1
        self._duration_s = took_s
        if self._awaited:
            self._done.release()
