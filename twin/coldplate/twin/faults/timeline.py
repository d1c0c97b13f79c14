"""The faults of a run as time goes on: what acts now, whether anything moved, which events are due."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from coldplate.twin.effects import Effects
from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Rows, Told
from coldplate.twin.faults.library import KINDS


def filled(fault: Fault) -> Fault:
    """A fault with its kind's ramp, recovery and lead where it gives none."""
    kind = KINDS[fault.kind]
    return replace(
        fault,
        ramp_s=kind.ramp_s if fault.ramp_s is None else fault.ramp_s,
        recovery_s=kind.recovery_s if fault.recovery_s is None else fault.recovery_s,
        lead_s=kind.lead_s if fault.lead_s is None else fault.lead_s,
    )


def apply_all(effects: Effects, faults: Iterable[Fault], t_s: float, rows: Rows) -> None:
    """Write what filled faults do at a time to effects that are neutral."""
    for fault in faults:
        KINDS[fault.kind].apply(effects, fault, t_s, rows)


class Timeline:
    """Faults in time.

    Parameters
    ----------
    faults
        In any order.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(filled(f) for f in faults)
        self._events = sorted(
            ((f.at_s + told.after_s, n, told) for n, f in enumerate(self.faults)
             for told in KINDS[f.kind].events(f) if f.end_s is None or f.at_s + told.after_s <= f.end_s),
            key=lambda e: e[:2],
        )  # fmt: skip
        self._event_s = [at_s for at_s, _, _ in self._events]
        self._state = (0, *(0.0 for _ in self.faults))
        self._quiet_until_s = float("-inf")

    def moved(self, t_s: float) -> bool:
        """Whether any level differs from what it was when last asked, or an event came; time never goes back."""
        if t_s < self._quiet_until_s:
            return False
        state = (bisect_right(self._event_s, t_s), *(f.level(t_s) for f in self.faults))
        self._quiet_until_s = self._next_s(t_s)
        if state == self._state:
            return False
        self._state = state
        return True

    def apply(self, effects: Effects, t_s: float, rows: Rows) -> None:
        """Write what they do at a time to effects that are neutral."""
        apply_all(effects, self.faults, t_s, rows)

    def due(self, after_s: float, until_s: float) -> list[tuple[float, Fault, Told]]:
        """Events later than one time and not later than another: when, whose, what."""
        begin, end = bisect_right(self._event_s, after_s), bisect_right(self._event_s, until_s)
        return [(at_s, self.faults[n], told) for at_s, n, told in self._events[begin:end]]

    def _next_s(self, t_s: float) -> float:
        """Until when nothing can move: now, while a level ramps."""
        later_events = self._event_s[bisect_right(self._event_s, t_s) :]
        out = later_events[0] if later_events else float("inf")
        for f in self.faults:
            turns = (f.from_s, f.at_s, f.at_s + (f.ramp_s or 0.0), f.end_s, f.until_s)
            later = [turn for turn in turns if turn is not None and turn > t_s]
            up = f.at_s <= t_s < f.at_s + (f.ramp_s or 0.0)
            down = f.end_s is not None and f.end_s <= t_s < f.until_s
            out = min([out, t_s if up or down else out, *later])
        return out
