"""A part of the stack, and what is known of it while it runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


def runs() -> None:
    """The health check of a part that is well as long as its process runs."""
    return


@dataclass(frozen=True, slots=True)
class Part:
    """One program to keep running.

    Parameters
    ----------
    argv
        Program and arguments. Never a secret: everybody on the machine can read it.
    env
        Added to the supervisor's own environment. Secrets go here; it is not shown.
    health
        None when all is well, otherwise what is awaited. Called from the supervisor's loop, so it
        should answer within a second; an exception counts as "not well".
    depends_on
        Parts that must be healthy (or done) before this one starts, and that stop after it.
    once
        The program is a step, not a service: exit status 0 means done, another one tries again.
    stop_limit_s
        From the stop signal to SIGKILL.
    unhealthy_limit_s
        Restart it when it was not healthy for so long; None leaves it alone.
    ports
        For `status`; nothing is bound by naming them here.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    health: Callable[[], str | None] = runs
    depends_on: tuple[str, ...] = ()
    once: bool = False
    stop_limit_s: float = 10.0
    unhealthy_limit_s: float | None = None
    ports: Mapping[str, int] = field(default_factory=dict)


class Status(StrEnum):
    """Where a part stands; `up` is what its dependants wait for."""

    WAITING = "waiting"  # for the parts it depends on
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"  # was healthy, its check now says otherwise
    BACKING_OFF = "backing off"  # died, and starts again after a while
    DONE = "done"  # a step that succeeded
    STOPPING = "stopping"
    STOPPED = "stopped"

    @property
    def up(self) -> bool:
        """Whether parts that depend on it may start."""
        return self in (Status.HEALTHY, Status.DONE)


@dataclass(frozen=True, slots=True)
class PartState:
    """A part at one moment, as `status` shows it and stack.json keeps it.

    `ticks` is the kernel's start time of `pid` (see `process`); `since_s` the Unix time of the last
    change of `status`; `awaits` what its health check or its dependence waits for.
    """

    name: str
    status: Status
    pid: int | None
    ticks: int | None
    restarts: int
    awaits: str | None
    last_exit: str | None
    since_s: float
    log: str
    ports: dict[str, int]


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: doubled each time, forgotten after a healthy spell.

    Examples
    --------
    >>> backoff = Backoff()
    >>> [backoff.next_s(healthy_s=0) for _ in range(6)]
    [1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    >>> backoff.next_s(healthy_s=61)
    1.0
    """

    first_s: float = 1.0
    longest_s: float = 30.0
    calm_s: float = 60.0
    _tries: int = 0

    def next_s(self, *, healthy_s: float) -> float:
        """Seconds to wait now, after a run that was healthy for `healthy_s` in its end."""
        if healthy_s >= self.calm_s:
            self._tries = 0
        delay_s = self.first_s * 2.0 ** min(self._tries, 30)
        self._tries += 1
        return min(delay_s, self.longest_s)
