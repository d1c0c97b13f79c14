"""Whether a fault can befall a hall."""

from collections.abc import Iterator
from difflib import get_close_matches
from math import inf

from coldplate.twin.fault import Fault
from coldplate.twin.faults.library import KINDS
from coldplate.wire.inventory import Inventory
from coldplate.wire.metric import CATALOGUE, KIND_WORDS

HZ_MIN, HZ_MAX = 0.01, 10.0
"""Physics in steps of 50 ms knows no faster swing."""


def problem(fault: Fault, inventory: Inventory) -> str:
    """What is wrong with a fault and what is expected; empty when nothing is."""
    return next(_problems(fault, inventory), "")


def _problems(fault: Fault, inventory: Inventory) -> Iterator[str]:
    if fault.kind not in KINDS:
        near = get_close_matches(fault.kind, KINDS, 3, 0.4)
        hint = f"near it: {', '.join(near)}; " if near else ""
        yield f"kind {fault.kind!r} is unknown; {hint}`coldplate twin faults` lists all"
        return
    kind, device = KINDS[fault.kind], inventory.devices.get(fault.subject)
    if device is None or device.kind not in kind.on:
        found = "is not in this hall" if device is None else f"is a {device.kind}"
        yield f"subject {fault.subject!r} {found}; {fault.kind} needs a {' or '.join(kind.on)}"
        return
    # Written so that NaN, which TOML can say, is refused as well.
    if not 0 <= fault.at_s < inf or not (fault.end_s is None or fault.at_s < fault.end_s < inf):
        yield f"at_s {fault.at_s}, end_s {fault.end_s}: at least 0, and in order"
    shares = (fault.spare_ratio, fault.flow_ratio, fault.severity)
    if not all(share is None or 0 <= share <= 1 for share in shares):
        yield "spare_ratio, flow_ratio and severity are shares, 0 to 1"
    if not all(0 <= (span or 0) < inf for span in (fault.ramp_s, fault.recovery_s, fault.lead_s)):
        yield "ramp_s, recovery_s and lead_s are seconds, at least 0"
    if not HZ_MIN <= fault.hz <= HZ_MAX:
        yield f"hz is {fault.hz}; it may be {HZ_MIN} to {HZ_MAX}"
    if fault.metric and fault.metric not in {m.name for m in CATALOGUE[KIND_WORDS[device.kind]]}:
        yield f"metric {fault.metric!r} is none of a {device.kind}; docs/metrics.md lists them"
