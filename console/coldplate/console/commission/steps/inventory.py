"""What sits where is what the inventory says: serials by place, as the devices themselves tell them."""

from collections.abc import Mapping

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.procedure import (
    NOT_MEASURED,
    Finding,
    Judged,
    Need,
    Result,
    Step,
)
from coldplate.wire.metric import Kind


def _judge(evidence: Evidence, _: Limits) -> Judged:
    rack = evidence.rack
    ids = (*rack.nodes, *rack.gpus)
    if evidence.found is None:
        what = "nobody asked the devices for their serials"
        told = Finding(
            NOT_MEASURED, rack.id, what, "give them with --found FILE", result=Result.NOT_MEASURABLE
        )
        return Judged((told,))
    findings: list[Finding] = []
    names = {serial: i for i, serial in evidence.planned.items() if serial}
    for i in ids:
        planned, found = evidence.planned.get(i, ""), evidence.found.get(i, "")
        if found and found == planned:
            continue
        findings.append(_said(i, planned, found, names))
    # A node in a wrong slot brings its GPUs with it: one thing to mend.
    wrong = {f.subject for f in findings if f.result is Result.FAIL}
    kept = [f for f in findings if not (f.subject in rack.gpus and f.subject.rpartition("/")[0] in wrong)]  # fmt: skip
    return Judged(kept, {"devices": len(ids), "right": len(ids) - len(findings)})


def _said(subject: str, planned: str, found: str, names: Mapping[str, str]) -> Finding:
    if not found or not planned:
        who = "the device" if planned else "the inventory"
        what = f"{who} tells no serial"
        return Finding(NOT_MEASURED, subject, what, f"ask {subject} for its serial, or write it into the inventory",
                       result=Result.NOT_MEASURABLE)  # fmt: skip
    where = f", which belongs to {names[found]}" if found in names else ", which no place expects"
    what = f"serial {found} is there{where}; {planned} was planned"
    return Finding("swapped-serials", subject, what, do("swapped-serials", subject))


STEP = Step(
    "inventory", "serials are where the inventory has them", ("idle",),
    (Need(Kind.GPU, "power_w"),), _judge,
)  # fmt: skip
