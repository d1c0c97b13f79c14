"""One loop of an agent after another: what ends one, and what is told to it from outside."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from coldplate.console.config import Config
from coldplate.console.failure import Failure


class Turn(threading.Event):
    """Ends a loop; says why.

    Parameters
    ----------
    check
        Asked, in a thread of its own, whether a reload is to end the loop; None always does.
    """

    def __init__(self, check: Callable[[], bool] | None = None) -> None:
        super().__init__()
        self.stopping = self.reloading = False
        self._check = check

    def stop(self) -> None:
        """For good."""
        self.stopping = True
        self.set()

    def reload(self) -> None:
        """To read the configuration again."""
        if self._check is None:
            self._now()
        else:
            threading.Thread(target=self._checked, args=(self._check,), daemon=True).start()

    def _checked(self, check: Callable[[], bool]) -> None:
        if check():
            self._now()

    def _now(self) -> None:
        self.reloading = True
        self.set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM stop, SIGHUP reloads; handlers are put back at the end."""

        def stop(_signum: int, _frame: FrameType | None) -> None:
            self.stop()

        def reload(_signum: int, _frame: FrameType | None) -> None:
            self.reload()

        wanted = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: reload}
        before = {s: signal.signal(s, handler) for s, handler in wanted.items()}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)


def refuse_other_role(old: Config, new: Config) -> None:
    """What another role needs is another process.

    Raises
    ------
    Failure
        When the new configuration has one.
    """
    if new.agent.role != old.agent.role:
        raise Failure("agent.role can only change with a restart")
