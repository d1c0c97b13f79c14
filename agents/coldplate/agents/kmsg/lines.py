"""What NVIDIA's driver writes into the kernel's log: Xid of a GPU, SXid of an NVSwitch, GPUs that are gone.

References
----------
NVIDIA, XID Errors, "Viewing Xid Error Messages"; NVIDIA Fabric Manager User Guide, appendix D (SXid). Lines as others
have recorded them: leptonai/gpud (components/accelerator/nvidia/xid, sxid; pull request 1209, a GPU that is gone
without an Xid), NVIDIA/NVSentinel (health-monitors/syslog-health-monitor; issue 155, the same), NVIDIA/
open-gpu-kernel-modules issue 507.
"""

import re
from dataclasses import dataclass

FALLEN_OFF = 79
"""XID "GPU has fallen off the bus"; some drivers say so in words only."""

_BUS = r"(?P<bus>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2})(?:\.[0-7])?"
_XID = re.compile(
    rf"NVRM: Xid \((?:PCI:)?{_BUS}(?: GPU-I:(?P<instance>\d+))?\): (?P<code>\d{{1,5}})\b"
)
_SXID = re.compile(
    rf"nvidia-nvswitch(?P<switch>\d+): SXid \((?:PCI:)?{_BUS}\): (?P<code>\d{{1,5}})\b,? ?(?P<rest>[^\n]*)"
)
_GONE = re.compile(
    rf"NVRM: (?:The NVIDIA GPU |GPU (?:at )?(?:PCI:)?){_BUS}\b(?=.*fallen off the bus)", re.DOTALL
)
_PID = re.compile(r"\bpid='?(\d+)")
_NAME = re.compile(r"\bname='?([^,'<>]+)'?")
_LINK = re.compile(r"\bLink (\d+)\b")
_BUS_ID = re.compile(r"(?:PCI:)?(?:([0-9a-fA-F]+):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.[0-7])?$")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a line says.

    Parameters
    ----------
    kind
        `xid` or `sxid`.
    bus
        PCI address of GPU or switch, as `pci_bus` gives it.
    code
        Its number.
    data
        What else the line has: `pid`, `name` of the process, `instance` (MIG), `switch`, `link`, `fatal`;
        `inferred` when the line has no number.
    """

    kind: str
    bus: str
    code: int
    data: dict[str, str | int | float | bool | None]


def pci_bus(text: str) -> str:
    """A PCI address in one form, domain:bus:device, whoever wrote it.

    Examples
    --------
    >>> pci_bus("00000000:C1:00.0"), pci_bus("PCI:0000:c1:00"), pci_bus("c1:00.0")
    ('0000:c1:00', '0000:c1:00', '0000:c1:00')
    """
    found = _BUS_ID.match(text.strip())
    if found is None:
        return text.strip().lower()
    domain = int(found[1] or "0", 16)
    return f"{domain:04x}:{found[2].lower()}:{found[3].lower()}"


def fault(text: str) -> Fault | None:
    """What a message of the kernel says of a GPU or switch; None when it is about something else."""
    if "NVRM" not in text and "nvidia-nvswitch" not in text:
        return None
    if found := _XID.search(text):
        data = _process(text)
        if found["instance"] is not None:
            data["instance"] = int(found["instance"])
        return Fault("xid", pci_bus(found["bus"]), int(found["code"]), data)
    if found := _SXID.search(text):
        data = {"switch": int(found["switch"])}
        if link := _LINK.search(found["rest"]):
            data["link"] = int(link[1])
        if found["rest"].startswith(("Fatal", "Non-fatal")):
            data["fatal"] = found["rest"].startswith("Fatal")
        return Fault("sxid", pci_bus(found["bus"]), int(found["code"]), data)
    if found := _GONE.search(text):
        return Fault("xid", pci_bus(found["bus"]), FALLEN_OFF, {"inferred": True})
    return None


def _process(text: str) -> dict[str, str | int | float | bool | None]:
    out: dict[str, str | int | float | bool | None] = {}
    if pid := _PID.search(text):
        out["pid"] = int(pid[1])
    if name := _NAME.search(text):
        out["name"] = name[1].strip()
    return out
