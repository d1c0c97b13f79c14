"""One receiver's lane: takes what is due out of the outbox, has it sent, and writes down what came of it.

A lane waits for nobody but its receiver. Messages of different groups are under way side by side; of one group there is
never more than one, and the next leaves when that one was taken or given up.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from coldplate.sinks.webhooks.backoff import Backoff
from coldplate.sinks.webhooks.call import Format, Reply, Transport, Verdict
from coldplate.sinks.webhooks.circuit import ASKED_S_MAX, Circuit
from coldplate.sinks.webhooks.config import Receiver
from coldplate.sinks.webhooks.message import Message
from coldplate.sinks.webhooks.outbox import Outbox
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.secrets import SecretError
from coldplate.sinks.webhooks.waiting import Waiting
from coldplate.wire.action import Action

log = logging.getLogger(__name__)

LATE_S = 5.0
"""A transport that is still busy so long after its receiver's time-out is left."""

LOOK_S = 30.0
"""A lane looks at least so often: the wall clock, by which messages are due, may be set."""

DISK_S = 1.0
SAID_MAX = 200
EXPIRED_AT_ONCE = 100


class Do(Protocol):
    """Has the outbox do something without stopping the other lanes meanwhile."""

    async def __call__(self, work: Callable[..., Any], *given: object) -> Any:
        """What `work` returns."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a lane is.

    Parameters
    ----------
    concurrency
        Messages of one receiver that are under way at most.
    retry
        Waits between the attempts at one message.
    probe
        Waits between probes of a receiver that fails.
    """

    concurrency: int = 8
    retry: Backoff = field(default_factory=Backoff)
    probe: Backoff = field(default_factory=lambda: Backoff(longest_s=60.0))


class Lane:
    """Sends to one receiver.

    Parameters
    ----------
    receiver
        Its name, time-out and patience.
    format_, transport
        Make the call, and make it.
    outbox, do
        What waits, and who asks it.
    pace
        See there.
    clock
        Unix seconds.
    on_actions
        Takes what is to be published of an outcome, when it is written down.
    """

    def __init__(
        self, receiver: Receiver, format_: Format, transport: Transport, outbox: Outbox, do: Do,
        pace: Pace, clock: Callable[[], float], on_actions: Callable[[Sequence[Action]], None],
    ) -> None:  # fmt: skip
        self.name = receiver.name
        self.counts: Counter[str] = Counter()
        self.circuit = Circuit(pace.probe)
        self.said = ""
        self.taken_ms: int | None = None
        self._receiver, self._format, self._transport = receiver, format_, transport
        self._outbox, self._do, self._pace, self._clock = outbox, do, pace, clock
        self._on_actions = on_actions
        self._awake = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._ending = self._complained = self._mourned = False

    @property
    def under_way(self) -> int:
        """Messages that are being sent."""
        return len(self._under_way)

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()

    async def run(self) -> None:
        """Send until `stop`."""
        while not self._ending:
            self._awake.clear()
            try:
                wait_s = await self._step()
                self._complained = False
            except Exception as error:  # noqa: BLE001  a lane that ended would be a receiver that nobody tells
                wait_s = DISK_S
                self._complain(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, LOOK_S)):
                    await self._awake.wait()

    async def stop(self, grace_s: float) -> None:
        """Begin nothing, give what is under way some time; what is not taken by then is sent by the next process."""
        self._ending = True
        self.wake()
        if self._under_way:
            ended, late = await asyncio.wait(self._under_way.values(), timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*ended, *late, return_exceptions=True)
        await self._transport.close()

    async def _step(self) -> float:
        """Begin what may begin; returns how long nothing follows by itself."""
        now_s = self._clock()
        await self._give_up(now_s)
        heads: list[Waiting] = await self._do(
            self._outbox.heads, self.name, 2 * self._pace.concurrency + 1
        )
        heads = [head for head in heads if head.message.group not in self._under_way]
        if not heads or self._ending:
            return LOOK_S
        if (rest_s := self.circuit.rest_s(now_s)) > 0.0:
            return rest_s
        if self.circuit.open:
            if not self._under_way:
                self._begin(heads[0])
            return LOOK_S
        for head in heads:
            if (early_s := _early_s(head, now_s)) > 0.0:
                return early_s
            if self.under_way >= self._pace.concurrency:
                break
            self._begin(head)
        return LOOK_S

    async def _give_up(self, now_s: float) -> None:
        before_ms = int((now_s - self._receiver.give_up_s) * 1000)
        while True:
            old: list[Waiting] = await self._do(
                self._outbox.expired, self.name, before_ms, EXPIRED_AT_ONCE
            )
            # One that was never tried is tried once, however late, if anything is.
            old = [
                head for head in old
                if (head.tries or self.circuit.open) and head.message.group not in self._under_way
            ]  # fmt: skip
            for head in old:
                await self._bury(head.message, self._too_old(head.said or "the receiver is away"))
            if not old:
                return

    def _begin(self, head: Waiting) -> None:
        task = asyncio.create_task(self._send(head), name=f"alert to {self.name}")
        self._under_way[head.message.group] = task

    async def _send(self, head: Waiting) -> None:
        try:
            reply, blamed = await self._reply(head.message)
            self.said = reply.said
            if reply.verdict is Verdict.RETRY:
                await self._failed(head, reply, blamed)
            else:
                await self._answered(head, reply)
        except Exception as error:  # noqa: BLE001  what came of it is not written down: it may be sent again, not at once
            self._complain(error)
            await asyncio.sleep(DISK_S)
        finally:
            del self._under_way[head.message.group]
            self._awake.set()

    async def _reply(self, message: Message) -> tuple[Reply, bool]:
        """What came of a message, and whether its receiver is to blame if it is nothing."""
        try:
            call = self._format.call(message, self._clock())
        except Exception as error:  # noqa: BLE001  one message's or key's trouble: counted, named, tried again
            return Reply(Verdict.RETRY, _said("format", error)), False
        try:
            async with asyncio.timeout(self._receiver.timeout_s + LATE_S):
                return await self._transport.make(call), True
        except TimeoutError:
            return Reply(Verdict.RETRY, "time-out: the transport does not end"), True
        except Exception as error:  # noqa: BLE001  as above
            return Reply(Verdict.RETRY, _said("transport", error)), True

    async def _answered(self, head: Waiting, reply: Reply) -> None:
        closed = self.circuit.answered()
        if reply.verdict is Verdict.TAKEN:
            self.counts["taken"] += 1
            self.taken_ms, self._mourned = int(self._clock() * 1000), False
            self._tell(await self._surely(self._outbox.taken, head.message, _cut(reply.said)))
        else:
            await self._bury(head.message, reply.said)
        if closed:
            log.warning("%s answers again: %s", self.name, reply.said)
            await self._surely(self._outbox.hurry, self.name)

    async def _failed(self, head: Waiting, reply: Reply, blamed: bool) -> None:
        now_s = self._clock()
        self.counts["failed " + reply.said.partition(":")[0]] += 1
        if blamed and self.circuit.failed(now_s, reply.wait_s):
            log.warning("%s fails (%s); its alerts wait, and a probe is sent now and then", self.name, reply.said)  # fmt: skip
        if now_s - head.since_ms / 1000 >= self._receiver.give_up_s:
            await self._bury(head.message, self._too_old(reply.said))
            return
        wait_s = self._pace.retry.wait_s(head.tries + 1)
        if reply.wait_s is not None:
            wait_s = max(wait_s, min(reply.wait_s, ASKED_S_MAX))
        at_ms = int((now_s + wait_s) * 1000)
        await self._surely(self._outbox.retry, head.message, at_ms, _cut(reply.said))

    async def _bury(self, message: Message, said: str) -> None:
        self.counts["dead"] += 1
        if not self._mourned:
            self._mourned = True
            log.warning("%s: gave up alert %s: %s; further ones until one is taken are not named", self.name, message.id, said)  # fmt: skip
        self._tell(await self._surely(self._outbox.dead, message, _cut(said)))

    def _too_old(self, said: str) -> str:
        return f"given up after {self._receiver.give_up_s:g} s: {said}"

    async def _surely(self, work: Callable[..., Any], *given: object) -> Any:
        """Have something written down, however often that takes: until then the message counts as under way."""
        while True:
            try:
                return await self._do(work, *given)
            except OutboxError as error:
                self._complain(error)
                if self._ending:
                    raise
                await asyncio.sleep(DISK_S)

    def _tell(self, actions: Sequence[Action]) -> None:
        if actions:
            self._on_actions(actions)

    def _complain(self, error: Exception) -> None:
        self.counts["outbox errors" if isinstance(error, OutboxError) else "errors"] += 1
        if not self._complained:
            self._complained = True
            log.error("alerts to %s stand still: %s", self.name, _said("lane", error))


def _early_s(head: Waiting, now_s: float) -> float:
    """How long before its time it is; 0.0 also when no wait can be that long: then the clock was set back."""
    early_s = head.due_ms / 1000 - now_s
    return early_s if 0.0 < early_s <= 2 * ASKED_S_MAX else 0.0


def _said(where: str, error: Exception) -> str:
    """An error without its words, which may hold a secret; those of our own errors hold none."""
    if isinstance(error, SecretError | OutboxError):
        return f"{where}: {error}"
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{where}: {type(error).__name__}{at}"


def _cut(said: str) -> str:
    return said if len(said) <= SAID_MAX else said[: SAID_MAX - 3] + "..."
