"""The twin as a collector: the agent's own loop, framer and publisher send what the model says.

One collector holds a whole hall: every node is a source with its GPUs, every CDU a source with its rack, the hall's meters one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.twin.model import Hall
from coldplate.wire.metric import CATALOGUE, Kind

_SLOW = [m.number for m in CATALOGUE[Kind.GPU] if m.rate == "slow"]


class TwinCollector:
    """Steps a hall from tick to tick.

    Parameters
    ----------
    hall
        The model; its elapsed time counts from the first sample.
    slow_ticks
        Slow metrics are given every so many ticks, as a real agent reads them.
    """

    def __init__(self, hall: Hall, *, slow_ticks: int = 10) -> None:
        self.hall = hall
        self.devices: Mapping[Kind, tuple[str, ...]] = {
            k: hall.devices[k] for k in Kind if hall.devices[k]
        }
        self.sources: Sequence[Source] = _sources(hall)
        self.started_ms: int | None = None
        self._last_ms: int | None = None
        self._tick_ms = 1000
        self._odd = False
        self._slow_ticks = slow_ticks
        self._count = 0
        self._happened: list[Happening] = []

    def sample(self, tick_ms: int) -> Samples:
        """Move the model on to the tick and read every sensor."""
        if self._last_ms is None:
            self.started_ms = self._last_ms = tick_ms
        if tick_ms > self._last_ms:
            self._tick_ms = tick_ms - self._last_ms
            self.hall.step(self._tick_ms / 1000)
        self._last_ms = tick_ms
        out = {kind: self.hall.sample(kind) for kind in self.devices}
        if self._count % self._slow_ticks:
            out[Kind.GPU][_SLOW] = np.nan
        self._count += 1
        self._happened += [
            Happening(
                e.kind, e.subject, (self.started_ms or 0) + round(e.at_s * 1000), e.code, e.text
            )
            for e in self.hall.due_events()
        ]
        return out

    def conditions(self) -> Conditions | None:
        """Who is silent, and whose clock is wrong."""
        effects = self.hall.effects
        if not (
            effects.node_silent.any() or effects.cdu_silent.any() or effects.node_skew_s.any()
            or effects.node_cut.any() or effects.cdu_cut.any()
        ):  # fmt: skip
            # Nobody, and nobody's any more.
            was, self._odd = self._odd, False
            none = np.zeros(len(self.sources), np.bool_)
            return Conditions(none, np.zeros(len(self.sources), np.int64)) if was else None
        self._odd = True
        # A source that is cut off is not heard either; here nothing is kept for it to send later.
        silent = [
            effects.node_silent | effects.node_cut,
            effects.cdu_silent | effects.cdu_cut,
            np.zeros(1, np.bool_),
        ]
        shift = np.zeros(len(self.sources), np.int64)
        nodes = len(effects.node_skew_s)
        shift[:nodes] = np.rint(effects.node_skew_s * 1000 / self._tick_ms)
        return Conditions(np.concatenate(silent), shift)

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
        """Nothing is held."""


def _sources(hall: Hall) -> list[Source]:
    position = {k: {d: i for i, d in enumerate(hall.devices[k])} for k in Kind}
    inventory = hall.inventory
    out = []
    for node in hall.devices[Kind.NODE]:
        gpus = [position[Kind.GPU][g.id] for g in inventory.children.get(node, [])]
        i = position[Kind.NODE][node]
        devices = {Kind.GPU: range(gpus[0], gpus[-1] + 1)} if gpus else {}
        out.append(Source(node, inventory.rack_of(node), {**devices, Kind.NODE: range(i, i + 1)}))
    for cdu in hall.devices[Kind.CDU]:
        rack = inventory.rack_of(cdu)
        i, r = position[Kind.CDU][cdu], position[Kind.RACK][rack]
        out.append(Source(cdu, rack, {Kind.CDU: range(i, i + 1), Kind.RACK: range(r, r + 1)}))
    out += [
        Source(f"{name}/plant", name, {Kind.HALL: range(i, i + 1)})
        for i, name in enumerate(hall.devices[Kind.HALL])
    ]
    return out
