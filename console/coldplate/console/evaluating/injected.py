"""A collector into whose samples a fault is put."""

from coldplate.agents.collector import Collector, Conditions, Happening, Samples
from coldplate.streams.evaluate.inject import Injection, Injector
from coldplate.streams.evaluate.label import Label
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import Kind, metric

_SUPPLY = metric(Kind.CDU, "supply_c").number


class Injected:
    """What another collector reads, with a worse cold plate.

    Parameters
    ----------
    collector
        Whose samples.
    inventory
        Which unit cools which GPU.
    injection
        What is put in.
    first_ms
        Tick from which its seconds count.

    Raises
    ------
    ValueError
        When its subject is no GPU of the collector's.
    """

    def __init__(
        self, collector: Collector, inventory: Inventory, injection: Injection, first_ms: int
    ) -> None:
        self._of, self._first_ms = collector, first_ms
        self.devices, self.sources = collector.devices, collector.sources
        self.health, self.origins, self.close = collector.health, collector.origins, collector.close
        self._injector = Injector(injection, collector.devices.get(Kind.GPU, ()))
        rack = inventory.rack_of(self._injector.subject)
        self._units = [
            i
            for i, unit in enumerate(collector.devices.get(Kind.CDU, ()))
            if inventory.rack_of(unit) == rack
        ]

    def sample(self, tick_ms: int) -> Samples:
        """The other's, with the fault in them."""
        samples = self._of.sample(tick_ms)
        supply_c = samples[Kind.CDU][_SUPPLY, self._units[0]] if self._units else float("nan")
        t_s = (tick_ms - self._first_ms) / 1000
        return {**samples, Kind.GPU: self._injector.apply(t_s, samples[Kind.GPU], supply_c)}

    def label(self) -> Label:
        """What was put in, once all ticks have gone by."""
        return self._injector.label(self._first_ms)

    def conditions(self) -> Conditions | None:
        """The other's."""
        return self._of.conditions()

    def happenings(self) -> list[Happening]:
        """The other's."""
        return self._of.happenings()
