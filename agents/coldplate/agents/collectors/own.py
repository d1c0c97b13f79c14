"""What the agent knows of itself, as metrics of its node: what waits, what it dropped, which ticks it missed."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from coldplate.agents.collector import Happening, Health, Origin, Samples, Source
from coldplate.wire.metric import CATALOGUE, Kind, metric

SPOOL = metric(Kind.NODE, "spool_bytes").number
DROPPED = metric(Kind.NODE, "dropped_frames_total").number
MISSED = metric(Kind.NODE, "missed_ticks_total").number


class OwnCollector:
    """A node that exists whatever else can be read.

    Parameters
    ----------
    node, rack
        Under which names it is sent.
    counts
        Of loop and publisher: `missed_ticks`, `records_spool_bytes`, `records_dropped_REASON`.
    every_ticks
        The counts change seldom and are given so often.
    """

    def __init__(
        self,
        node: str,
        rack: str,
        counts: Callable[[], Mapping[str, int | float]],
        *,
        every_ticks: int = 10,
    ) -> None:
        self._counts, self._every = counts, every_ticks
        self._left = 0
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.NODE: (node,)}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.NODE: range(1)}),)

    def sample(self, tick_ms: int) -> Samples:  # noqa: ARG002  counts are of now
        """The counts, every so many ticks."""
        out = np.full((len(CATALOGUE[Kind.NODE]), 1), np.nan)
        if self._left == 0:
            counts = self._counts()
            dropped = [n for name, n in counts.items() if name.startswith("records_dropped_")]
            out[DROPPED], out[MISSED] = sum(dropped), counts.get("missed_ticks", 0)
            out[SPOOL] = counts.get("records_spool_bytes", np.nan)
        self._left = (self._left or self._every) - 1
        return {Kind.NODE: out}

    def conditions(self) -> None:
        """A node is heard."""

    def happenings(self) -> list[Happening]:
        """None: what is dropped is logged where it is dropped."""
        return []

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """The agent itself."""
        names = ("spool_bytes", "dropped_frames_total", "missed_ticks_total")
        return {self.devices[Kind.NODE][0]: {name: Origin("agent") for name in names}}

    def close(self) -> None:
        """Nothing is held."""
