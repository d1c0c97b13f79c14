"""Who this machine is: its node's id and rack, found without a GPU driver's help.

An id that is configured wins. Otherwise the inventory is asked for the machine's name, then for the UUIDs of its GPUs,
which the kernel module tells under /proc; otherwise the machine's name is the id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coldplate.wire.inventory import Inventory

_NVIDIA, _DATACENTRE_GPU = "0x10de", "0x0302"
"""PCI vendor, and class of a 3D controller: what a GPU without a display is."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's id and its rack's; `how` the id was found, for people."""

    node: str
    rack: str
    how: str


def identify(
    node: str, rack: str, inventory: Inventory | None, hostname: str, uuids: Iterable[str] = ()
) -> Identity:
    """The node that this machine is.

    Parameters
    ----------
    node, rack
        As configured; "" when not.
    hostname
        The machine's name, its domain included or not.
    uuids
        Of its GPUs, as the driver tells them.
    """
    how = "configured"
    if not node and inventory is not None:
        node, how = _in_inventory(inventory, hostname, uuids)
    if not node:
        node, how = hostname, "the machine's name"
    if not rack and inventory is not None and node in inventory:
        rack = inventory.rack_of(node)
    return Identity(node, rack or node.partition("/")[0], how)


def _in_inventory(inventory: Inventory, hostname: str, uuids: Iterable[str]) -> tuple[str, str]:
    names = {hostname, hostname.partition(".")[0]} - {""}
    nodes = inventory.of_kind("node")
    named = [d for d in nodes if d.id in names or d.serial in names]
    # `node-5` is in every rack: a name that several could have tells nothing.
    named = named or [d for d in nodes if d.id.rpartition("/")[2] in names]
    if len(named) == 1:
        return named[0].id, f"the inventory's node of name {hostname}"
    mine = set(uuids)
    for device in inventory.of_kind("gpu"):
        if device.uuid and device.uuid in mine:
            return device.parent, f"the inventory's node of GPU {device.uuid}"
    return "", ""


def gpu_uuids(root: Path = Path("/")) -> list[str]:
    """UUIDs of this machine's NVIDIA GPUs, from the kernel module; empty when it is not loaded."""
    out = []
    for path in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        found = (line.partition(":") for line in lines)
        out += [value.strip() for key, _, value in found if key.strip() == "GPU UUID"]
    return out


def pci_gpus(root: Path = Path("/")) -> int:
    """How many NVIDIA datacentre GPUs sit on this machine's bus, whatever driver they have.

    Those that are handed through to a virtual machine belong to that and are not counted.
    """
    count = 0
    for device in (root / "sys/bus/pci/devices").glob("*"):
        try:
            vendor = (device / "vendor").read_text("ascii").strip()
            kind = (device / "class").read_text("ascii")[:6]
        except (OSError, UnicodeDecodeError):
            continue
        driver = device / "driver"
        passed_on = driver.is_symlink() and driver.readlink().name == "vfio-pci"
        count += vendor == _NVIDIA and kind == _DATACENTRE_GPU and not passed_on
    return count
