"""Options of the collector that reads the node's own files."""

import msgspec


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How /proc and /sys are read.

    Parameters
    ----------
    on, air_inlet, node_power, slow_ticks
        As in `MEANINGS`.
    """

    on: bool = True
    air_inlet: str = ""
    node_power: str = ""
    slow_ticks: int = 5


MEANINGS = {
    "on": "whether processors, memory and node power are read from /proc and /sys",
    "air_inlet": "hwmon sensor of the air at the node's front, `DRIVER/LABEL`; empty: none",
    "node_power": "hwmon sensors whose sum is the node's power, `DRIVER/LABEL[,...]`; empty: the ACPI power meter",
    "slow_ticks": "every how many ticks a file is read that costs more than 50 us",
}
"""Of every key; docs/config.md is made from it."""
