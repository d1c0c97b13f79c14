"""Which serial sits in which place, and since when: a line a change, so that a swapped GPU keeps its own past.

The inventory says what is there now; here each place keeps what was there before. A rack that an inventory does not name
belongs to another inventory and is left alone; of the others, what is gone is gone from now on.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from coldplate.sinks.client import Columns
from coldplate.wire.inventory import Inventory

KINDS = ("node", "gpu", "cdu")
"""What can be swapped."""

_STORED = """
SELECT slot, kind, rack, argMax(uuid, since), argMax(serial, since) FROM inventory_changes FINAL GROUP BY slot, kind, rack
"""


class Client(Protocol):
    """What storing an inventory needs of a client."""

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""

    def insert(self, table: str, columns: Columns, token: str | None) -> None:
        """Insert rows as one block."""


def store_slots(client: Client, inventory: Inventory, now_ms: int) -> int:
    """Write the places whose occupant is another than the history says; how many.

    Raises
    ------
    HistoryDown, HistoryRefused
        What was written is whole; the next call writes the same again where it was not.
    """
    before = {str(slot): tuple(map(str, rest)) for slot, *rest in client.execute(_STORED)}
    racks = {d.id for d in inventory.of_kind("rack")}
    now = {
        d.id: (d.kind, inventory.rack_of(d.id), d.uuid, d.serial)
        for d in inventory
        if d.kind in KINDS
    }
    gone = {
        slot: (kind, rack, "", "")
        for slot, (kind, rack, *_) in before.items()
        if rack in racks and slot not in now
    }
    changed = [
        (slot, *line)
        for slot, line in {**now, **gone}.items()
        # A place of which nothing was ever known has no history.
        if line[2:] != before.get(slot, ("", "", "", ""))[2:]
    ]
    if changed:
        names = ("slot", "kind", "rack", "uuid", "serial")
        columns = {n: list(c) for n, c in zip(names, zip(*changed, strict=True), strict=True)}
        client.insert("inventory_changes", {**columns, "since": [now_ms] * len(changed)}, None)
    return len(changed)
