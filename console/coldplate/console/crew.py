"""Whom an agent samples with: a node's collectors as the configuration asks for them, or a recording."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from coldplate.agents.collector import Collector, Happening
from coldplate.agents.identity import Identity, gpu_uuids, identify
from coldplate.agents.local.page import machine_name
from coldplate.agents.node import Node, NodeOptions, expected_gpus, owners, roster
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.wire.inventory import Inventory


class Crew(Protocol):
    """Collectors that come and go."""

    @property
    def node(self) -> str:
        """Id of the node."""

    @property
    def gpus_expected(self) -> int | None:
        """How many GPUs the node ought to have; None when nobody knows."""

    @property
    def watches_clock(self) -> bool:
        """Whether one of them tells when the clock was set."""

    @property
    def spool(self) -> Path | None:
        """Where what waits for Kafka is kept; None: in memory."""

    def owners(self) -> Mapping[str, Mapping[str, str]]:
        """By GPU: who uses it, as labels."""

    def wait(self, timeout_s: float) -> None:
        """Until each was tried once."""

    def gather(self, *, deadline_s: float) -> Collector:
        """One collector of all that are there; closed, then released, before the next."""

    def release(self) -> None:
        """Take back what `gather` gave."""

    def missing(self) -> dict[str, str]:
        """Who is not there, and why."""

    def close(self) -> None:
        """Let go of all."""


RECORDED_NODE = "rack-0000/node-0"
"""A recording's name when none is given."""


@dataclass(frozen=True, slots=True)
class Ties:
    """What a crew has of the agent that it works for.

    Parameters
    ----------
    counts
        Of loop and publisher.
    on_change
        Called when a collector appears.
    tell
        Told at once of what cannot wait for a tick.
    """

    counts: Callable[[], Mapping[str, Any]] = dict
    on_change: Callable[[], None] = lambda: None
    tell: Callable[[Happening], None] = lambda _: None


Hire = Callable[[Context, Ties], Crew]
"""The crew that a configuration asks for."""


class NodeCrew:
    """A GPU node's.

    Parameters
    ----------
    context
        Its configuration.
    ties
        To the agent.
    node, rack
        Ids that go before the configuration's; "" for those.

    Raises
    ------
    Failure
        When the inventory cannot be read.
    """

    watches_clock = True

    def __init__(self, context: Context, ties: Ties, *, node: str = "", rack: str = "") -> None:
        inventory = context.inventory()
        identity = identity_of(context, inventory, node, rack)
        self.node = identity.node
        self.spool: Path | None = state_dir(context) / "spool"
        agent = context.config.agent
        options = NodeOptions(
            agent.nvml, agent.redfish, agent.jobs, agent.host, agent.clock, agent.kmsg
        )
        described = Node(
            identity.node, identity.rack, options, state_dir(context), agent.tick_ms,
            _part(inventory, identity.node),
            ties.counts, ties.tell,
        )  # fmt: skip
        self.gpus_expected = expected_gpus(described)
        self._roster = roster(described, ties.on_change)
        self.wait, self.gather = self._roster.wait, self._roster.gather
        self.release, self.missing = self._roster.release, self._roster.missing
        self.close = self._roster.close

    def owners(self) -> Mapping[str, Mapping[str, str]]:
        """As the job mapping knows them."""
        return owners(self._roster)


class RecordedCrew:
    """A recording, which is always there; several may run on one machine, so nothing of it is on disk unless asked for."""

    gpus_expected = None
    watches_clock = False

    def __init__(self, collector: Collector, node: str, spool: Path | None) -> None:
        self._collector, self.node, self.spool = collector, node, spool

    def owners(self) -> Mapping[str, Mapping[str, str]]:
        """Nobody."""
        return {}

    def wait(self, timeout_s: float) -> None:
        """It is there."""

    def gather(self, *, deadline_s: float) -> Collector:  # noqa: ARG002  it never hangs
        """The recording."""
        return self._collector

    def release(self) -> None:
        """It stays."""

    def missing(self) -> dict[str, str]:
        """Nobody."""
        return {}

    def close(self) -> None:
        """Nothing is held."""


def hiring(node: str | None, rack: str | None, recording: str | None) -> Hire:
    """How an agent gets its collectors: those of this machine, or a recording.

    Parameters
    ----------
    node, rack
        Ids that go before the configuration's.
    recording
        Folder of a recording.
    """

    def of_recording(context: Context, _ties: Ties) -> Crew:
        settings = context.config.agent
        name = node or settings.node or RECORDED_NODE
        folder = Path(recording or "")
        spool = state_dir(context) / "spool" if settings.state_dir else None
        return RecordedCrew(recorded(folder, name, rack or settings.rack), name, spool)

    def of_node(context: Context, ties: Ties) -> Crew:
        return NodeCrew(context, ties, node=node or "", rack=rack or "")

    return of_recording if recording else of_node


def recorded(folder: Path, node: str, rack: str) -> Collector:
    """A recording as a node.

    Raises
    ------
    Failure
        When the folder holds none.
    """
    from coldplate.agents.collectors.recorded import RecordedCollector

    try:
        return RecordedCollector(folder, node, rack or node.partition("/")[0])
    except (ValueError, KeyError) as error:
        raise Failure(str(error), BAD_INPUT) from None


def identity_of(
    context: Context, inventory: Inventory | None, node: str = "", rack: str = ""
) -> Identity:
    """Which node this machine is; an id that is given here goes before the configured one."""
    settings = context.config.agent
    chosen = node or settings.node
    # A rack that was configured belongs to the node that was configured with it.
    of_rack = rack or (settings.rack if not node or node == settings.node else "")
    uuids = () if chosen or inventory is None else gpu_uuids()
    return identify(chosen, of_rack, inventory, machine_name(""), uuids)


def _part(inventory: Inventory | None, node: str) -> Inventory | None:
    """The lines of one node: a hall's would weigh more than the agent."""
    if inventory is None or node not in inventory:
        return inventory if inventory is None else Inventory([])
    above, gpus = inventory.rack_of(node), inventory.children.get(node, [])
    return Inventory([inventory.devices[above], inventory.devices[node], *gpus])


def state_dir(context: Context) -> Path:
    """Where the agent keeps what it must not forget; nothing is made by naming it."""
    named = context.config.agent.state_dir or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if named:
        return Path(named).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/coldplate")
    return Path("~/.local/state/coldplate/agent").expanduser()
