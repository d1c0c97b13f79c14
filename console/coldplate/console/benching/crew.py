"""Processes of a benchmark that kills: whoever dies is started anew at once, where a supervisor would wait longer each time."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from coldplate.console.failure import Failure
from coldplate.console.stack.keeper import Keeper
from coldplate.console.stack.logfile import tail
from coldplate.console.stack.part import Part, Status
from coldplate.console.stack.state import StateDir

LOOK_S = 0.02
_OTHERS_ENV = ("COLDPLATE_",)
_OURS_ENV = ("COLDPLATE_CACHE",)


def clean_environment() -> dict[str, str]:
    """This process's, without what would configure ours."""
    return {k: v for k, v in os.environ.items() if not k.startswith(_OTHERS_ENV) or k in _OURS_ENV}


class Crew:
    """The parts of one state folder.

    Parameters
    ----------
    state
        Its folder; released at the end.
    parts
        In the order in which they stop last.
    env
        Of all of them.
    """

    def __init__(self, state: StateDir, parts: Sequence[Part], env: Mapping[str, str]) -> None:
        self.state = state
        self.keepers = {
            part.name: Keeper(part, state.logs / f"{part.name}.log", env) for part in parts
        }
        self._wanted: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for keeper in reversed(self.keepers.values()):
            while keeper.status is not Status.STOPPED:
                keeper.stop(time.monotonic())
                keeper.poll(time.monotonic())
                time.sleep(LOOK_S)
        self.state.release()

    def begin(self, *names: str) -> None:
        """Keep these running from now on."""
        self._wanted |= set(names)

    def poll(self) -> None:
        """Look after all once."""
        for name in self._wanted:
            keeper = self.keepers[name]
            keeper.poll(time.monotonic())
            if keeper.status in (Status.WAITING, Status.BACKING_OFF):
                keeper.start(time.monotonic())

    def until(
        self, condition: Callable[[], bool], within_s: float, what: str,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Look after all until something is so.

        Raises
        ------
        Failure
            After so long; says what did not come, and how the logs end.
        """
        deadline_s = time.monotonic() + within_s
        while not condition():
            self.poll()
            meanwhile()
            if time.monotonic() > deadline_s:
                raise Failure(f"no {what} within {within_s:g} s\n{self.logs()}")
            time.sleep(LOOK_S)

    def healthy(self, *names: str) -> bool:
        """Whether all of these are."""
        return all(self.keepers[name].status is Status.HEALTHY for name in names)

    def logs(self) -> str:
        """How they end."""
        return "\n".join(f"{name}: {tail(k.log)}" for name, k in self.keepers.items())
