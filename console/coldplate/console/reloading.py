"""SIGHUP for worker, sink, alerter and web page: a new configuration is looked at first, and then gone on with.

Everything that a part reads before it works is read anew beside it. What is wrong is said with file and line, counted, and
changes nothing. What can be used is taken as a restart would take it, in place: the part ends in good order, and the same
process (its number, its parent, its name in the group) begins again with the new files. So every setting can change, none
is taken by half, and nothing is lost that a restart would not lose; a worker judges nothing for the seconds in between.
"""

import logging
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

from coldplate.console.context import Context
from coldplate.console.failure import NOT_THERE, Failure

log = logging.getLogger(__name__)

TAKEN, REFUSED = "taken", "refused"
CARRIED = "_COLDPLATE_RELOADS"
"""Environment variable by which the program after a reload knows what was counted before."""


class Reloading:
    """Around a part's work, in the main thread: from its first line to its last.

    Parameters
    ----------
    context
        Configuration that is in force.
    check
        Reads of another one all that the part reads when it starts; raises Failure when it could not start.

    Notes
    -----
    A part that was started from a terminal ends with it, as programs do: there SIGHUP means that it was closed.
    """

    def __init__(self, context: Context, check: Callable[[Context], object]) -> None:
        self._context, self._check = context, check
        self.counts: Counter[str] = Counter(_carried(os.environ))
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._usable = self._turning = False
        self._stops = 0
        self._before: Any = None

    def __enter__(self) -> Self:
        if not sys.stdin or not sys.stdin.isatty():
            threading.Thread(target=self._look, name="reload", daemon=True).start()
            self._before = signal.signal(signal.SIGHUP, self._heard)
            # Held back from one program to the next, so that none is lost and none ends us.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        return self

    def __exit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        self._asked.put(False)
        # The one stop is ours; whoever sent another wants the part to end.
        if self._turning and self._stops <= 1:
            self._go_on()
        if self._before is not None:
            signal.signal(signal.SIGHUP, self._before)

    def _heard(self, _signum: int, _frame: FrameType | None) -> None:
        if not self._usable:
            self._asked.put(True)
        elif not self._turning:
            self._turning = True
            for number in (signal.SIGTERM, signal.SIGINT):
                self._count_stops(number)
            os.kill(os.getpid(), signal.SIGTERM)

    def _look(self) -> None:
        """In a thread of its own: the part goes on meanwhile."""
        while self._asked.get():
            with suppress(Empty):
                while self._asked.get_nowait():
                    pass  # several at once are one
            if self._can_be_used():
                log.warning("the configuration is read again: this process goes on with it")
                self._usable = True
                os.kill(os.getpid(), signal.SIGHUP)
                return

    def _can_be_used(self) -> bool:
        old = self._context
        try:
            self._check(Context(old.config_file, old.state_dir, old.verbose))
        except Failure as error:
            log.error("the configuration is refused, the old one goes on: %s", error)  # noqa: TRY400
        except Exception:
            log.exception("the configuration cannot be looked at, the old one goes on")
        else:
            return True
        self.counts[REFUSED] += 1
        return False

    def _count_stops(self, number: signal.Signals) -> None:
        """Beside what the part does about it: an event loop hears of a signal by another way, and goes on hearing."""
        before = signal.getsignal(number)

        def heard(signum: int, frame: FrameType | None) -> None:
            self._stops += 1
            if callable(before):
                before(signum, frame)
            elif before == signal.SIG_DFL:
                # It has not begun to work, or has ended already.
                raise SystemExit(0)

        signal.signal(number, heard)

    def _go_on(self) -> None:
        """Begin again as the same process; does not return."""
        os.environ[CARRIED] = f"{self.counts[TAKEN] + 1} {self.counts[REFUSED]}"
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        try:
            os.execv(sys.executable, sys.orig_argv)
        except OSError as error:
            raise Failure(f"{sys.executable} cannot be begun again: {error.strerror}", NOT_THERE) from None  # fmt: skip


def _carried(environ: Mapping[str, str]) -> dict[str, int]:
    words = environ.get(CARRIED, "").split()
    taken, refused = (int(w) for w in words) if len(words) == 2 else (0, 0)
    return {TAKEN: taken, REFUSED: refused}
