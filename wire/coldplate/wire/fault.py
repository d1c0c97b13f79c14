"""The kinds of fault and their families: the words of labels, anomalies, incidents and evaluation alike.

A cause is told rightly by its subject and a kind of the same family: whoever is sent to a fouled plate finds the
dried paste too. An XID is a kind of its own, `xid-NN`; its family is the action that NVIDIA's catalogue names, because
that is what the person who is called will do. XID 79 is how a driver says that a GPU is lost: of one family with it.
"""

from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "plate": ("cold-plate-fouling", "paste-pump-out", "hbm-hot-spot", "leakage-rise"),
    "branch": ("kinked-hose", "coupling-half-closed", "air-lock"),
    "pump": ("pump-stop", "pump-wear", "cavitation", "flow-loss"),
    "filter": ("filter-clog",),
    "exchanger": ("exchanger-fouling", "valve-stuck"),
    "supply": ("supply-set-point-error", "facility-water-loss", "facility-water-warm"),
    "leak": ("slow-leak", "burst-leak"),
    "condensation": ("condensation-risk",),
    "power": (
        "power-brake", "capping-storm", "psu-loss", "feed-loss", "power-oscillation", "ramp-too-steep",
    ),
    "work": ("hung-gpu", "hung-job", "straggler"),
    "errors": (
        "gpu-lost", "ecc-storm", "ecc-uncorrectable", "row-remap", "nvlink-errors", "pcie-degraded",
    ),
    "sensor": (
        "gpu-sensor-stuck", "sensor-drift", "flow-sensor-drift", "sensor-spike", "sensor-dropout",
        "channels-swapped", "leak-sensor-false",
    ),
    "time": ("clock-skew",),
    "silence": (
        "silent-gpu", "silent-node", "silent-cdu", "silent-rack", "silent-hall", "partition",
    ),
    "other": ("unknown", "inventory-wrong"),
}  # fmt: skip

FRAMES_STOPPED = "frames-stopped"
"""Of the pipeline itself and of no device: no detector finds it and no label has it, and people are told of it all the same."""

LOOK_ALIKE = "healthy-"
"""What a kind begins with that only looks like a fault, and must not page."""

SLOW = frozenset(
    {*FAMILIES["plate"], *FAMILIES["filter"], *FAMILIES["exchanger"], "pump-wear", "slow-leak"}
)
"""Wear that may have more than a week to harm: for these a ticket counts as found."""

XID_ACTIONS: Mapping[int, str] = {
    **dict.fromkeys((43, 45, 63, 92, 121, 141, *range(162, 166)), "ignore"),
    **dict.fromkeys((13, 31, 32, 68, 69, 94), "restart-app"),
    **dict.fromkeys(
        (46, 62, 64, 95, 109, 110, 119, 120, 136, 137, 140, 143, 155, 156, 158), "reset-gpu"
    ),
    **dict.fromkeys((48, 171, 172), "drain"),
    **dict.fromkeys((*range(144, 151), 154), "as-named"),
    **dict.fromkeys((93, 157), "support"),
    74: "nvlink", 78: "update-software", 79: "reboot-node",
}  # fmt: skip
"""By code: the immediate action of NVIDIA's Xid catalogue (2025-10)."""

XID_QUIET = frozenset({"ignore", "restart-app", "update-software", "support", "as-named"})
"""Actions for which nobody is woken up."""

XID_MEANS: Mapping[int, str] = {79: "gpu-lost"}
"""Codes that are another kind of fault by the driver's name for it."""

KINDS: tuple[str, ...] = tuple(
    dict.fromkeys((
        *FAMILIES, *(kind for kinds in FAMILIES.values() for kind in kinds), *XID_ACTIONS.values(),
        FRAMES_STOPPED,
    ))
)  # fmt: skip
"""What a person may name of a fault: families, kinds and actions of XIDs. An `xid-NN` is one too."""

_FAMILY_OF = {kind: family for family, kinds in FAMILIES.items() for kind in kinds}


def family_of(kind: str) -> str:
    """The family of a kind; a kind that nobody knows is its own family."""
    if (code := xid_code(kind)) is None:
        return _FAMILY_OF.get(kind, kind)
    return _FAMILY_OF[XID_MEANS[code]] if code in XID_MEANS else XID_ACTIONS.get(code, kind)


def xid_code(kind: str) -> int | None:
    """The code of an `xid-NN`; None of any other kind."""
    code = kind.removeprefix("xid-")
    return int(code) if code != kind and code.isdecimal() else None


def looks_alike(kind: str) -> bool:
    """True for what only looks like a fault."""
    return kind.startswith(LOOK_ALIKE)


def should_page(kind: str) -> bool:
    """False for look-alikes, and for XIDs that are the application's own doing or can wait."""
    if looks_alike(kind):
        return False
    return not (kind.startswith("xid") and family_of(kind) in XID_QUIET)
