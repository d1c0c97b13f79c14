"""What a worker takes over from the one before it: baselines, and who was held for faulty.

A device may be named before its first frame is there, and has no row until then: what it is to get waits for it.
"""

from collections.abc import Callable, Mapping, Sequence

from coldplate.streams.fleet import Fleet
from coldplate.streams.state import Judge, KindState
from coldplate.wire.metric import Kind

EXPECTED_MAX = 65_536
"""Devices without a row for which something is kept; far more than have an open incident at once."""

SEEDED_AGE_S = 3600.0
"""A baseline taken over counts as this old: it has seen more than a restarted worker could."""

_Give = Callable[[Judge, int], None]
"""Puts something into a detector's state of a row."""


class Heir:
    """Puts what was known of devices into the detectors' state, at once or as soon as a device has a row.

    Parameters
    ----------
    fleet
        Which row is which device.
    kinds
        What is kept of the devices.
    """

    def __init__(self, fleet: Fleet, kinds: Mapping[Kind, KindState]) -> None:
        self._fleet, self._kinds = fleet, kinds
        self._expected: dict[str, list[_Give]] = {}

    @property
    def waits(self) -> bool:
        """Whether something is kept for a device that has no row yet."""
        return bool(self._expected)

    def seed(self, device_id: str, metric: str, baseline: float) -> None:
        """Give a device's baseline of a metric to every detector that keeps one (memory named as it)."""

        def give(judge: Judge, row: int) -> None:
            if metric in judge.memory:
                judge.memory[metric][row] = baseline
                judge.memory[f"{metric}_age_s"][row] = SEEDED_AGE_S
                judge.memory[f"{metric}_last_ms"][row] = 1.0

        self._take_over(device_id, give)

    def resume(self, device_id: str, detector: str) -> None:
        """A detector held a device for faulty when the worker before us ended: it does until it says otherwise."""

        def hold(judge: Judge, row: int) -> None:
            speaks = judge.voice is None or judge.voice.speaks_for(row)
            if judge.detector.name == detector and speaks:
                judge.episodes.hold(row)

        self._take_over(device_id, hold)

    def meet(self, kind: Kind, devices: Sequence[str]) -> None:
        """Devices that were expected and now have a row get what is kept for them."""
        self._kinds[kind].grow(len(self._fleet.tables[kind]))
        for device_id in devices:
            for give in self._expected.pop(device_id, ()):
                self._take_over(device_id, give)

    def _take_over(self, device_id: str, give: _Give) -> None:
        for kind, state in self._kinds.items():
            if (row := self._fleet.tables[kind].row_of.get(device_id)) is not None:
                for judge in state.judges:
                    give(judge, row)
                return
        if len(self._expected) < EXPECTED_MAX:
            self._expected.setdefault(device_id, []).append(give)
