"""The inventory's way into the history, where it gives names to the device keys of the samples."""

from datetime import UTC, datetime
from typing import Any

from coldplate.sinks.slots import Client, store_slots
from coldplate.wire.inventory import Device, Inventory, device_key

COLUMNS = (
    "device", "kind", "id", "parent", "rack", "node", "index", "uuid", "serial", "hall", "row",
)  # fmt: skip
Line = tuple[object, ...]


def store_inventory(client: Client, inventory: Inventory, now_ms: int | None = None) -> int:
    """Write what is new or has changed; how many lines that was, 0 when all was there.

    A device that is no longer in the inventory keeps its line: its samples are still in the history. Which serial sat
    in which place is kept too (slots.py).

    Parameters
    ----------
    now_ms
        Since when this is so, Unix milliseconds; None: now.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    at_ms = int(datetime.now(UTC).timestamp() * 1000) if now_ms is None else now_ms
    names = ", ".join(f"`{c}`" for c in COLUMNS)
    stored = set(client.execute(f"SELECT {names} FROM inventory FINAL"))  # noqa: S608
    new = [line for line in lines(inventory) if line not in stored]
    if new:
        columns: dict[str, list[Any]] = {
            name: list(values) for name, values in zip(COLUMNS, zip(*new, strict=True), strict=True)
        }
        client.insert("inventory", columns | {"updated": [at_ms] * len(new)}, None)
    store_slots(client, inventory, at_ms)
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
