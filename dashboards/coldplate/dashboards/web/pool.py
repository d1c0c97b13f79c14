"""Calls that block, in threads: bounded in number, in waiting and in time.

A thread that hangs in a driver cannot be ended, so threads are daemons: they never keep the process from ending.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from coldplate.dashboards.web.limits import WAITS

T = TypeVar("T")


class Busy(Exception):  # noqa: N818  a state
    """As many calls as may wait for a thread are waiting."""


class TooSlow(Exception):  # noqa: N818  a state
    """A call did not end in time."""


@dataclass(slots=True)
class _Job:
    call: Callable[[], Any]
    answer: asyncio.Future[Any]
    given_up: bool = False


class Pool:
    """Threads for calls; used from one event loop.

    Parameters
    ----------
    threads
        How many, started when first needed.
    name
        Of the threads, and in messages.
    waiting_max
        Calls beyond those that run.
    within_s
        See `Waits.answer_s`.
    """

    def __init__(
        self, threads: int, name: str, waiting_max: int, within_s: float | None = WAITS.answer_s
    ) -> None:
        self._within_s = within_s
        self._threads_max, self._name, self._waiting_max = threads, name, waiting_max
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._pending = 0

    async def run(self, call: Callable[[], T]) -> T:
        """What a call answers; what it raises.

        Raises
        ------
        Busy, TooSlow
        """
        if self._pending >= self._threads_max + self._waiting_max:
            raise Busy(f"{self._pending} calls of {self._name} are under way already")
        loop = asyncio.get_running_loop()
        job = _Job(call, loop.create_future())
        self._pending += 1
        if len(self._threads) < min(self._threads_max, self._pending):
            thread = threading.Thread(target=self._work, args=(loop,), name=self._name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._jobs.put(job)
        try:
            async with asyncio.timeout(self._within_s):
                answer: T = await job.answer
                return answer
        except TimeoutError:
            if not job.answer.cancelled():
                raise  # the call's own
            raise TooSlow(f"no answer within {self._within_s:g} s") from None
        finally:
            job.given_up = True

    def close(self, within_s: float) -> None:
        """Let threads end, and wait for them so long altogether; for a thread outside the loop."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(within_s / len(self._threads))

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._jobs.get()) is not None:
            answer, error = None, None
            if not job.given_up:
                try:
                    answer = job.call()
                except BaseException as raised:  # noqa: BLE001  belongs to who asked
                    error = raised
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._done, job.answer, answer, error)
            del job, answer, error

    def _done(self, future: asyncio.Future[Any], answer: Any, error: BaseException | None) -> None:
        self._pending -= 1
        if future.done():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
