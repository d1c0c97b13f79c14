"""A recording as a collector: what was read then is read again now, by any agent's loop, framer and publisher.

The first tick asked for is the recording's first; after its last everything is absent, and `over` says so. Between two
recorded ticks the earlier one holds, for one tick of the recording at most.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.twin.recording import Event, Recording, Tick, to_ms
from coldplate.wire.metric import CATALOGUE, Kind


class ReplayedCollector:
    """All devices of a recording.

    Parameters
    ----------
    folder
        Of the recording.

    Raises
    ------
    RecordingError
        When it is none.
    """

    def __init__(self, folder: Path) -> None:
        self.recording = Recording(folder)
        owners = {k: _owners(self.recording, k) for k in self.recording.devices}
        # A source's devices lie side by side, whatever the inventory's order.
        self._order = {k: np.argsort(_ranks(o), kind="stable").tolist() for k, o in owners.items()}
        self.devices: Mapping[Kind, tuple[str, ...]] = {
            k: tuple(self.recording.devices[k][i] for i in order)
            for k, order in self._order.items()
        }
        self.sources: Sequence[Source] = _sources(owners, self._order, self.recording)
        self.started_ms: int | None = None
        self._ticks = self.recording.ticks()
        self._now: Tick | None = None
        self._next = next(self._ticks, None)
        self.first_ms = self._next.t_ms if self._next else 0
        """Time of its first tick."""
        self._tick_ms = round(self.recording.header.tick_s * 1000)
        self.length_s = (self.recording.end_ms() - self.first_ms + self._tick_ms) / 1000
        """From the first tick to the end of the last."""
        self._events: list[Event] = self.recording.events()
        self._happened: list[Happening] = []

    @property
    def over(self) -> bool:
        """Whether the last recorded tick has been given."""
        return self._next is None

    def sample(self, tick_ms: int) -> Samples:
        """The recording's values, as long after its first tick as this is after the first call."""
        if self.started_ms is None:
            self.started_ms = tick_ms
        shift_ms = self.started_ms - self.first_ms
        at_ms = tick_ms - shift_ms
        while self._next is not None and self._next.t_ms <= at_ms:
            self._now, self._next = self._next, next(self._ticks, None)
        while self._events and to_ms(self._events[0].t) <= at_ms:
            e = self._events.pop(0)
            self._happened.append(
                Happening(e.kind, e.id, to_ms(e.t) + shift_ms, e.code, e.text, e.data)
            )
        now = self._now
        fresh = now.samples if now is not None and at_ms - now.t_ms < self._tick_ms else {}
        return {
            kind: fresh[kind][:, order]
            if kind in fresh
            else np.full((len(CATALOGUE[kind]), len(order)), np.nan)
            for kind, order in self._order.items()
        }

    def conditions(self) -> None:
        """Whoever is in the recording is heard."""

    def happenings(self) -> list[Happening]:
        """Events that came due since the last call."""
        out, self._happened = self._happened, []
        return out

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Its origin is the file or model as a whole."""
        return {}

    def close(self) -> None:
        """Let go of the files."""
        self._ticks.close()


def _owners(recording: Recording, kind: Kind) -> list[str]:
    """Who sends each device of a kind: its node, its rack's CDU, the hall's plant, or itself."""
    inventory = recording.inventory
    cdus = {inventory.rack_of(d.id): d.id for d in inventory.of_kind("cdu")}
    ids = recording.devices[kind]
    if kind is Kind.GPU:
        return [inventory.devices[d].parent for d in ids]
    if kind is Kind.HALL:
        return [f"{d}/plant" for d in ids]
    if kind is Kind.RACK:
        return [cdus.get(d, d) for d in ids]
    return list(ids)


def _ranks(owners: Sequence[str]) -> list[int]:
    first: dict[str, int] = {}
    return [first.setdefault(owner, len(first)) for owner in owners]


def _sources(
    owners: Mapping[Kind, list[str]], order: Mapping[Kind, Sequence[int]], recording: Recording
) -> list[Source]:
    spans: dict[str, dict[Kind, range]] = {}
    racks: dict[str, str] = {}
    for kind, names in owners.items():
        for place, i in enumerate(order[kind]):
            span = spans.setdefault(names[i], {}).get(kind, range(place, place))
            spans[names[i]][kind] = range(span.start, place + 1)
            racks[names[i]] = recording.inventory.rack_of(recording.devices[kind][i])
    return [Source(name, racks[name], found) for name, found in spans.items()]
