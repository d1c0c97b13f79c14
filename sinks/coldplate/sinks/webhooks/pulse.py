"""Whether frames pass from end to end: judged by the worker, and stored. What the dead man's switch is fed by.

No timer says so. A beat is allowed when a frame that was sampled a short while ago is in the history, and the worker
has acknowledged frames as lately. What does not answer is no beat: the receiver then misses it.
"""

from dataclasses import dataclass
from typing import Protocol


class Ends(Protocol):
    """Both ends of the pipeline; either call may raise `PulseUnknown`."""

    def newest_stored_ms(self) -> int | None:
        """Event time of the newest tick in the history, Unix milliseconds; None when there is none."""

    def judged(self) -> int:
        """Sum of the offsets that the worker has acknowledged of the frames' topic."""


class PulseUnknown(RuntimeError):  # noqa: N818  a state of the other, not a fault of ours
    """One end did not answer. The message is for a person and holds no secret."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One look.

    Parameters
    ----------
    passes
        Whether frames pass.
    stored_age_s
        Age of the newest stored tick; None when there is none or the history does not answer.
    judged
        Frames the worker has acknowledged since the look before; None when Kafka does not answer, or at the first look.
    why
        What is wrong, for a person; "" when frames pass.
    """

    passes: bool
    stored_age_s: float | None
    judged: int | None
    why: str


class Pulse:
    """Looks at both ends.

    Parameters
    ----------
    ends
        See `Ends`.
    stale_s
        Age of the newest stored tick, and of the worker's last acknowledgement, above which frames do not pass.
    """

    def __init__(self, ends: Ends, stale_s: float) -> None:
        self._ends, self._stale_s = ends, stale_s
        self._judged: int | None = None
        self._moved_s = 0.0

    def look(self, now_s: float) -> Beat:
        """Look once; blocks as long as the ends do."""
        wrong: list[str] = []
        age_s: float | None = None
        try:
            newest_ms = self._ends.newest_stored_ms()
        except PulseUnknown as error:
            wrong.append(f"the history does not answer ({error})")
        else:
            if newest_ms is None:
                wrong.append("the history has no frame")
            else:
                age_s = max(0.0, now_s - newest_ms / 1000)
                if age_s > self._stale_s:
                    wrong.append(f"the newest tick in the history is {age_s:.0f} s old")
        judged: int | None = None
        try:
            total = self._ends.judged()
        except PulseUnknown as error:
            wrong.append(f"Kafka does not answer ({error})")
        else:
            if self._judged is not None:
                judged = total - self._judged
            if judged is None or judged > 0:
                self._moved_s = now_s
            elif (still_s := now_s - self._moved_s) > self._stale_s:
                wrong.append(f"the worker has judged nothing for {still_s:.0f} s")
            self._judged = total
        return Beat(not wrong, age_s, judged, "; ".join(wrong))
