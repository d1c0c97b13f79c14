"""From the inventory to cells: which GPU, rack, node and coolant unit a number in the history belongs to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.live.picture import Rack
from coldplate.console.live.places import natural, places
from coldplate.dashboards.web.floor import Floor, RackPlace

LINES = (
    "SELECT device, kind, id, rack, hall, `row`, `index`, node FROM inventory FINAL"
    " WHERE kind IN ('rack', 'node', 'gpu', 'cdu', 'hall')"
)
CHANGED = "SELECT toUnixTimestamp64Milli(max(updated)), count() FROM inventory"
"""Another answer means another inventory."""

I32 = NDArray[np.int32]
U64 = NDArray[np.uint64]
Cells = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Index:
    """Places of devices by their keys.

    Parameters
    ----------
    keys
        Sorted.
    place
        Of each.
    """

    keys: U64 = field(default_factory=lambda: np.zeros(0, np.uint64))
    place: I32 = field(default_factory=lambda: np.zeros(0, np.int32))

    @staticmethod
    def of(pairs: Mapping[int, int]) -> "Index":
        """Of keys with their places."""
        keys = np.fromiter(pairs.keys(), np.uint64, len(pairs))
        place = np.fromiter(pairs.values(), np.int32, len(pairs))
        order = np.argsort(keys)
        return Index(keys[order], place[order])

    def find(self, devices: U64) -> I32:
        """Their places; -1 for who is not known."""
        if not len(self.keys) or not len(devices):
            return np.full(len(devices), -1, np.int32)
        if len(devices) == len(self.keys) and np.array_equal(devices, self.keys):
            return self.place
        at = np.minimum(np.searchsorted(self.keys, devices), len(self.keys) - 1)
        return np.where(self.keys[at] == devices, self.place[at], -1).astype(np.int32)


@dataclass(frozen=True)
class Ground:
    """A floor, and what the history's numbers have to do with it.

    Parameters
    ----------
    floor
        Racks and GPUs in their order.
    racks
        The same racks, as silences want them.
    gpus
        Cells of GPUs.
    nodes
        Numbers of nodes.
    cdus, meters
        Racks of coolant units and of the racks' own meters.
    rack_of, node_of
        By cell; -1 for no node.
    nodes_in
        By rack, how many nodes.
    """

    floor: Floor = field(default_factory=Floor)
    racks: Sequence[Rack] = ()
    gpus: Index = field(default_factory=Index)
    nodes: Index = field(default_factory=Index)
    cdus: Index = field(default_factory=Index)
    meters: Index = field(default_factory=Index)
    rack_of: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    node_of: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    nodes_in: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    by_name: Mapping[str, Cells] = field(default_factory=dict)

    def cells(self, name: str) -> Cells:
        """Cells of a GPU, or of all GPUs that a node, coolant unit, rack, row or hall has; none for who is not known."""
        return self.by_name.get(name, _NONE)


_NONE = np.zeros(0, np.intp)


def ground_of(lines: Iterable[Sequence[Any]]) -> Ground:
    """Of the inventory's lines, as `LINES` asks for them."""
    lines = list(lines)
    found = places(tuple(line[:7]) for line in lines)
    number = {rack.id: n for n, rack in enumerate(found.racks)}
    members: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    nodes: dict[str, int] = {}
    node_keys: dict[int, int] = {}
    order: dict[str, Any] = {}
    keyed: dict[str, dict[int, int]] = {"cdu": {}, "rack": {}}
    units: list[tuple[str, str]] = []
    nodes_in = np.zeros(len(number), np.int32)
    for device, kind, id_, rack, _, _, index, node in lines:
        if rack not in number:
            continue
        if kind == "gpu":
            if node not in order:
                order[node] = natural(node)
            members[rack].append((order[node], index, id_, device, node))
        elif kind == "node":
            node_keys[device] = nodes.setdefault(id_, len(nodes))
            nodes_in[number[rack]] += 1
        elif kind in keyed:
            keyed[kind][device] = number[rack]
            units.append((id_, rack))
    return _laid(found.racks, members, nodes, node_keys, keyed, units, nodes_in)


def _laid(
    racks: Sequence[Rack], members: Mapping[str, list[tuple[Any, ...]]], nodes: Mapping[str, int],
    node_keys: Mapping[int, int], keyed: Mapping[str, Mapping[int, int]], units: Sequence[tuple[str, str]],
    nodes_in: I32,
) -> Ground:  # fmt: skip
    laid: list[RackPlace] = []
    gpus: list[str] = []
    keys: dict[int, int] = {}
    rack_of: list[int] = []
    node_of: list[int] = []
    by_name: dict[str, Any] = {}
    wider: dict[str, list[Cells]] = defaultdict(list)
    in_node: dict[str, list[int]] = defaultdict(list)
    for n, rack in enumerate(racks):
        inside = sorted(members.get(rack.id, ()))
        first = len(gpus)
        laid.append(RackPlace(rack.id, rack.hall, rack.row, first, len(inside)))
        for _, _, id_, device, node in inside:
            keys[device] = len(gpus)
            by_name[id_] = np.array([len(gpus)], np.intp)
            in_node[node].append(len(gpus))
            node_of.append(nodes.get(node, -1))
            gpus.append(id_)
        rack_of += [n] * len(inside)
        own = np.arange(first, len(gpus), dtype=np.intp)
        for name in {rack.row, rack.hall} - {""}:
            wider[name].append(own)
        by_name[rack.id] = own
    by_name |= {name: np.concatenate(parts) for name, parts in wider.items()}
    by_name |= {node: np.array(cells, np.intp) for node, cells in in_node.items()}
    by_name |= {id_: by_name[rack] for id_, rack in units}
    return Ground(
        Floor(tuple(laid), tuple(gpus)), racks, Index.of(keys), Index.of(node_keys), Index.of(keyed["cdu"]),
        Index.of(keyed["rack"]), np.array(rack_of, np.int32), np.array(node_of, np.int32), nodes_in, by_name,
    )  # fmt: skip
