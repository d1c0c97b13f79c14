"""XIDs: each code a kind of its own, what it does by the action that NVIDIA's catalogue names.

Rates are those of 100,000 GPUs a day: Llama 3's interruptions scaled (faulty GPU 17, GSP 1.9, software 6.1, SRAM
2.1) and Delta's 27 uncorrectable HBM errors, 59 % of them remapped; how they split over codes is an estimate. Codes
of other hardware (Blackwell, Grace, vGPU) have rate 0. A reset, and so recovery, is the fault's end.
"""

from functools import partial

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import Act, FaultKind, Told
from coldplate.wire.fault import XID_ACTIONS, family_of
from coldplate.wire.metric import Kind

RESTART, RESET, REBOOT, DRAIN, LINK = "restart-app", "reset-gpu", "reboot-node", "drain", "nvlink"

XIDS: dict[int, tuple[str, float]] = {
    13: ("graphics engine exception", 2.0),
    31: ("MMU fault", 3.5),
    32: ("corrupted push buffer", 0.1),
    43: ("application stopped", 0.5),
    45: ("clean-up after another error", 6.0),
    46: ("GPU time-out", 0.2),
    48: ("double-bit ECC error", 2.1),
    62: ("internal micro-controller halt", 0.3),
    63: ("row remap recorded", 16.0),
    64: ("row remap failed", 2.0),
    68: ("video decoder error", 0.1),
    69: ("engine class error", 0.1),
    74: ("NVLink error", 5.0),
    78: ("vGPU start error", 0.0),
    79: ("GPU has fallen off the bus", 4.0),
    92: ("high single-bit error rate", 1.0),
    93: ("InfoROM wear", 0.1),
    94: ("contained memory error", 6.0),
    95: ("uncontained memory error", 2.0),
    109: ("context switch time-out", 1.0),
    110: ("security fault", 0.1),
    119: ("GSP RPC time-out", 1.5),
    120: ("GSP error", 0.4),
    121: ("C2C link error", 0.0),
    136: ("NVLink training failed", 0.5),
    137: ("NVLink privilege error", 0.5),
    140: ("unrecovered ECC error escape", 0.1),
    141: ("CUDA fast path error", 0.1),
    143: ("GPU failed to initialise", 0.5),
    **dict.fromkeys(range(144, 151), ("NVLink unit error, by its sub-code", 0.0)),
    154: ("recovery action changed", 5.0),
    155: ("NVLink software-defined error", 0.1),
    156: ("resource retired", 0.1),
    157: ("resource retirement failed", 0.1),
    158: ("fatal GPU time-out", 0.1),
    **dict.fromkeys(range(162, 166), ("power-smoothing hardware", 0.0)),
    171: ("double-bit ECC error of DRAM", 1.5),
    172: ("double-bit ECC error of SRAM", 0.6),
}
"""Code: meaning, times a day; the immediate actions are the wire's. References: NVIDIA's Xid catalogue (2025-10)."""

_STOPS = (RESTART, RESET, REBOOT, DRAIN, LINK)
_PAGES = (RESET, REBOOT, DRAIN, LINK)
_RECOVERY = {RESET: 1.0, REBOOT: 2.0, DRAIN: 4.0, LINK: 1.0}
"""NVML field 230."""

_UNCORRECTED = (48, 94, 95, 140, 171, 172)
PER_S = {92: 30.0, 74: 20.0}
"""Corrected ECC errors and NVLink errors while it lasts (estimates)."""


def _act(act: Act, code: int, action: str) -> None:
    """Its application is gone until the end, and the counters that it is about move."""
    e, gpus = act.effects, act.rows(Kind.GPU)
    if action in _STOPS:
        e.load_factor[gpus] = 0.0
    e.recovery_action[gpus] = _RECOVERY.get(action, 0.0)
    e.gpu_lost[gpus] |= code == 79
    e.remap_pending[gpus] |= code == 63
    e.remap_failed[gpus] |= code == 64
    e.ecc_corrected_per_s[gpus] += PER_S[92] if code == 92 else 0.0
    e.nvlink_errors_per_s[gpus] += PER_S[74] if code == 74 else 0.0
    if code in _UNCORRECTED:
        e.ecc_uncorrected_per_s[gpus] += 0.1


def _told(fault: Fault, code: int) -> tuple[Told, ...]:
    """In the driver's form; a GPU off the bus is lost as well, a second later."""
    text = fault.text or f"NVRM: Xid (PCI:0000:c1:00): {code}, {XIDS[code][0]}"
    lost = (Told(1.0, "gpu_lost", text="GPU is lost"),) if code == 79 else ()
    return (Told(0.0, "xid", code, text), *lost)


def _kind(code: int) -> FaultKind:
    (meaning, per_day), action = XIDS[code], XID_ACTIONS[code]
    return FaultKind(
        f"xid-{code}", family_of(f"xid-{code}"), f"XID {code}: {meaning}", ("gpu",),
        partial(_act, code=code, action=action), hold_s=60.0, pages=action in _PAGES,
        per_day=per_day, tells=partial(_told, code=code),
    )  # fmt: skip


def _nothing(act: Act) -> None:
    """An event alone: the hall goes on."""


def _coded(fault: Fault) -> tuple[Told, ...]:
    return (Told(0.0, "xid", fault.code, fault.text),)


KINDS = (
    *(_kind(code) for code in XIDS),
    FaultKind(
        "xid", "errors", "the driver reports XID `code`, and nothing else happens",
        ("gpu",), _nothing, hold_s=1.0, pages=False, tells=_coded,
    ),
)  # fmt: skip
