"""The inventory's way into the history, where it gives names to the device keys of the samples."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from coldplate.sinks.client import Columns
from coldplate.wire.inventory import Device, Inventory, device_key

COLUMNS = (
    "device", "kind", "id", "parent", "rack", "node", "index", "uuid", "serial", "hall", "row",
)  # fmt: skip
Line = tuple[object, ...]


class Client(Protocol):
    """What storing an inventory needs of a client."""

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert rows as one block."""


def store_inventory(client: Client, inventory: Inventory) -> int:
    """Write what is new or has changed; how many lines that was, 0 when all was there.

    A device that is no longer in the inventory keeps its line: its samples are still in the history.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    names = ", ".join(f"`{c}`" for c in COLUMNS)
    stored = set(client.execute(f"SELECT {names} FROM inventory FINAL"))  # noqa: S608
    new = [line for line in lines(inventory) if line not in stored]
    if new:
        columns: dict[str, list[Any]] = {
            name: list(values) for name, values in zip(COLUMNS, zip(*new, strict=True), strict=True)
        }
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        client.insert("inventory", columns | {"updated": [now_ms] * len(new)}, None)
    return len(new)


def lines(inventory: Inventory) -> list[Line]:
    """A tuple of `COLUMNS` a device, in the inventory's order."""
    return [_line(inventory, device) for device in inventory]


def _line(inventory: Inventory, d: Device) -> Line:
    rack = inventory.rack_of(d.id)
    key = device_key(rack, d.id)
    above = d.kind in ("hall", "row")
    node = d.parent if d.kind == "gpu" else d.id if d.kind == "node" else ""
    return (
        key, d.kind, d.id, d.parent, "" if above else rack, node, d.index, d.uuid, d.serial,
        d.id if d.kind == "hall" else d.hall, d.row,
    )  # fmt: skip
