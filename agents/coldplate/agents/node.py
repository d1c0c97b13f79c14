"""What a GPU node's agent samples: which collectors its options ask for, and in which order they are believed.

What cannot be made is tried again (making.py). What is made for the GPUs (their baseboard's controller, their jobs, the
kernel's words about them) is made after the GPUs' driver was tried, and anew when the driver has others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from coldplate.agents.collector import Collector, Happening
from coldplate.agents.collectors.clock import ClockCollector
from coldplate.agents.collectors.host import HostCollector
from coldplate.agents.collectors.jobs import JobsCollector
from coldplate.agents.collectors.kmsg import KmsgCollector
from coldplate.agents.collectors.own import OwnCollector
from coldplate.agents.identity import pci_gpus
from coldplate.agents.jobs.owner import Gpu
from coldplate.agents.jobs.sources import sources_of
from coldplate.agents.making import Make, Roster
from coldplate.agents.nvml.ids import Named, remembered
from coldplate.agents.options.clock import Clock
from coldplate.agents.options.host import Host
from coldplate.agents.options.jobs import Jobs
from coldplate.agents.options.kmsg import Kmsg
from coldplate.agents.options.nvml import Nvml
from coldplate.agents.options.redfish import Redfish
from coldplate.agents.xid_once import XidOnce
from coldplate.wire.inventory import Inventory

Tell = Callable[[Happening], None]


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """Options of a node's collectors."""

    nvml: Nvml
    redfish: Redfish
    jobs: Jobs
    host: Host
    clock: Clock
    kmsg: Kmsg


@dataclass(frozen=True, slots=True)
class Node:
    """A node, and what its collectors are made with.

    Parameters
    ----------
    name, rack
        Ids of the node and of its rack.
    options
        Of its collectors.
    state_dir
        What collectors must remember, such as which GPU has which number.
    tick_ms
        Length of a tick.
    inventory
        None takes all comers.
    counts
        Of loop and publisher.
    tell
        Told at once of what cannot wait for a tick; from any thread.
    """

    name: str
    rack: str
    options: NodeOptions
    state_dir: Path
    tick_ms: int
    inventory: Inventory | None
    counts: Callable[[], Mapping[str, int | float]]
    tell: Tell


class _Crew:
    """How a node's collectors are made; those made for the GPUs find them here."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._once = XidOnce()
        self._gpus: GpuDriver | None = None

    def nvml(self) -> Collector:
        from coldplate.agents.collectors.nvml import NvmlCollector  # noqa: PLC0415  the driver's library

        node = self._node
        self._gpus = None
        self._gpus = made = NvmlCollector(
            node.name, node.rack, node.options.nvml, state_dir=node.state_dir,
            listed=_listed(node), once=self._once, on_happening=node.tell, tick_ms=node.tick_ms,
        )  # fmt: skip
        return made

    def redfish(self) -> Collector:
        from coldplate.agents.collectors.redfish_hgx import RedfishHgxCollector  # noqa: PLC0415  1 MB
        from coldplate.agents.redfish.hgx import GpuIdentity  # noqa: PLC0415

        named = () if self._gpus is None else self._gpus.named
        gpus = [GpuIdentity(gpu.id, gpu.uuid, gpu.serial) for gpu in named]
        node = self._node
        return RedfishHgxCollector(node.name, node.rack, gpus, node.options.redfish)

    def jobs(self) -> Collector:
        gpus, node = self._gpus, self._node
        if gpus is None:
            raise NoGpusError("whose jobs there are is not asked before the GPUs are there")
        names = [Gpu(gpu.id, gpu.index, (gpu.uuid,)) for gpu in gpus.named]
        sources = sources_of(node.options.jobs, lambda: _pids(gpus))
        return JobsCollector(node.name, node.rack, names, sources)

    def host(self) -> Collector:
        o, node = self._node.options.host, self._node
        return HostCollector(
            node.name, node.rack,
            air_inlet=o.air_inlet, node_power=o.node_power, slow_ticks=o.slow_ticks,
        )  # fmt: skip

    def kmsg(self) -> Collector:
        o, node = self._node.options.kmsg, self._node
        return KmsgCollector(
            node.name, _Buses(self), self._once, on_happening=node.tell,
            path=o.path, back_s=o.back_s, from_programs=o.from_programs,
        )  # fmt: skip

    @property
    def buses(self) -> Mapping[str, str]:
        """GPU id by PCI address, as it is now."""
        return {} if self._gpus is None else self._gpus.buses


class GpuDriver(Protocol):
    """What others must know of a node's GPUs."""

    @property
    def named(self) -> Sequence[Named]:
        """Every GPU by all its names."""

    @property
    def buses(self) -> Mapping[str, str]:
        """GPU id by PCI address."""

    def processes(self) -> Mapping[str, Sequence[Any]]:
        """By GPU, who uses it; each has a `pid`."""


class NoGpusError(RuntimeError):
    """There is no GPU yet that this could be asked of."""


class _Buses(Mapping[str, str]):
    """GPU id by PCI address, looked up when it is asked for: the GPUs may come later, and go."""

    def __init__(self, crew: _Crew) -> None:
        self._crew = crew

    def __getitem__(self, bus: str) -> str:
        return self._crew.buses[bus]

    def __iter__(self) -> Iterator[str]:
        return iter(self._crew.buses)

    def __len__(self) -> int:
        return len(self._crew.buses)


def _pids(gpus: GpuDriver) -> dict[str, list[int]]:
    return {gpu: [p.pid for p in found] for gpu, found in gpus.processes().items()}


def _listed(node: Node) -> dict[str, str]:
    """GPU id by UUID and by serial, as the inventory has them."""
    if node.inventory is None:
        return {}
    gpus = node.inventory.children.get(node.name, ())
    return {key: d.id for d in gpus if d.kind == "gpu" for key in (d.uuid, d.serial) if key}


def expected_gpus(node: Node) -> int | None:
    """How many GPUs ought to be here: by the inventory, else by the bus and by what was there before."""
    listed = () if node.inventory is None else node.inventory.children.get(node.name, ())
    by_inventory = sum(d.kind == "gpu" for d in listed)
    return by_inventory or max(pci_gpus(), len(remembered(node.state_dir))) or None


def owners(crew: Roster) -> Mapping[str, Mapping[str, str]]:
    """By GPU, who uses it, as dcgm-exporter's labels; empty while nobody knows."""
    jobs = crew.has("jobs")
    return jobs.labels() if isinstance(jobs, JobsCollector) else {}


def roster(node: Node, on_change: Callable[[], None]) -> Roster:
    """The collectors of a node; where two tell the same metric, the first is believed.

    Parameters
    ----------
    on_change
        As `Roster` has it.
    """
    crew = _Crew(node)
    wanted: dict[str, Make] = {"nvml": crew.nvml}
    if node.options.redfish.url:
        wanted["redfish"] = crew.redfish
    wanted["jobs"] = crew.jobs
    if node.options.host.on:
        wanted["host"] = crew.host
    wanted["clock"] = lambda: ClockCollector(node.name, node.rack, node.options.clock)
    if node.options.kmsg.on:
        wanted["kmsg"] = crew.kmsg
    wanted["own"] = lambda: OwnCollector(node.name, node.rack, node.counts)
    after = dict.fromkeys(("redfish", "jobs"), "nvml")
    return Roster(wanted, on_change, after=after)
