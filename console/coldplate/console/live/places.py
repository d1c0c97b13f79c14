"""Which number in the history belongs to which rack.

A device's key has its rack in the upper 24 bits (`coldplate.wire.inventory.device_key`), so samples are added up by these
without looking each device up: of 100,000 GPUs that is some ten times cheaper than a join with the inventory. Where two
racks share the bits (of 1,563 racks it happens in 7 halls of 100), their devices are told apart one by one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from coldplate.console.live.picture import Rack

SHIFT = 40
LINES = "SELECT device, kind, id, rack, hall, `row`, `index` FROM inventory FINAL WHERE kind IN ('rack', 'gpu', 'cdu', 'hall')"


@dataclass(frozen=True, slots=True)
class Places:
    """Racks, and the keys that stand for them.

    Parameters
    ----------
    racks
        Nothing is known of them yet; in order of hall, row and place in it.
    by_key
        Ids of racks by the upper bits of keys, or by whole keys where those are not enough.
    shared
        Upper bits that more than one rack has.
    """

    racks: Sequence[Rack] = ()
    by_key: dict[int, str] = field(default_factory=dict)
    shared: frozenset[int] = frozenset()

    @property
    def key_sql(self) -> str:
        """An expression that gives a row's key."""
        prefix = f"bitShiftRight(device, {SHIFT})"
        if not self.shared:
            return prefix
        return f"if({prefix} IN ({', '.join(map(str, sorted(self.shared)))}), device, {prefix})"


def places(lines: Iterable[tuple[Any, ...]]) -> Places:
    """Of the inventory's lines, as `LINES` asks for them."""
    racks: list[tuple[tuple[Any, ...], Rack]] = []
    gpus: dict[str, int] = defaultdict(int)
    owners: dict[int, set[str]] = defaultdict(set)
    devices: list[tuple[int, str]] = []
    for device, kind, id_, rack, hall, row, index in lines:
        if kind == "hall":
            continue
        owners[device >> SHIFT].add(rack)
        devices.append((device, rack))
        if kind == "gpu":
            gpus[rack] += 1
        elif kind == "rack":
            racks.append(((natural(hall), natural(row), index, natural(id_)), Rack(id_, hall, row)))
    racks.sort(key=lambda entry: entry[0])
    shared = frozenset(prefix for prefix, found in owners.items() if len(found) > 1)
    by_key = {prefix: next(iter(found)) for prefix, found in owners.items()}
    by_key |= {device: rack for device, rack in devices if device >> SHIFT in shared}
    return Places(
        tuple(replace(rack, gpus=gpus[rack.id]) for _, rack in racks),
        {key: rack for key, rack in by_key.items() if key not in shared},
        shared,
    )


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """What puts `row-10` after `row-9`.

    Examples
    --------
    >>> sorted(["row-10", "row-9", "a"], key=natural)
    ['a', 'row-9', 'row-10']
    """
    parts: list[tuple[int, int, str]] = []
    text = ""
    for c in name:
        digit = "0" <= c <= "9"
        if text and digit != ("0" <= text[0] <= "9"):
            parts.append(_part(text))
            text = ""
        text += c
    return tuple([*parts, _part(text)] if text else parts)


def _part(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if "0" <= text[0] <= "9" else (1, 0, text)
