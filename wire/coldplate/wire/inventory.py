"""The inventory: which halls, rows, racks, nodes, GPUs and CDUs there are, and who is whose parent.

Read from a CSV (the columns of a recording's inventory.csv), from a TOML that lists racks, or
generated. Ids are the site's own; ours read `rack-0003`, `rack-0003/node-5`, `rack-0003/node-5/gpu-2`,
`rack-0003/cdu`.
"""

import csv
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

KINDS = ("hall", "row", "rack", "node", "gpu", "cdu")
_PARENTS = {"gpu": ("node",), "node": ("rack",), "cdu": ("rack",), "rack": ("row", "hall", "")}


class InventoryError(ValueError):
    """An inventory that cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the inventory.

    Parameters
    ----------
    kind
        One of `KINDS`.
    id, parent
        Own id and the id of what it sits in; "" for what has no parent.
    index
        Position within the parent, from 0: a GPU's NVML index, a node's slot.
    uuid, serial
        As the device reports them; "" when not known.
    hall, row
        Where it stands.
    sku
        What the maker calls this model; "" where that of what it sits in says it, or nobody does.
    """

    kind: str
    id: str
    parent: str = ""
    index: int = 0
    uuid: str = ""
    serial: str = ""
    hall: str = "hall"
    row: str = ""
    sku: str = ""


COLUMNS = ("kind", "id", "parent", "index", "uuid", "serial", "hall", "row", "sku")


class Inventory:
    """Devices by id, with their racks; immutable once made.

    Raises
    ------
    InventoryError
        When an id stands twice, a kind is unknown, or a parent is missing or of the wrong kind.
    """

    def __init__(self, devices: Iterable[Device]) -> None:
        self.devices: dict[str, Device] = {}
        for device in devices:
            if device.kind not in KINDS:
                raise InventoryError(
                    f"{device.id}: kind {device.kind!r} is unknown; use one of {', '.join(KINDS)}"
                )
            if not device.id or device.id in self.devices:
                raise InventoryError(f"id {device.id!r} is empty or stands twice; ids are unique")
            self.devices[device.id] = device
        for device in self.devices.values():
            self._check_parent(device)

    def _check_parent(self, device: Device) -> None:
        allowed = _PARENTS.get(device.kind)
        if allowed is None or (not device.parent and "" in allowed):
            return
        parent = self.devices.get(device.parent)
        if parent is None and device.kind == "rack":
            return
        if parent is None or parent.kind not in allowed:
            found = "is not in the inventory" if parent is None else f"is a {parent.kind}"
            raise InventoryError(
                f"{device.id}: parent {device.parent!r} {found}; a {device.kind} sits in a {allowed[0]}"
            )

    def __len__(self) -> int:
        return len(self.devices)

    def __contains__(self, device_id: str) -> bool:
        return device_id in self.devices

    def __iter__(self) -> Iterator[Device]:
        return iter(self.devices.values())

    def of_kind(self, kind: str) -> list[Device]:
        """Devices of a kind in the inventory's order."""
        return [d for d in self if d.kind == kind]

    @cached_property
    def children(self) -> dict[str, list[Device]]:
        """Devices by their parent's id, in order of index."""
        out: dict[str, list[Device]] = {}
        for device in self:
            out.setdefault(device.parent, []).append(device)
        for members in out.values():
            members.sort(key=lambda d: (d.kind, d.index))
        return out

    def rack_of(self, device_id: str) -> str:
        """The id of the rack a device stands in; the id itself for what is above a rack."""
        device = self.devices[device_id]
        while device.kind in ("gpu", "node", "cdu"):
            device = self.devices[device.parent]
        return device.id

    def counts(self) -> dict[str, int]:
        """Number of devices by kind."""
        return {kind: len(self.of_kind(kind)) for kind in KINDS}


def generate(
    racks: int, nodes: int = 8, gpus: int = 8, *, racks_per_row: int = 20, first_rack: int = 0
) -> Inventory:
    """The inventory of a uniform hall: `racks` racks of `nodes` nodes of `gpus` GPUs and one CDU."""
    out = [Device("hall", "hall")]
    rows = sorted({(first_rack + r) // racks_per_row for r in range(racks)})
    out += [Device("row", f"row-{row}", "hall", row, row=f"row-{row}") for row in rows]
    for r in range(first_rack, first_rack + racks):
        row, rack = f"row-{r // racks_per_row}", f"rack-{r:04d}"
        out.append(Device("rack", rack, row, r % racks_per_row, row=row))
        out.append(Device("cdu", f"{rack}/cdu", rack, 0, row=row))
        for n in range(nodes):
            node = f"{rack}/node-{n}"
            out.append(Device("node", node, rack, n, row=row))
            out += [Device("gpu", f"{node}/gpu-{g}", node, g, row=row) for g in range(gpus)]
    return Inventory(out)


def load(path: Path) -> Inventory:
    """An inventory from a `.csv` or `.toml` file.

    Raises
    ------
    InventoryError
        With file and line, or the TOML key, that is wrong.
    """
    try:
        if path.suffix == ".toml":
            return _from_toml(tomllib.loads(path.read_text("utf-8")))
        return Inventory(_from_csv(path))
    except (OSError, ValueError, csv.Error) as error:
        raise InventoryError(f"{path}: {error}") from None


def _from_csv(path: Path) -> Iterator[Device]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"kind", "id", "parent"} - set(reader.fieldnames or ())
        if missing:
            raise InventoryError(f"line 1: no column {', '.join(sorted(missing))}")
        for row in reader:
            values = {c: (row.get(c) or "").strip() for c in COLUMNS}
            try:
                index = int(values.pop("index") or 0)
            except ValueError:
                raise InventoryError(
                    f"line {reader.line_num}: index {row['index']!r} is no whole number"
                ) from None
            values["hall"] = values["hall"] or "hall"
            yield Device(index=index, **values)


def _from_toml(data: dict[str, object]) -> Inventory:
    known = {"racks", "nodes", "gpus", "racks_per_row", "first_rack"}
    section = data.get("generate")
    if not isinstance(section, dict) or set(data) != {"generate"}:
        raise InventoryError("expected one table [generate] with racks, nodes, gpus")
    for key, value in section.items():
        if key not in known:
            raise InventoryError(f"generate.{key} is unknown; there are {', '.join(sorted(known))}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InventoryError(f"generate.{key} must be a whole number, got {value!r}")
        if key == "racks_per_row" and value == 0:
            raise InventoryError("generate.racks_per_row must be at least 1")
    if "racks" not in section:
        raise InventoryError("generate.racks is missing")
    return generate(**section)


def save_csv(inventory: Inventory, path: Path) -> None:
    """Write the inventory as CSV, the form that `load` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([getattr(d, c) for c in COLUMNS] for d in inventory)


def device_key(rack: str, device_id: str) -> int:
    """The number under which the history keeps a device: 64 bits, the same everywhere, never assigned.

    The upper 24 bits come from the rack, the lower 40 from the id (first bytes of their SHA-256, big
    endian), so that a table ordered by it keeps a rack together. Two of 112,000 devices share a key with
    a probability of 4e-6; `coldplate inventory check` would say so.
    """
    return int.from_bytes(
        sha256(rack.encode()).digest()[:3] + sha256(device_id.encode()).digest()[:5]
    )


def key_clashes(inventory: Inventory) -> list[tuple[str, str]]:
    """Pairs of ids with the same `device_key`: one of each must be renamed."""
    seen: dict[int, str] = {}
    out = []
    for device in inventory:
        if device.kind in ("hall", "row"):
            continue
        key = device_key(inventory.rack_of(device.id), device.id)
        if key in seen:
            out.append((seen[key], device.id))
        seen[key] = device.id
    return out
