"""One CDU over Redfish. The plant's agent makes one a CDU, each in a lane of its own; it has no thread itself."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.cdu import CduSearch
from coldplate.agents.redfish.client import Client
from coldplate.agents.redfish.reach import Reach
from coldplate.agents.redfish.reader import Reader
from coldplate.agents.redfish.reading import check_sensors
from coldplate.wire.metric import CATALOGUE, Kind, metric


class RedfishCduCollector:
    """A CDU and what its controller tells.

    Parameters
    ----------
    cdu, rack
        Its id and its rack's.
    url
        Of its controller.
    options
        How it is read.
    unit
        Id of the CDU among the controller's; "" when it has only one.
    clock
        Monotonic seconds.

    Raises
    ------
    ValueError
        When the address, or the name of a metric among the options, is wrong.

    Notes
    -----
    `sample` returns within `options.budget_s`, whatever the controller does; only a name's look-up may take longer.
    """

    def __init__(
        self, cdu: str, rack: str, url: str, options: Redfish, *, unit: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        check_sensors(options.sensors)
        self._client = Client(Reach.of(url, options), clock=clock)
        search = CduSearch(self._client, options, unit)
        self._reader = Reader(f"redfish/{cdu}", cdu, self._client, search, options, clock=clock)
        self._cdu = cdu
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.CDU: (cdu,)}
        self.sources: Sequence[Source] = (Source(cdu, rack, {Kind.CDU: range(1)}),)

    def sample(self, tick_ms: int) -> Samples:
        """What the controller answered for this tick."""
        out = np.full((len(CATALOGUE[Kind.CDU]), 1), np.nan)
        for place, value in self._reader.tick(tick_ms).items():
            out[metric(Kind.CDU, place.name).number, 0] = value
        return {Kind.CDU: out}

    def conditions(self) -> None:
        """As it should be: a rehearsal is something else."""

    def happenings(self) -> list[Happening]:
        """Leaks, what the unit is, and when it was lost and back."""
        return self._reader.happenings()

    def health(self) -> Sequence[Health]:
        """How its controller is doing."""
        return (self._reader.health(),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """From which property each metric comes."""
        return {self._cdu: {p.name: origin for p, origin in self._reader.origins().items()}}

    def close(self) -> None:
        """End the session; may be called twice."""
        self._reader.close()
