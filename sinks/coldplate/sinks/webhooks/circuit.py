"""One receiver's circuit: after failures in a row nothing is sent but a probe now and then, until one is taken."""

from dataclasses import dataclass, field

from coldplate.sinks.webhooks.backoff import Backoff

FAILURES_MAX = 5
"""So many in a row open it."""

ASKED_S_MAX = 3600.0
"""A receiver can ask not to be called for so long (Retry-After), not longer."""


@dataclass(slots=True)
class Circuit:
    """Whether a receiver may be called now.

    Parameters
    ----------
    backoff
        How long it stays open before each probe. A minute at most: a receiver that is back is found soon.
    """

    backoff: Backoff = field(default_factory=lambda: Backoff(longest_s=60.0))
    open: bool = False
    _failures: int = 0
    _until_s: float = 0.0
    _asked_s: float = 0.0

    def rest_s(self, now_s: float) -> float:
        """How long nothing may be sent; 0.0 when something may, one message alone while it is `open`."""
        rest_s = max(self._until_s, self._asked_s) - now_s
        # A clock that was set back must not stop alerts until it has caught up.
        return rest_s if 0.0 < rest_s <= ASKED_S_MAX else 0.0

    def failed(self, now_s: float, asked_s: float | None) -> bool:
        """An attempt failed, and the receiver asked for so long a rest; True when that opens the circuit."""
        if self.open and now_s < self._until_s:
            return False  # it began before the circuit opened
        self._failures += 1
        if asked_s is not None:
            self._asked_s = now_s + min(asked_s, ASKED_S_MAX)
        if self._failures < FAILURES_MAX:
            return False
        opened, self.open = not self.open, True
        self._until_s = now_s + self.backoff.wait_s(self._failures - FAILURES_MAX + 1)
        return opened

    def answered(self) -> bool:
        """The receiver took or refused a message: it works; True when that closes the circuit."""
        closed, self.open = self.open, False
        self._failures, self._until_s, self._asked_s = 0, 0.0, 0.0
        return closed
