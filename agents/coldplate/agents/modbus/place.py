"""Where a Modbus device is, and what is asked of whoever reads it."""

from dataclasses import dataclass
from typing import Protocol

from coldplate.agents.modbus.registers import Table


class Asking(Protocol):
    """What a unit needs of a client."""

    async def read(self, table: Table, address: int, count: int) -> list[int]:
        """Registers or bits."""

    def close(self) -> None:
        """Close the connection."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device is, and what it is called.

    Parameters
    ----------
    id, source, rack
        Id of the device, under which source it is sent, and the rack that keys its records. Empty: the id itself,
        and what stands before its first `/`.
    host, port, device_id
        Its address.
    every_ms
        Time between two polls; not below a second, which is what controllers of this kind can bear.
    timeout_s
        Of connecting, and of each answer.
    """

    id: str
    host: str
    port: int = 502
    device_id: int = 1
    every_ms: int = 1000
    timeout_s: float = 2.0
    source: str = ""
    rack: str = ""

    def __post_init__(self) -> None:
        """Refuse what no device could bear.

        Raises
        ------
        ValueError
        """
        if self.every_ms < 1000:
            raise ValueError(f"{self.id}: a poll each {self.every_ms} ms; give 1000 ms or more")
        if not 0 < self.timeout_s <= 60:
            raise ValueError(f"{self.id}: timeout_s = {self.timeout_s}; give 0 to 60 s")
