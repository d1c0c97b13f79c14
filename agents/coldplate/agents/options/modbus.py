"""Options of the Modbus collector; the devices themselves stand in the plant's device file."""

import msgspec


class Modbus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How Modbus devices are asked.

    Parameters
    ----------
    wait_s, every_s, timeout_s, atmosphere_kpa
        As in `MEANINGS`.
    """

    wait_s: float = 0.4
    every_s: float = 1.0
    timeout_s: float = 2.0
    atmosphere_kpa: float = 101.325


MEANINGS = {
    "wait_s": "how long a tick waits for the answers of Modbus devices; what comes later is in the next tick",
    "every_s": "time between two polls of a device that names none, not below 1",
    "timeout_s": "of connecting to a Modbus device, and of each answer",
    "atmosphere_kpa": "pressure of the air at the site, added to what gauges read; 101.325 at sea level",
}
"""Of every key; docs/config.md is made from it."""
