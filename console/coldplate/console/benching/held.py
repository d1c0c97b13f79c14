"""A stack of which some parts can be told to end, stay away, and come back."""

import time

from coldplate.console.stack.part import Status
from coldplate.console.stack.supervisor import Supervisor


class Held(Supervisor):
    """As its base; who is held is not started anew by it."""

    def hold(self, *names: str) -> None:
        """Ask parts to end in good order."""
        for name in names:
            self._keepers[name].stop(time.monotonic())

    def away(self, *names: str) -> bool:
        """Whether all of them have ended."""
        return all(self._keepers[name].status is Status.STOPPED for name in names)

    def let_go(self, *names: str) -> None:
        """Start those that were held."""
        for name in names:
            self._keepers[name].start(time.monotonic())
