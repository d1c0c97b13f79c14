"""The contract of an acceptance: what a step is, what it needs, and what it may say.

A step passes, fails with cause, subject and what to do, or is not measurable. What could not be measured is never a
pass: a sensor that is absent, or falls silent in the middle, holds its device back as a fault does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.wire.metric import Kind, metric

Figures = Mapping[str, Any]
"""Numbers by name, or lists of them, as JSON has them."""

NOT_MEASURED = "not-measured"
"""Cause of what is not measurable for want of samples."""


class Result(StrEnum):
    """Of a step, or of a device in it."""

    PASS = "pass"  # noqa: S105  no password
    FAIL = "fail"
    NOT_MEASURABLE = "not-measurable"


@dataclass(frozen=True, slots=True)
class Need:
    """A reading that a step cannot do without, of every device of a kind."""

    kind: Kind
    metric: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or that is not known.

    Parameters
    ----------
    cause
        A word of `causes.py`.
    subject
        Id of the device.
    what
        What was seen, for a person.
    do
        What to do about it.
    value, limit
        The number and what it was held against; None where there is none.
    result
        `fail` or `not-measurable`.
    """

    cause: str
    subject: str
    what: str
    do: str
    value: float | None = None
    limit: float | None = None
    result: Result = Result.FAIL


@dataclass(frozen=True, slots=True)
class Judged:
    """What a step's physics says: what is wrong, and the figures behind it."""

    findings: Sequence[Finding] = ()
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Parameters
    ----------
    name, line
        What it is called, and what it shows, in one line.
    phases
        Spans that it reads.
    needs
        Readings without which it is not measurable, in all of its phases.
    judge
        Pure: the same evidence and limits give the same answer.
    """

    name: str
    line: str
    phases: tuple[str, ...]
    needs: tuple[Need, ...]
    judge: Callable[[Evidence, Limits], Judged]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step."""

    step: str
    result: Result
    findings: tuple[Finding, ...]
    figures: Figures


def run_step(step: Step, evidence: Evidence, limits: Limits) -> Outcome:
    """Judge one step.

    Without one of its phases it is not measurable at all; a device that lacks a needed reading is not measurable, unless
    the step finds a fault on it anyway.
    """
    lacking = [p for p in step.phases if p not in evidence.spans or not evidence.spans[p].ticks]
    if lacking:
        none = _unmeasured(evidence.rack.id, f"nothing was recorded of {', '.join(lacking)}")
        return Outcome(step.name, Result.NOT_MEASURABLE, (none,), {})
    judged = step.judge(evidence, limits)
    failed = {f.subject for f in judged.findings}
    missing = [f for f in _missing(step, evidence, limits) if f.subject not in failed]
    findings = (*judged.findings, *missing)
    results = {f.result for f in findings}
    result = (
        Result.FAIL if Result.FAIL in results else Result.NOT_MEASURABLE if results else Result.PASS
    )
    return Outcome(step.name, result, findings, judged.figures)


def present(span: Span, need: Need, devices: int, coverage_ratio: float) -> NDArray[np.bool_]:
    """Of each device, whether a reading was there throughout: fast ones in nearly all ticks, slow ones until the end."""
    there = ~np.isnan(span.get(need.kind, need.metric, devices))
    if metric(need.kind, need.metric).rate == "slow":
        ever: NDArray[np.bool_] = np.any(there[len(there) // 2 :], axis=0)
        return ever
    # The last fifth alone too: what fell silent near the end is not known then.
    ended = there[-max(1, len(there) // 5) :]
    good: NDArray[np.bool_] = np.logical_and(
        np.mean(there, axis=0) >= coverage_ratio, np.mean(ended, axis=0) >= 0.5
    )
    return good


def _missing(step: Step, evidence: Evidence, limits: Limits) -> list[Finding]:
    """One finding a device, with all that it lacks."""
    lacks: dict[str, list[str]] = {}
    for phase in step.phases:
        for need in step.needs:
            ids = evidence.rack.ids(need.kind)
            good = present(evidence.spans[phase], need, len(ids), limits.coverage_ratio)
            for i in np.flatnonzero(~good):
                said = lacks.setdefault(ids[i], [])
                if (word := f"{need.metric} in {phase}") not in said:
                    said.append(word)
    return [_unmeasured(i, f"absent or broken off: {', '.join(w)}") for i, w in lacks.items()]


def _unmeasured(subject: str, what: str) -> Finding:
    do = "see that its sensor and agent send, and repeat the step"
    return Finding(NOT_MEASURED, subject, what, do, result=Result.NOT_MEASURABLE)
