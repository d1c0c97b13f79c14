"""A rack's certificate: what was measured, with what, how sure, by whom, against which limits; one signed JSON file.

The file is canonical: keys in order, no blank that need not be there. What is verified is the file byte for byte, so that
one other byte anywhere, in a blank too, is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import gpu, mean, middle, node
from coldplate.console.commission.measured import measured
from coldplate.console.commission.order import BY_NAME
from coldplate.console.commission.procedure import Finding, Outcome, present
from coldplate.console.commission.signing import Signer, genuine
from coldplate.console.commission.verdict import Verdict
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.output import plain, rfc3339

VERSION, ALGORITHM = 1, "Ed25519"
BASELINE = {
    "plates": ("r_k_per_w", "median_k_per_w"), "flow": ("node_flow_lpm", "share_ratio"), "exchanger": ("approach_k",),
    "filter": ("filter_kpa", "of_clean_ratio"), "pumps": ("head_of_curve_ratio",),
}  # fmt: skip
"""Figures of steps that are the rack's baseline from now on, beside what measured.py adds for detectors."""

_ROUNDING_K = 0.29
"""Standard deviation of a temperature in whole degrees."""


@dataclass(frozen=True, slots=True)
class Made:
    """Who made an acceptance, when, and what hands did: lists of who, when (RFC 3339), what."""

    by: str
    began_ms: int
    ended_ms: int
    sku: str = ""
    hands: Sequence[Mapping[str, Any]] = ()


def body(
    made: Made, evidence: Evidence, limits: Limits, outcomes: Sequence[Outcome], found: Verdict
) -> dict[str, Any]:
    """What a certificate says, before it is signed."""
    rack = evidence.rack
    by_name = {o.step: o for o in outcomes}
    baseline = {
        name: by_name[step].figures[name]
        for step, names in BASELINE.items()
        for name in names
        if step in by_name and name in by_name[step].figures
    }
    return {
        "version": VERSION, "rack": rack.id, "verdict": found.word, "told": found.told(rack),
        "held": sorted(found.held), "made_by": made.by, "began_at": rfc3339(made.began_ms),
        "ended_at": rfc3339(made.ended_ms), "sku": made.sku, "hands": list(made.hands),
        "cdu": rack.cdu, "nodes": list(rack.nodes), "gpus": list(rack.gpus),
        "findings": [_finding(f) for f in found.findings],
        "steps": [
            {"name": o.step, "line": BY_NAME[o.step].line, "result": o.result.value,
             "findings": [_finding(f) for f in o.findings], "figures": dict(o.figures)}
            for o in outcomes
        ],
        "phases": [
            {"name": s.phase, "begin_at": rfc3339(s.begin_ms), "ticks": s.ticks, "tick_s": s.tick_s, "marks_s": dict(s.marks)}
            for s in evidence.spans.values()
        ],
        "sensors": _sensors(evidence, limits, outcomes), "sure": _sure(evidence), "baseline": baseline | measured(evidence, limits),
        "limits": msgspec.to_builtins(limits),
    }  # fmt: skip


def sealed(told: Mapping[str, Any], signer: Signer) -> str:
    """The text of a certificate's file."""
    inside = plain(dict(told))
    signature = {
        "algorithm": ALGORITHM, "key": signer.public, "value": signer.sign(_canonical(inside).encode()),
    }  # fmt: skip
    return _canonical({"certificate": inside, "signature": signature}) + "\n"


def verify(path: Path, public: str | None = None) -> dict[str, Any]:
    """What a certificate says, when it is genuine.

    Parameters
    ----------
    public
        The key that must have signed it; None takes the one in the file, which says only that nothing was changed since.

    Raises
    ------
    Failure
        It is not what was signed, or another key signed it.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}", BAD_INPUT) from None
    refused = Failure(f"{path}: is not what was signed; trust nothing in it")
    try:
        text = raw.decode()
        told = json.loads(text)
        inside, signature = told["certificate"], told["signature"]
        key, value = str(signature["key"]), str(signature["value"])
        same = _canonical(told) + "\n" == text
    except (ValueError, KeyError, TypeError, RecursionError):
        raise refused from None
    if not same or signature.get("algorithm") != ALGORITHM or not isinstance(inside, dict):
        raise refused
    if not genuine(_canonical(inside).encode(), value, key):
        raise refused
    if public is not None and key != public:
        raise Failure(f"{path}: is genuine, but another key signed it ({key})")
    return {**inside, "key": key}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)  # fmt: skip


def _finding(f: Finding) -> dict[str, Any]:
    return {**asdict(f), "result": f.result.value}


def _sensors(evidence: Evidence, limits: Limits, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Which readings each step rests on, and of how many devices they were there."""
    out: dict[str, Any] = {}
    for o in outcomes:
        step = BY_NAME[o.step]
        for phase in step.phases:
            if phase not in evidence.spans:
                continue
            for need in step.needs:
                count = len(evidence.rack.ids(need.kind))
                good = present(evidence.spans[phase], need, count, limits.coverage_ratio)
                name = f"{need.kind.word}.{need.metric}"
                out.setdefault(name, {"of": count})[phase] = int(good.sum())
    return out


def _sure(evidence: Evidence) -> dict[str, Any]:
    """Standard deviations of what was measured: scatter over the ticks, and whole degrees where they do not average out."""
    out: dict[str, Any] = {}
    if "full" in evidence.spans:
        span = evidence.spans["full"].settled()
        gpu_c, power = gpu(span, evidence, "gpu_c"), mean(gpu(span, evidence, "power_w"))
        scatter = np.sqrt(mean((gpu_c - mean(gpu_c)) ** 2) / max(span.ticks, 1))
        out["r_k_per_w"] = round(middle(np.hypot(scatter, _ROUNDING_K) / power), 6)
    if "idle" in evidence.spans:
        flow = node(evidence.spans["idle"], evidence, "node_flow_lpm")
        scatter = np.sqrt(mean((flow - mean(flow)) ** 2) / max(len(flow), 1))
        out["node_flow_ratio"] = round(middle(scatter / mean(flow)), 5)
    return out
