"""Which node a machine is, and how many GPUs it ought to have."""

import pytest

from coldplate.agents.identity import gpu_uuids, identify, pci_gpus
from coldplate.wire.inventory import Device, Inventory

INVENTORY = Inventory(
    [
        Device("rack", "rack-0003"),
        Device("node", "rack-0003/node-5", "rack-0003", serial="SN-5"),
        Device("gpu", "rack-0003/node-5/gpu-0", "rack-0003/node-5", uuid="GPU-5"),
        Device("rack", "rack-0004"),
        Device("node", "rack-0004/node-5", "rack-0004"),
        Device("node", "rack-0004/login", "rack-0004"),
        Device("node", "gpu-17.hall", "rack-0004"),
    ]
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("a/b", "c", INVENTORY, "login"), ("a/b", "c")),
        (("rack-0004/login", "", INVENTORY, "x"), ("rack-0004/login", "rack-0004")),
        (("a/b", "", None, "x"), ("a/b", "a")),
        (("", "", INVENTORY, "gpu-17.hall"), ("gpu-17.hall", "rack-0004")),
        (("", "", INVENTORY, "login.example.org"), ("rack-0004/login", "rack-0004")),
        (("", "", INVENTORY, "SN-5"), ("rack-0003/node-5", "rack-0003")),
        (("", "", INVENTORY, "node-5", ["GPU-5"]), ("rack-0003/node-5", "rack-0003")),
        (("", "", INVENTORY, "node-5"), ("node-5", "node-5")),
        (("", "", None, "vm"), ("vm", "vm")),
    ],
    ids=[
        "configured", "rack of the inventory", "rack of the id", "full name", "short name",
        "serial", "GPU", "a name in every rack", "nothing known",
    ],
)  # fmt: skip
def test_a_node_is_found(given, expected):
    """What is configured, then the inventory by name and by GPU, then the machine's name."""
    found = identify(*given)
    assert expected == (found.node, found.rack)
    assert found.how


def test_uuids_come_from_the_kernel_module(tmp_path):
    """Without a driver's library; a file that cannot be read is passed over."""
    for bus, text in (("0000:07:00.0", "Model: \t NVIDIA H200\nGPU UUID: \t GPU-7\n"), ("0000:08:00.0", "")):  # fmt: skip
        folder = tmp_path / "proc/driver/nvidia/gpus" / bus
        folder.mkdir(parents=True)
        (folder / "information").write_text(text)
    assert ["GPU-7"] == gpu_uuids(tmp_path)
    assert [] == gpu_uuids(tmp_path / "nothing")


def test_gpus_on_the_bus_are_counted_without_a_driver(tmp_path):
    """NVIDIA's 3D controllers, save those that a virtual machine has; no switch, no other maker's."""
    devices = {
        "07": ("0x10de", "0x030200", None), "08": ("0x10de", "0x030200", "nvidia"),
        "09": ("0x10de", "0x030200", "vfio-pci"), "0a": ("0x10de", "0x068000", None),
        "0b": ("0x8086", "0x030200", None),
    }  # fmt: skip
    for bus, (vendor, kind, driver) in devices.items():
        folder = tmp_path / "sys/bus/pci/devices" / f"0000:{bus}:00.0"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
        if driver is not None:
            (folder / "driver").symlink_to(f"../../../bus/pci/drivers/{driver}")
    assert 2 == pci_gpus(tmp_path)
    assert 0 == pci_gpus(tmp_path / "nothing")
