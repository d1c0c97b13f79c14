"""What an incident is called: its kind, its subject, and one sentence for a person.

A pure function of what was seen, so that the order in which it came does not matter.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from coldplate.streams.case import OF_GPUS, Case, Sight
from coldplate.streams.causes import LISTING, rule_of
from coldplate.streams.coolant import Heat
from coldplate.streams.topology import Level, Topology
from coldplate.streams.xid import meaning
from coldplate.wire.fault import FAMILIES, XID_MEANS, xid_code
from coldplate.wire.incident import Evidence
from coldplate.wire.metric import Kind

HUNG_MIN = 4
"""So many GPUs that hang at the same time hang in a collective call of their job."""

SILENT_SHARE = 0.5
"""Of a rack's sources: who loses so many at once has lost more than a node."""

RACKS_SHARE = 0.8
"""Of a hall's racks: who loses so many at once has lost the hall."""

HOSE_SHARE = 0.7
"""Of what a rack lost: a node that lost so much of it, alone, has a hose of its own that lets nothing through."""

KEPT_SAID = "it worked on and sends what it had kept"
"""In the sentence about who was only cut off."""

_COUNTED = {"row-remap": (63, 64)}
"""XIDs that tell what a counter of the GPU tells as well: then it is called by what was counted."""


@dataclass(frozen=True, slots=True)
class Name:
    """Kind, subject and rack of an incident; the rack is "" for what stands above racks."""

    kind: str
    subject: str
    rack: str


def name_of(case: Case, topology: Topology) -> Name:
    """What a case is called by what was seen so far."""
    top = case.top
    kind, subject = top.kind, _subject(case, top, topology)
    if top.key in ("silent-node", "silent-cdu"):
        kind, subject = _silence(case, topology)
    elif top.key == "hung-gpu" and _count(case, "hung-gpu") >= HUNG_MIN:
        kind, subject = "hung-job", top.place
    elif top.key == "flow-loss" and (hose := _hose(case)) is not None:
        kind, subject = hose
    elif (code := xid_code(kind)) is not None:
        counted = next(
            (k for k, codes in _COUNTED.items() if code in codes and _count(case, k)), kind
        )
        kind = XID_MEANS.get(code, counted)
    rack = topology.at(subject, Level.RACK) if topology.level(subject) <= Level.RACK else ""
    return Name(kind, subject, rack)


def _subject(case: Case, top: Sight, topology: Topology) -> str:
    """Who moved first, or what all have in common."""
    if top.key == "unknown":
        return topology.common_of(_of(case, top.key)) or top.place
    wide = topology.level(top.place) > Level.RACK
    if wide:
        return topology.at(top.place, rule_of(top.key).wide)
    return top.subject if rule_of(top.key).gathers is None else top.place


def _of(case: Case, key: str) -> list[str]:
    return [a.subject for a in case.members.values() if a.kind == key]


def _count(case: Case, key: str) -> int:
    return len(set(_of(case, key)))


def _hose(case: Case) -> tuple[str, str] | None:
    """The one node whose own loss is the rack's: in a rack of few nodes a kinked hose takes a good part of the flow."""
    nodes = {a.subject: a for a in case.members.values() if a.kind in FAMILIES["branch"]}
    if len(nodes) != 1:
        return None
    (node,) = nodes.values()
    racks_lpm = [_lost_lpm(a.evidence) for a in case.members.values() if a.kind == "flow-loss"]
    # Whatever is not told is NaN, and no hose.
    if _lost_lpm(node.evidence) >= HOSE_SHARE * max(racks_lpm, default=math.nan):
        return node.kind, node.subject
    return None


def _lost_lpm(evidence: Evidence) -> float:
    if evidence.value is None or evidence.baseline is None or not evidence.metric.endswith("_lpm"):
        return math.nan
    return evidence.baseline - evidence.value


def _silence(case: Case, topology: Topology) -> tuple[str, str]:
    """A node or CDU, or the rack, the row or the hall when most of it is silent."""
    silent = [a for a in case.members.values() if a.kind in ("silent-node", "silent-cdu")]
    subjects = sorted({a.subject for a in silent})
    if len(subjects) == 1:
        return silent[0].kind, subjects[0]
    place = topology.common_of(subjects)
    if topology.level(place) <= Level.RACK:
        sources = [*topology.devices(Kind.NODE, place), *topology.devices(Kind.CDU, place)]
        if len(subjects) < max(2.0, SILENT_SHARE * len(sources)):
            return "silent-node", place
        return ("partition" if case.kept else "silent-rack"), place
    # A hall of one row is called by its row: what is lost is the same, and a row's switch fails more often than a hall.
    if topology.level(place) is Level.HALL and not case.kept:
        racks = {topology.at(s, Level.RACK) for s in subjects}
        if len(racks) >= RACKS_SHARE * len(topology.racks(place)):
            return "silent-hall", place
    return "partition", place


def sentence_of(case: Case, heat: Heat | None, topology: Topology) -> str:
    """One sentence: what, where, how much, what follows; in the past when it is over."""
    if (code := xid_code(case.top.kind)) is not None:
        what, action, _ = meaning(code)
        return f"XID {code} on {case.subject}: {what}; {action}{_further(case, code)}."
    if case.top.key == LISTING:
        return f"The inventory is wrong about {case.subject}: {next(case.causes()).note}."
    phrase = _unknown(case) if case.kind == "unknown" else _SAID.get(case.kind, "{subject}: {kind}")
    said = phrase.format(
        subject=case.subject, kind=case.kind, pump=_pump(case), count=len(case.affected) or 1,
    )  # fmt: skip
    over = not case.open
    if case.kind.startswith("silent") or case.kind == "partition":
        said = f"{case.subject} sent nothing" if over else f"{case.subject} sends nothing any more"
        return f"{said}{f'; {KEPT_SAID}' if case.kept else ''}."
    hot = len(case.victims or case.worst)
    heats = f"{max(hot, _gpus(case, topology))} GPUs {'lost' if over else 'lose'} their margin"
    parts = [said, _flow(case, heat) if rule_of(case.top.key).heats else "", heats if hot else ""]
    return "; ".join(p for p in parts if p) + "."


def _unknown(case: Case) -> str:
    told = {a.detector for a in case.members.values()}
    if not told.isdisjoint(OF_GPUS):
        return "{subject} is near its thermal limit, cause not known"
    return (
        "{subject} needs a reset"
        if "needs-reset" in told
        else "{subject} reads unlike itself, cause not known"
    )


def _gpus(case: Case, topology: Topology) -> int:
    return sum(topology.level(a) is Level.GPU for a in case.affected)


def _further(case: Case, code: int) -> str:
    told = {xid_code(a.kind) for a in case.members.values()} - {code, None}
    return f"; also XID {', '.join(sorted(map(str, told)))}" if told else ""


def _pump(case: Case) -> str:
    metrics: Sequence[str] = [e.metric for e in case.causes()]
    return next((m[4] for m in metrics if m.startswith("pump") and m[4:5].isdigit()), "?")


def _flow(case: Case, heat: Heat | None) -> str:
    """How much flow is left, or was left at worst."""
    if len(case.racks) > 1:
        return f"{len(case.racks)} racks"
    evidence = next((e for e in case.causes() if e.metric == "flow_lpm"), None)
    if evidence is None and case.kind not in ("pump-stop", "flow-loss"):
        return ""
    usual = f" of {evidence.baseline:.0f}" if evidence and evidence.baseline is not None else ""
    if heat is None:
        least = case.least_lpm
        return f"flow fell to {least:.0f}{usual} l/min" if least < math.inf else ""
    return f"flow {heat.flow_lpm:.0f}{usual} l/min" if heat.flow_lpm == heat.flow_lpm else ""


_SAID = {
    "air-lock": "Air is caught in the loop of {subject}",
    "burst-leak": "{subject} loses coolant by the litre",
    "capping-storm": "The power limit of {subject} was lowered",
    "cavitation": "The pumps of {subject} draw vapour",
    "channels-swapped": "Two channels of {subject} are swapped",
    "clock-skew": "The clock of {subject} is wrong",
    "cold-plate-fouling": "The cold plate of {subject} conducts less",
    "condensation-risk": "{subject} is near its dew point",
    "coupling-half-closed": "{subject} gets less coolant than its rack's other nodes",
    "ecc-storm": "{subject} corrects memory errors at a high rate",
    "ecc-uncorrectable": "{subject} has memory errors that cannot be corrected",
    "exchanger-fouling": "The heat exchanger of {subject} lets less heat through",
    "facility-water-loss": "{subject} gets no facility water",
    "facility-water-warm": "{subject} gets facility water that is too warm",
    "feed-loss": "A feed of {subject} has no power",
    "filter-clog": "The filter of {subject} clogs",
    "flow-loss": "{subject} lost coolant flow",
    "flow-sensor-drift": "The flow meter of {subject} reads wrong",
    "gpu-lost": "{subject} is lost: it answers its driver no more",
    "gpu-sensor-stuck": "The temperature of {subject} stands still whatever its load",
    "hbm-hot-spot": "The memory of {subject} runs hotter than it should",
    "hung-gpu": "{subject} is busy and does nothing",
    "hung-job": "A job on {subject} waits for ever",
    "inventory-wrong": "{subject} is not where the inventory says",
    "kinked-hose": "{subject} gets less coolant than its rack's other nodes",
    "leakage-rise": "{subject} draws more power than its work explains",
    "leak-sensor-false": "The leak rope of {subject} reports contact, and nothing runs out",
    "nvlink-errors": "An NVLink of {subject} repeats what it loses",
    "paste-pump-out": "The cold plate of {subject} conducts less",
    "pcie-degraded": "The PCIe link of {subject} is narrower or slower than it should be",
    "power-brake": "Hardware power brake on {count} GPUs of {subject}",
    "power-oscillation": "The load of {subject} swings",
    "psu-loss": "A power supply of {subject} has failed",
    "pump-stop": "Pump {pump} of {subject} stopped",
    "pump-wear": "A pump of {subject} gives less than its speed should",
    "ramp-too-steep": "The load of {subject} changes faster than the grid takes",
    "row-remap": "Memory rows of {subject} were remapped, or can no more be",
    "sensor-drift": "A reading of {subject} wanders off",
    "sensor-dropout": "A reading of {subject} is missing",
    "sensor-spike": "A reading of {subject} jumps",
    "slow-leak": "{subject} leaks",
    "straggler": "{subject} is slower than the GPUs that wait for it",
    "supply-set-point-error": "The supply of {subject} is set wrong",
    "valve-stuck": "The facility valve of {subject} is stuck",
}
