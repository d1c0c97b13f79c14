"""The node's own controller over Redfish: power, air, leaks, and its GPUs' temperatures when the driver is away.

Stands behind the driver in the order of collectors: where both tell a metric, the driver is believed. Energy is left
out unless asked for, since its zero is another than the driver's and a counter that jumps is worse than none.
"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.hgx import GpuIdentity, HgxSearch
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.reader import Reader
from coldplate.agents.redfish.reading import check_sensors
from coldplate.wire.metric import CATALOGUE, Kind, metric


class RedfishHgxCollector:
    """A node and its GPUs, as its controller sees them.

    Parameters
    ----------
    node, rack
        Its id and its rack's.
    gpus
        The node's GPUs as the driver knows them; none: the node alone.
    options
        Where the controller is and how it is read.
    clock
        Monotonic seconds.

    Raises
    ------
    ValueError
        When the address, or the name of a metric among the options, is wrong.
    """

    def __init__(
        self, node: str, rack: str, gpus: Sequence[GpuIdentity], options: Redfish, *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        check_sensors(options.sensors)
        self._client = Client(Reach.of(options.url, options), clock=clock)
        search = HgxSearch(self._client, options, gpus)
        self._reader = Reader("redfish/hgx", node, self._client, search, options, clock=clock)
        devices: dict[Kind, tuple[str, ...]] = {Kind.NODE: (node,)}
        if gpus:
            devices[Kind.GPU] = tuple(g.id for g in gpus)
        self.devices: Mapping[Kind, tuple[str, ...]] = devices
        spans = {kind: range(len(ids)) for kind, ids in devices.items()}
        self.sources: Sequence[Source] = (Source(node, rack, spans),)

    def sample(self, tick_ms: int) -> Samples:
        """What the controller answered for this tick."""
        out = {
            kind: np.full((len(CATALOGUE[kind]), len(ids)), np.nan)
            for kind, ids in self.devices.items()
        }
        for place, value in self._reader.tick(tick_ms).items():
            out[place.kind][metric(place.kind, place.name).number, place.column] = value
        return out

    def conditions(self) -> None:
        """As it should be: a rehearsal is something else."""

    def happenings(self) -> list[Happening]:
        """Leaks, what the node is, and when its controller was lost and back."""
        return self._reader.happenings()

    def health(self) -> Sequence[Health]:
        """How the controller is doing."""
        return (self._reader.health(),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """From which property each metric comes."""
        out: dict[str, dict[str, Origin]] = {}
        for place, origin in self._reader.origins().items():
            out.setdefault(self.devices[place.kind][place.column], {})[place.name] = origin
        return out

    def close(self) -> None:
        """End the session; may be called twice."""
        self._reader.close()
