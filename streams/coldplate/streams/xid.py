"""What an XID means and what to do: NVIDIA's Xid catalogue, immediate action.

References
----------
NVIDIA Xid errors catalogue (2025-10); severity follows the immediate action: an application's own doing is
`info`, what needs hands or a reset pages, what can wait for the next reset is a `ticket`.
"""

from coldplate.wire.incident import Severity

_INFO, _TICKET, _PAGE = Severity.INFO, Severity.TICKET, Severity.WARNING

XIDS: dict[int, tuple[str, str, Severity]] = {
    13: ("graphics engine exception, mostly the application", "restart the application", _INFO),
    31: ("MMU fault, mostly the application", "restart the application", _INFO),
    32: ("corrupted push buffer", "restart the application", _TICKET),
    43: ("application stopped after another error", "look for the XID before it", _INFO),
    45: ("clean-up after another error", "look for the XID before it", _INFO),
    46: ("GPU time-out", "reset the GPU", _PAGE),
    48: ("double-bit ECC error", "drain the node, reset the GPU", _PAGE),
    62: ("internal micro-controller halt", "reset the GPU", _PAGE),
    63: ("row remap recorded", "active at the next reset", _INFO),
    64: ("row remap failed", "reset the GPU, then replace it", _PAGE),
    68: ("video decoder error", "restart the application", _INFO),
    69: ("engine class error", "restart the application", _INFO),
    74: ("NVLink error", "reset, reseat, look at link and switch", _PAGE),
    78: ("vGPU could not start", "update the driver", _TICKET),
    79: ("GPU has fallen off the bus", "reboot the node; power, seating, heat", _PAGE),
    92: ("high rate of single-bit errors", "watch it", _TICKET),
    93: ("InfoROM is worn", "watch it", _TICKET),
    94: ("contained memory error", "restart the application", _TICKET),
    95: ("uncontained memory error", "reset the GPU; all jobs of the node are suspect", _PAGE),
    109: ("context switch time-out", "reset the GPU", _PAGE),
    110: ("security fault", "reset the GPU", _PAGE),
    119: ("GSP RPC time-out", "reset the GPU; driver", _PAGE),
    120: ("GSP error", "reset the GPU", _PAGE),
    121: ("C2C link error, Grace only", "watch it", _TICKET),
    136: ("NVLink training failed", "reset the GPU", _PAGE),
    137: ("NVLink privilege error", "reset the GPU; look at the peer's XID", _PAGE),
    140: ("unrecovered ECC error", "reset the GPU", _PAGE),
    141: ("CUDA fast path error", "none", _INFO),
    143: ("GPU failed to initialise", "reset the GPU", _PAGE),
    144: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    145: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    146: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    147: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    148: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    149: ("NVLink is down", "by its sub-code: reset the GPU, then the link's workflow", _TICKET),
    150: ("NVLink unit error", "by its sub-code: ignore, or reset the GPU", _TICKET),
    154: ("recovery action changed", "do what the text names", _TICKET),
    155: ("NVLink software-defined error", "reset the GPU", _PAGE),
    156: ("resource retired", "reset the GPU", _PAGE),
    157: ("resource could not be retired", "call the maker's support", _TICKET),
    158: ("fatal GPU time-out", "reset the GPU", _PAGE),
    162: ("power smoothing told of itself", "none", _INFO),
    163: ("power smoothing told of itself", "none", _INFO),
    164: ("power smoothing told of itself", "none", _INFO),
    165: ("power smoothing told of itself", "none", _INFO),
    171: ("double-bit ECC error in DRAM", "drain the node, reset the GPU", _PAGE),
    172: (
        "double-bit ECC error in SRAM",
        "drain the node, reset the GPU; twice: replace it",
        _PAGE,
    ),
}


def meaning(code: int) -> tuple[str, str, Severity]:
    """(what it is, what to do, severity); a code that is not in the table is a ticket."""
    return XIDS.get(code, ("not in the catalogue", "look it up in NVIDIA's Xid catalogue", _TICKET))
