"""What the server is handed by whoever starts it. Every call may take its time and is made from a thread."""

from collections.abc import Mapping
from typing import Any, Protocol

from coldplate.dashboards.web.floor import Floor
from coldplate.dashboards.web.picture import Picture


class Away(Exception):  # noqa: N818  a state, told and then forgotten
    """The history does not answer; the message says why and holds no secret."""


class NotThere(Exception):  # noqa: N818
    """Nothing is called so; the message says what would be."""


class NotThen(NotThere):
    """Of that moment there is nothing to show; the message says of which there is."""


class Hall(Protocol):
    """Where pictures come from."""

    def floor(self) -> Floor:
        """As it is now; asked again and again, so an answer that is some seconds old will do.

        Raises
        ------
        Away
        """

    def now(self) -> Picture:
        """The newest picture; called by one thread at a time.

        Raises
        ------
        Away
        """

    def past(self, at_ms: int, step_ms: int) -> Picture:
        """A picture of a past moment, in whole steps; called by several threads at a time.

        Parameters
        ----------
        at_ms
            When.
        step_ms
            How far apart the pictures of this replay are: values are of the newest sample, or means of a rollup no longer than that.

        Raises
        ------
        Away, NotThere
        """

    def span(self) -> tuple[int, int]:
        """From when to when there is something to replay, Unix milliseconds.

        Raises
        ------
        Away
        """

    def close(self) -> None:
        """Let go."""


class Answers(Protocol):
    """The same JSON that the commands of that name print with `--json`; called by several threads at a time.

    Each raises `Away`, and `NotThere` for what is not known.
    """

    def hall(self) -> Mapping[str, Any]:
        """`coldplate live --json`."""

    def rack(self, rack: str, at_ms: int | None) -> Mapping[str, Any]:
        """`coldplate rack`; None is now."""

    def gpu(self, gpu: str, at_ms: int | None) -> Mapping[str, Any]:
        """`coldplate gpu`; None is now."""

    def board(self) -> Mapping[str, Any]:
        """`coldplate board --json`."""

    def incidents(self, state: str, limit: int) -> Mapping[str, Any]:
        """`coldplate incidents list`; `state` is `open`, `closed` or `all`."""

    def why(self, incident: str) -> Mapping[str, Any]:
        """`coldplate why`."""

    def power(self, rack: str, begin_ms: int, end_ms: int, steps: int) -> Mapping[str, Any]:
        """A rack's power with its band: `begin_ms`, `step_ms`, `mean_w`, `low_w`, `high_w` (lists; None where absent)."""

    def resistance(self, gpu: str, begin_ms: int, end_ms: int, steps: int) -> Mapping[str, Any]:
        """A GPU's resistance over time: `begin_ms`, `step_ms`, `k_per_w` (list), `baseline_k_per_w` (or None)."""

    def close(self) -> None:
        """Let go."""
