"""One collector made of several, each in a lane of its own: what one of them cannot tell, the others still do.

All are asked at once for a tick. Who has not answered by the deadline, raised, or rests after failures is absent from
that tick; the frame goes out with the rest, and its mask says what is missing. Where two tell the same metric of the
same device (NVML and the baseboard's controller), the one that stands first in the list is believed.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import (
    Collector,
    Conditions,
    Happening,
    Health,
    Origin,
    Samples,
    Source,
)
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.lane import Lane
from coldplate.wire.metric import CATALOGUE, Kind

_Answer = Samples | DevicesChanged


class Gathering:
    """Asks several collectors side by side; is itself a `Collector`.

    Parameters
    ----------
    collectors
        By name, in the order in which they are believed.
    deadline_s
        From the tick's asking to the last answer that is waited for; well below a tick.
    clock
        Monotonic seconds.

    Raises
    ------
    ValueError
        When two collectors give one source different racks, or one device different sources.
    """

    def __init__(
        self,
        collectors: Mapping[str, Collector],
        *,
        deadline_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._members = dict(collectors)
        self._deadline_s, self._clock = deadline_s, clock
        self.sources, self.devices = _joined(list(self._members.values()))
        place = {k: {d: i for i, d in enumerate(ids)} for k, ids in self.devices.items()}
        self._columns = {
            name: {
                kind: np.array([place[kind][d] for d in ids], np.intp)
                for kind, ids in member.devices.items()
            }
            for name, member in self._members.items()
        }
        self._happenings: deque[Happening] = deque()
        self._lanes = {
            name: Lane(name, self._asking(member), clock=clock)
            for name, member in self._members.items()
        }

    def sample(self, tick_ms: int) -> Samples:
        """What was answered in time.

        Raises
        ------
        DevicesChanged
            When a member says so; the others' answers of this tick are lost.
        """
        for lane in self._lanes.values():
            lane.ask(tick_ms, tick_ms)
        deadline_s = self._clock() + self._deadline_s
        out = {
            kind: np.full((len(CATALOGUE[kind]), len(ids)), np.nan)
            for kind, ids in self.devices.items()
        }
        changed: DevicesChanged | None = None
        for name, lane in self._lanes.items():
            answer = lane.answer(deadline_s)
            if isinstance(answer, DevicesChanged):
                changed = answer
            elif answer is not None:
                for kind, values in answer.items():
                    _merge(out[kind], values, self._columns[name][kind])
        if changed is not None:
            raise changed
        return out

    def conditions(self) -> Conditions | None:
        """As they should be: a rehearsal is no member."""
        return None

    def happenings(self) -> list[Happening]:
        """Of all members, those of late answers too."""
        out: list[Happening] = []
        with suppress(IndexError):
            while True:
                out.append(self._happenings.popleft())
        return out

    def health(self) -> Sequence[Health]:
        """Each member's lane, then what the members say of what is behind them."""
        out = [lane.health() for lane in self._lanes.values()]
        for member in self._members.values():
            out += member.health()
        return out

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Of all members; where two tell the same metric, the one that is believed and has a value."""
        out: dict[str, dict[str, Origin]] = {}
        for member in self._members.values():
            for device, metrics in member.origins().items():
                mine = out.setdefault(device, {})
                for name, origin in metrics.items():
                    if name not in mine or (mine[name].absent and not origin.absent):
                        mine[name] = origin
        return out

    def close(self) -> None:
        """Close every member; one that hangs is left behind in its daemon thread."""
        for name, member in self._members.items():
            if self._lanes[name].close():
                member.close()

    def _asking(self, member: Collector) -> Callable[[int], _Answer]:
        def ask(tick_ms: int) -> _Answer:
            try:
                return member.sample(tick_ms)
            except DevicesChanged as changed:
                return changed
            finally:
                self._happenings.extend(member.happenings())

        return ask


def _merge(
    into: NDArray[np.float64], values: NDArray[np.float64], columns: NDArray[np.intp]
) -> None:
    there = into[:, columns]
    into[:, columns] = np.where(np.isnan(there), values, there)


def _joined(members: Sequence[Collector]) -> tuple[tuple[Source, ...], dict[Kind, tuple[str, ...]]]:
    """The sources of all, with the devices of each side by side."""
    racks: dict[str, str] = {}
    owner: dict[str, str] = {}
    of_source: dict[str, dict[Kind, dict[str, None]]] = {}
    for member in members:
        for source in member.sources:
            if racks.setdefault(source.name, source.rack) != source.rack:
                raise ValueError(
                    f"{source.name} is in rack {racks[source.name]} and in {source.rack}"
                )
            mine = of_source.setdefault(source.name, {})
            for kind, span in source.devices.items():
                for device in member.devices[kind][span.start : span.stop]:
                    if owner.setdefault(device, source.name) != source.name:
                        raise ValueError(
                            f"{device} is sent by {owner[device]} and by {source.name}"
                        )
                    mine.setdefault(kind, {})[device] = None
    devices: dict[Kind, list[str]] = {}
    sources = []
    for name, kinds in of_source.items():
        spans = {}
        for kind in sorted(kinds):
            ids = devices.setdefault(kind, [])
            spans[kind] = range(len(ids), len(ids) + len(kinds[kind]))
            ids += kinds[kind]
        sources.append(Source(name, racks[name], spans))
    return tuple(sources), {kind: tuple(ids) for kind, ids in devices.items()}
