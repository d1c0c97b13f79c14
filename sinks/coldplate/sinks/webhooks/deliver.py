"""Sends what waits in the outbox: a lane for each receiver, so that a dead one delays nobody."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from coldplate.sinks.webhooks.call import Format, Transport
from coldplate.sinks.webhooks.config import Alerts
from coldplate.sinks.webhooks.lane import Lane, Pace
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.waiting import Lengths
from coldplate.wire.action import Action

log = logging.getLogger(__name__)

GRACE_S = 5.0
"""What is under way gets so long at the end."""

LOOK_S = 1.0
"""How often the outbox is looked at for what another process wrote: dead letters that are to be sent again."""

NOBODY = "no such receiver: it is not in the configuration any more"


def _unheard(_actions: Sequence[Action]) -> None:
    pass


class Deliverer:
    """All lanes.

    Parameters
    ----------
    outbox
        What waits; outcomes are written down in it, together with the actions to publish of them.
    alerts
        Who the receivers are.
    formats, transports
        One each for every receiver, by its name.
    clock
        Unix seconds.
    pace
        Of every lane.
    on_actions
        Told of the actions of each outcome; they wait in the outbox in any case.

    Notes
    -----
    A message is sent at least once: one that was taken by a receiver and not yet written down as taken when the process is
    killed is sent again, under the same id.
    """

    def __init__(
        self, outbox: Outbox, alerts: Alerts, formats: Mapping[str, Format], transports: Mapping[str, Transport],
        *, clock: Callable[[], float] = time.time, pace: Pace | None = None,
        on_actions: Callable[[Sequence[Action]], None] = _unheard,
    ) -> None:  # fmt: skip
        self._outbox, self._on_actions = outbox, on_actions
        # One thread: the outbox takes one write at a time anyway, and its waits for the disk stop no lane.
        self._thread = ThreadPoolExecutor(1, "outbox")
        self.lanes = {
            r.name: Lane(
                r, formats[r.name], transports[r.name], outbox, self._do, pace or Pace(), clock,
                on_actions,
            )
            for r in alerts.receivers
        }  # fmt: skip
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """Send until `stop`."""
        self._loop = asyncio.get_running_loop()
        tasks = [
            asyncio.create_task(lane.run(), name=f"lane {lane.name}")
            for lane in self.lanes.values()
        ]
        try:
            while not self._stop.is_set():
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._stop.wait()
        finally:
            await asyncio.gather(*(lane.stop(GRACE_S) for lane in self.lanes.values()))
            await asyncio.gather(*tasks)
            self._thread.shutdown()
            self._ended.set()

    def wake(self) -> None:
        """There is something new; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    async def stop(self) -> None:
        """End `run`; what is under way gets a few seconds."""
        self._stop.set()
        if self._loop is not None:
            await self._ended.wait()

    def status(self) -> dict[str, dict[str, Any]]:
        """How it stands with each receiver, those too that only have dead letters: plain numbers and words."""
        lengths = self._outbox.lengths()
        names = sorted({*self.lanes, *lengths})
        return {name: self._status_of(name, lengths.get(name, Lengths())) for name in names}

    def _status_of(self, name: str, lengths: Lengths) -> dict[str, Any]:
        said: dict[str, Any] = {
            "pending": lengths.pending, "dead": lengths.dead, "oldest_ms": lengths.oldest_ms,
            "dropped": {why: n for (who, why), n in self._outbox.counts.items() if who == name and n},
        }  # fmt: skip
        if (lane := self.lanes.get(name)) is not None:
            said |= {
                "open": lane.circuit.open, "under_way": lane.under_way, "said": lane.said,
                "taken_ms": lane.taken_ms, "counts": dict(lane.counts),
            }  # fmt: skip
        return said

    async def _look(self) -> None:
        try:
            if await self._do(self._outbox.changed):
                self._wake()
            if actions := await self._do(self._outbox.abandon, tuple(self.lanes), NOBODY):
                self._on_actions(actions)
        except OutboxError as error:
            log.debug("%s", error)  # the lanes say it

    def _wake(self) -> None:
        for lane in self.lanes.values():
            lane.wake()

    async def _do(self, work: Callable[..., Any], *given: object) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, partial(work, *given))
