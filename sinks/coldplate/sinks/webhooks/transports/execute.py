"""A command that gets the incidents as JSON on its standard input: no shell, one process group, an end in any case.

Exit 0 is taken, 75 (EX_TEMPFAIL of sysexits.h) is tried again, anything else is refused: a dead letter that a person
can send again. Every run, and every one that did not happen, is one line that becomes the text of an action.
"""

import asyncio
import logging
import os
import shlex
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from coldplate.sinks.webhooks.call import Call, Reply, Run, Verdict
from coldplate.sinks.webhooks.config import Exec
from coldplate.sinks.webhooks.outbox_file import OutboxError
from coldplate.sinks.webhooks.transports.breaker import Breaker

log = logging.getLogger(__name__)

AGAIN = 75
KILL_S = 1.0
"""Between being asked to end and being killed."""


class ExecuteTransport:
    """Runs of one receiver's command.

    Parameters
    ----------
    receiver
        Command, step, time-out.
    breaker
        Says how many nodes it may act on.
    clock
        Unix seconds.

    Notes
    -----
    The command gets this process's environment without the variables that begin with COLDPLATE_, which may hold
    passwords, and with COLDPLATE_STEP. Its output goes nowhere: a command keeps its own log. What it leaves running in its
    process group ends with it. The command's words stand in actions and logs: secrets do not belong there.
    """

    def __init__(
        self, receiver: Exec, breaker: Breaker, clock: Callable[[], float] = time.time
    ) -> None:
        self._receiver, self._breaker, self._clock = receiver, breaker, clock

    async def make(self, call: Call) -> Reply:
        """One attempt."""
        assert isinstance(call, Run)
        reply = await self._made(call)
        log.info("%s: %s", self._receiver.name, reply.said)
        return reply

    async def close(self) -> None:
        """Nothing to let go of: whoever waits for a run ends it."""

    async def _made(self, call: Run) -> Reply:
        r = self._receiver
        what = f"{shlex.join(r.command)} for {_list(call.nodes)}"
        if not r.enabled:
            return Reply(Verdict.TAKEN, f"not run: off; {what}")
        if not call.live:
            return Reply(Verdict.TAKEN, f"not run: over; {what}")
        if r.step == "recommend":
            return Reply(Verdict.TAKEN, f"recommended, not run: {what}")
        try:
            why = await asyncio.to_thread(self._breaker.admit, call.nodes, self._clock())
        except OutboxError as error:
            return Reply(Verdict.RETRY, f"breaker: cannot count, so nothing is run ({error})")
        if why:
            return Reply(Verdict.REFUSED, f"breaker: {why}; not run: {what}")
        return await self._run(call, what)

    async def _run(self, call: Run, what: str) -> Reply:
        r = self._receiver
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
        try:
            # No pipes: of those a child that is left behind could hold the other end, and nobody would see the end.
            with _file(call.stdin) as stdin:
                process = await asyncio.create_subprocess_exec(
                    *r.command, stdin=stdin, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True,
                    env=kept | {"COLDPLATE_STEP": r.step},
                )  # fmt: skip
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", None) or "not a command"
            return Reply(Verdict.RETRY, f"command: {said.lower()}: {what}")
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(r.timeout_s):
                await process.wait()
        except TimeoutError:
            return Reply(
                Verdict.RETRY, f"time-out: killed after {r.timeout_s:g} s, {r.step}: {what}"
            )
        finally:
            await _end(process)
        took_s = time.monotonic() - began_s
        verdict = {0: Verdict.TAKEN, AGAIN: Verdict.RETRY}.get(process.returncode or 0, Verdict.REFUSED)  # fmt: skip
        return Reply(verdict, f"exit {process.returncode}: {r.step} in {took_s:.1f} s: {what}")


def _file(data: bytes) -> BinaryIO:
    """What a command reads, in memory."""
    file = os.fdopen(os.memfd_create("alert"), "w+b")
    file.write(data)
    file.seek(0)
    return file


async def _end(process: Process) -> None:
    """Nothing of its group is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        if process.returncode is None:
            # Not `asyncio.timeout`: before Python 3.11.3 its end in a task that is being cancelled is no TimeoutError.
            await asyncio.wait({asyncio.ensure_future(process.wait())}, timeout=KILL_S)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _list(nodes: tuple[str, ...]) -> str:
    if len(nodes) <= 3:
        return ", ".join(nodes) or "no node"
    return f"{', '.join(nodes[:3])} and {len(nodes) - 3} more"
