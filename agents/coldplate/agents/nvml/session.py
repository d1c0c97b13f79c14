"""The time from one initialisation of the driver to the next: its GPUs, in our order, and what listens to them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from coldplate.agents.collector import Happening
from coldplate.agents.nvml.driver import Driver
from coldplate.agents.nvml.events import EventWatch
from coldplate.agents.nvml.gpu import Gpu, State
from coldplate.agents.options.nvml import Nvml

Heard = Callable[[Gpu, int, int], None]
"""Told of a GPU, the bit of an event's type, and its number."""


@dataclass(frozen=True, slots=True)
class Session:
    """One initialisation.

    Parameters
    ----------
    driver
        Closed with it.
    gpus
        In the collector's order.
    watch
        None where nobody listens.
    """

    driver: Driver
    gpus: tuple[Gpu, ...]
    watch: EventWatch | None

    def close(self, *, idle: bool) -> bool:
        """Let go of everything; the driver only when nobody is inside a call. False when somebody is."""
        for gpu in self.gpus:
            gpu.close()
        idle = (self.watch is None or self.watch.close()) and idle
        if idle:
            self.driver.close()
        return idle


def begin(
    driver: Driver,
    ids: Mapping[str, str],
    order: Sequence[str],
    options: Nvml,
    tell: Callable[[Happening], None],
    heard: Heard,
    counts: Counter[str],
    states: Mapping[str, State],
) -> Session:
    """A session of a driver that was just initialised.

    Parameters
    ----------
    driver
        Whose GPUs.
    ids
        By UUID.
    order
        Ids of the GPUs, as the collector has them; all of them are among the driver's.
    options, tell
        As in `Gpu`.
    heard
        Told of events, from another thread.
    counts
        As in `EventWatch`.
    states
        By id: what the session before knew.
    """
    by_id = {ids[d.uuid]: d for d in driver.devices if d.uuid in ids}
    gpus = tuple(
        Gpu(by_id[i], i, n, options, driver.versions, tell, states.get(i, State()))
        for n, i in enumerate(order)
    )
    of_device = {gpu.device.key: gpu for gpu in gpus}
    watch = None
    if options.events:
        devices = [gpu.device for gpu in gpus]
        watch = EventWatch(
            devices, lambda d, kind, code: heard(of_device[d.key], kind, code), counts
        )
    return Session(driver, gpus, watch)
