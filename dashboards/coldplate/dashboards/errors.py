"""The one error that speaking to a Grafana ends in."""

NEEDS_WAITING = (429, 500, 502, 503, 504)
"""Statuses of servers that may do better a moment later."""


class GrafanaError(Exception):
    """A step that Grafana did not do.

    Parameters
    ----------
    step
        What was to be done, to what.
    said
        What Grafana, or whatever stands in front of it, answered; short, without secrets.
    status
        Of the answer; None when there was none.
    """

    def __init__(self, step: str, said: str, status: int | None = None) -> None:
        super().__init__(f"{step}: {said}")
        self.step, self.said, self.status = step, said, status

    @property
    def away(self) -> bool:
        """Nobody answered, or only that it cannot at present."""
        return self.status is None or self.status in NEEDS_WAITING

    @property
    def stranger(self) -> bool:
        """The address or the credentials are wrong."""
        return self.status == 401 or (self.status is not None and 200 <= self.status < 400)

    @property
    def conflict(self) -> bool:
        """Somebody else was there first."""
        return self.status in (409, 412)
