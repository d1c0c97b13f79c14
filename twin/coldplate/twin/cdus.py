"""CDUs of the twin as the devices of a plant, to try a plant's agent without one."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.metric import Kind


class Placed(Protocol):
    """A device of a plant's list."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def in_rack(self) -> str:
        """Its rack."""


class TwinCdus:
    """As many CDUs as there are devices, each under its device's id, above nodes that nobody sends.

    Parameters
    ----------
    devices
        Ids and racks.
    """

    def __init__(self, devices: Sequence[Placed]) -> None:
        self._twin = TwinCollector(Hall(Scenario(racks=len(devices))))
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.CDU: tuple(d.id for d in devices)}
        self.sources: Sequence[Source] = tuple(
            Source(d.id, d.in_rack, {Kind.CDU: range(i, i + 1)}) for i, d in enumerate(devices)
        )

    def sample(self, tick_ms: int) -> Samples:
        """What the CDUs read."""
        return {Kind.CDU: self._twin.sample(tick_ms)[Kind.CDU]}

    def conditions(self) -> Conditions | None:
        """They are heard."""
        return None

    def happenings(self) -> list[Happening]:
        """What befalls GPUs is not theirs to tell."""
        self._twin.happenings()
        return []

    def health(self) -> Sequence[Health]:
        """Nothing behind it can fail."""
        return ()

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """Its origin is the model as a whole."""
        return {}

    def close(self) -> None:
        """Nothing is held."""
