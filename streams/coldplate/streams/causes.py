"""What each kind of fault is to the others: the table by which anomalies become incidents.

The order is precision: of the kinds that are found in one incident the uppermost names its cause. `explains` says what
a fault does to others, and where: within the same device (`SELF`), node, rack or row, or among the GPUs of one job
(`JOB`). What a fault explains stands below it. `gathers` says up to where the same kind on several devices is one cause.

A kind that is not in the table is like `unknown`. Sources: what the faults do in the project's model of a hall, and the
table "what moves, what does not" of its facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from coldplate.streams.topology import Level
from coldplate.wire.fault import FAMILIES, XID_ACTIONS, XID_QUIET, xid_code

Reach = Literal["self", "node", "rack", "row", "job"]

SOON_MS = 300_000
"""A consequence with a name of its own comes so soon after its cause, or is no consequence."""

ALWAYS_MS = 1 << 62
"""As long as the cause is there: wear that ends in a loss of flow, a symptom that names nothing."""

LOOK_MS = 6_000
"""What looks every six seconds knows no more than this of what came first."""

_PLATE, _BRANCH = FAMILIES["plate"], FAMILIES["branch"]
_SENSOR = FAMILIES["sensor"]
_METERS = ("flow-sensor-drift", "sensor-drift", "sensor-spike")
_WORK = FAMILIES["work"]
_ERRORS = FAMILIES["errors"]
_QUIET_XID = tuple(f"xid:{action}" for action in sorted(XID_QUIET))
_SUPPLY_SIDE = ("exchanger-fouling", "valve-stuck", "supply-set-point-error")
_XIDS = ("xid:reboot-node", "xid:drain", "xid:reset-gpu", "xid:nvlink", *_QUIET_XID)


@dataclass(frozen=True, slots=True)
class Explains:
    """What a fault does to others.

    Parameters
    ----------
    kinds
        Of the consequences.
    reach
        Where they are, seen from the fault's subject.
    within_ms
        How long after the last news of the cause they may begin.
    """

    kinds: tuple[str, ...]
    reach: Reach
    within_ms: int = SOON_MS


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of fault.

    Parameters
    ----------
    kind
        As in `coldplate.wire.fault`; of XIDs `xid:` and the action of NVIDIA's catalogue.
    explains
        Its consequences.
    gathers
        Up to which level the same kind on several devices is one cause; None: each is its own.
    racks_min
        From so many racks on the same kind at the same time is one cause of a row or hall.
    wide
        In more than one rack it is at least a cause of this level.
    gather_ms
        So long after the last one the next is still of the same cause.
    before_ms
        How long before its own first sign its consequences may have been seen.
    heats
        Whether it takes the coolant from GPUs, so that what follows can be forecast.
    """

    kind: str
    explains: tuple[Explains, ...] = ()
    gathers: Level | None = None
    racks_min: int = 3
    wide: Level = Level.ROW
    before_ms: int = 60_000
    gather_ms: int = 60_000
    heats: bool = False


_STOPS_JOB = (Explains(("hung-gpu", "hung-job"), "job", 60_000), Explains(("straggler",), "node"))
"""What a job says of which a GPU is gone or slow: it waits, all of it."""


def _heat(reach: Reach = "rack") -> tuple[Explains, ...]:
    """What GPUs say that are cooled less."""
    return (
        Explains((*_PLATE, *_BRANCH), reach), Explains(("unknown",), reach, ALWAYS_MS),
        # A unit whose flow comes and goes is off its set point until its control has settled.
        Explains(("straggler", "supply-set-point-error"), reach), *_STOPS_JOB,
    )  # fmt: skip


_BLIND = (
    *_PLATE, *_BRANCH, *_SENSOR, *_WORK, "gpu-lost", "silent-gpu", "silent-node",
    "capping-storm", "psu-loss", "unknown",
)  # fmt: skip
_HYDRAULIC = ("flow-loss", "pump-wear", "cavitation", *_METERS)

TABLE: tuple[Rule, ...] = (
    # Who cannot be seen, or is not where or when we think: nothing that it says of itself is to be believed.
    Rule("clock-skew", (
        Explains(("inventory-wrong", *_BLIND), "node", ALWAYS_MS),
    ), before_ms=120_000),
    Rule("inventory-wrong", (
        Explains((*_BLIND, *_ERRORS[1:]), "node", ALWAYS_MS),
    ), Level.NODE, before_ms=180_000, gather_ms=600_000),
    Rule("silent-hall", (Explains(("partition", "silent-rack", *_BLIND), "self"),)),
    Rule("partition", (Explains(("silent-rack", *_BLIND), "self"),), Level.HALL, 2, gather_ms=15_000),
    Rule("silent-rack", (Explains(_BLIND, "rack"),), Level.HALL, 2, gather_ms=15_000),
    Rule("silent-node", (
        Explains(("silent-gpu", "sensor-dropout", "unknown"), "self"), *_STOPS_JOB,
    ), Level.RACK, gather_ms=15_000),
    # Power: from the grid to the board.
    Rule("feed-loss", (
        Explains(("psu-loss", "power-brake", "capping-storm", "unknown"), "rack"), *_STOPS_JOB,
    ), Level.HALL, 2),
    Rule("power-oscillation", (
        Explains(("ramp-too-steep", *_WORK, "capping-storm", "unknown"), "self"),
    ), Level.HALL, 2, Level.HALL),
    # Follows from what stops a job as often as from what is wrong with its start: it explains nobody's hang.
    Rule("ramp-too-steep", (), Level.HALL, 2, Level.HALL),
    Rule("psu-loss", (Explains(("power-brake", "capping-storm", "unknown"), "node"),)),
    Rule("power-brake", (
        Explains(("capping-storm", "leakage-rise", "unknown"), "self"), *_STOPS_JOB,
    ), Level.HALL, 2),
    Rule("capping-storm", (Explains(("leakage-rise", "unknown"), "self"), *_STOPS_JOB), Level.HALL, 2),
    # Water: what takes the flow or the cold away comes before what follows from it.
    Rule("burst-leak", (
        Explains(("pump-stop", "leak-sensor-false", "slow-leak", "leak?", *_HYDRAULIC), "rack", ALWAYS_MS), *_heat(),
    ), heats=True),
    Rule("pump-stop", (
        Explains(("filter-clog", "slow-leak", *_HYDRAULIC, *_SUPPLY_SIDE), "rack"), *_heat(),
    ), heats=True),
    Rule("channels-swapped", (
        Explains((*_SUPPLY_SIDE, "facility-water-loss", "facility-water-warm", "condensation-risk", *_METERS), "self"),
        Explains((*_PLATE, *_BRANCH, "unknown"), "rack"),
    )),
    Rule("facility-water-loss", (
        Explains(("facility-water-warm", "sensor-drift", *_SUPPLY_SIDE), "rack"), *_heat(),
    ), Level.HALL, 2, heats=True),
    Rule("facility-water-warm", (
        Explains(("condensation-risk", "sensor-drift", *_SUPPLY_SIDE), "rack"), *_heat(),
    ), Level.HALL, 2, Level.HALL, before_ms=120_000, heats=True),
    Rule("filter-clog", (
        # When the basket is changed the flow is back at once, and the valve has yet to follow.
        Explains((*_HYDRAULIC, "valve-stuck"), "rack", ALWAYS_MS), *_heat(),
    ), before_ms=180_000, heats=True),
    Rule("cavitation", (
        Explains(("pump-wear", "flow-loss", *_METERS, "slow-leak", "leak-sensor-false"), "rack", ALWAYS_MS), *_heat(),
    ), heats=True),
    Rule("pump-wear", (Explains(("flow-loss",), "rack", ALWAYS_MS), *_heat()), before_ms=180_000, heats=True),
    Rule("valve-stuck", (
        Explains(("exchanger-fouling", "supply-set-point-error", "sensor-drift"), "rack", ALWAYS_MS), *_heat(),
    ), before_ms=180_000, heats=True),
    Rule("flow-sensor-drift", (Explains(("flow-loss", *_BRANCH, "unknown"), "self"),), before_ms=300_000),
    Rule("sensor-drift", (
        # What the heat balance contradicts may be the flow meter.
        Explains(("flow-loss", "exchanger-fouling", "supply-set-point-error", "condensation-risk"), "self"),
        Explains((*_PLATE, *_BRANCH, "unknown"), "rack"),
    ), before_ms=300_000),
    Rule("sensor-spike", (
        Explains(("exchanger-fouling", "supply-set-point-error", "condensation-risk", *_PLATE, "unknown"), "self"),
    )),
    Rule("flow-loss", _heat(), heats=True),
    Rule("exchanger-fouling", (
        Explains(("supply-set-point-error",), "rack", ALWAYS_MS), *_heat(),
    ), before_ms=180_000, heats=True),
    Rule("supply-set-point-error", (Explains(("condensation-risk",), "rack"), *_heat()), heats=True),
    # A leak by level, pressure and make-up is sure; a rope alone may lie (`leak?`).
    Rule("slow-leak", (Explains(("leak?",), "self", ALWAYS_MS), Explains(("unknown",), "self"))),
    Rule("leak-sensor-false", (Explains(("leak?", "unknown"), "self"),), before_ms=900_000),
    Rule("leak?", (Explains(("unknown",), "self"),)),
    Rule("condensation-risk", (Explains(("unknown",), "self"),), Level.HALL, 2, Level.HALL, before_ms=120_000),
    *(
        Rule(kind, (Explains((*_PLATE, "straggler", "unknown"), "node"),))
        for kind in ("air-lock", "kinked-hose", "coupling-half-closed")
    ),
    # A GPU that is gone, and what its errors are called; an XID with an action says what to do about them.
    Rule("xid:reboot-node", (
        Explains(("gpu-lost", *_ERRORS, *_XIDS[1:], "silent-gpu", "sensor-dropout", "gpu-sensor-stuck", *_PLATE, "unknown"), "self"),
        Explains(("nvlink-errors",), "node"), *_STOPS_JOB,
    )),
    Rule("gpu-lost", (
        Explains((*_ERRORS[1:], *_XIDS[1:], "silent-gpu", "sensor-dropout", "gpu-sensor-stuck", "unknown"), "self"),
        Explains(("nvlink-errors",), "node"), *_STOPS_JOB,
    )),
    *(
        Rule(f"xid:{action}", (
            Explains(("silent-gpu", *_ERRORS[1:], *_QUIET_XID, "unknown"), "self"), *_STOPS_JOB,
        ), before_ms=180_000)
        for action in ("drain", "reset-gpu", "nvlink")
    ),
    *(
        Rule(kind, (Explains((*_QUIET_XID, "unknown"), "self"), *_STOPS_JOB), before_ms=180_000)
        for kind in ("ecc-uncorrectable", "row-remap", "nvlink-errors", "ecc-storm", "pcie-degraded")
    ),
    # Work: a job goes at the pace of its slowest. Who was slow before anything stood still is not slow because of it.
    Rule("hung-job", (
        Explains(("hung-gpu", "straggler"), "job", 60_000), Explains(("unknown",), "self"),
    ), Level.HALL, 2, before_ms=LOOK_MS),
    Rule("hung-gpu", (
        Explains(("straggler",), "job", 60_000), Explains(("unknown",), "self"),
    ), Level.HALL, 2, before_ms=LOOK_MS),
    Rule("hbm-hot-spot", (Explains(("unknown", "straggler"), "self", ALWAYS_MS),)),
    Rule("leakage-rise", (Explains(("unknown",), "self", ALWAYS_MS),)),
    Rule("cold-plate-fouling", (Explains(("unknown", "straggler"), "self", ALWAYS_MS),)),
    Rule("paste-pump-out", (Explains(("unknown", "straggler"), "self", ALWAYS_MS),)),
    Rule("straggler", (Explains(("unknown",), "self"),)),
    Rule("silent-gpu", (Explains(("sensor-dropout", "unknown"), "self"),)),
    Rule("sensor-dropout", (Explains(("unknown",), "self"),)),
    Rule("gpu-sensor-stuck", (Explains(("unknown",), "self"),)),
    *(Rule(f"xid:{action}") for action in ("as-named", "support", "update-software", "restart-app", "ignore", "other")),
    # The paper is wrong, and what the device says of itself is not.
    Rule("listing", gathers=Level.RACK, gather_ms=ALWAYS_MS),
    Rule("unknown", gathers=Level.RACK, gather_ms=ALWAYS_MS),
)  # fmt: skip

_RULES: Mapping[str, Rule] = {rule.kind: rule for rule in TABLE}
_RANKS: Mapping[str, int] = {rule.kind: rank for rank, rule in enumerate(TABLE)}

LEAK_CONTACT = "leak-contact"
"""The detector of a leak rope's contact, which may be wet or only wrong."""

LISTING = "listing"
"""The detector that holds the inventory against what sends."""


def key_of(kind: str, detector: str = "") -> str:
    """The row of the table for a kind of fault as a detector tells of it."""
    if kind.startswith("xid-"):
        action = f"xid:{XID_ACTIONS.get(xid_code(kind) or 0)}"
        return action if action in _RANKS else "xid:other"
    if kind == "silent-cdu":
        return "silent-node"
    if detector == LEAK_CONTACT:
        return "leak?"
    if detector == LISTING:
        return "listing"
    return kind if kind in _RANKS else "unknown"


def rule_of(key: str) -> Rule:
    """The rule of a row."""
    return _RULES[key]


def rank_of(key: str) -> int:
    """How precisely it names a cause: the less, the more."""
    return _RANKS[key]


_ALIKE = (
    frozenset({"silent-rack", "partition", "silent-hall"}),
    frozenset({"hung-gpu", "hung-job"}),
)


def alike(kind: str) -> frozenset[str]:
    """Kinds that one kind is called in more or fewer places."""
    return next((kinds for kinds in _ALIKE if kind in kinds), frozenset({kind}))
