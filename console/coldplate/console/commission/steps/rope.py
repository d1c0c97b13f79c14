"""The leak rope is tried wet: dry before, and it tells within its time once somebody wets it."""

import numpy as np

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

PHASE, WET = "rope", "wet"


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, cdu = evidence.spans[PHASE], evidence.rack.cdu
    if WET not in span.marks:
        none = Finding(NOT_MEASURED, cdu, "nobody said when the rope was wetted", "wet it, and repeat the step",
                       result=Result.NOT_MEASURABLE)  # fmt: skip
        return Judged((none,))
    at = round(span.marks[WET] / span.tick_s)
    reads = span.get(Kind.CDU, "leak")[:, 0]
    wet = reads >= 0.5
    if wet[: max(at, 1)].any():
        what = "it told of a leak before it was wetted"
        return Judged((Finding("false-rope", cdu, what, do("false-rope", cdu)),))
    told = np.flatnonzero(wet[at:])
    after_s = float(told[0]) * span.tick_s if told.size else None
    if after_s is None and np.isnan(reads[at:]).any():
        # A rope that is not read is not known to be dry.
        return Judged()
    if after_s is None or after_s > limits.rope_s:
        what = (
            "it did not tell when it was wetted"
            if after_s is None
            else f"it took {after_s:.0f} s to tell"
        )
        return Judged(
            (Finding("dry-rope", cdu, what, do("dry-rope", cdu), after_s, limits.rope_s),)
        )
    return Judged((), {"told_after_s": after_s})


STEP = Step("rope", "the leak rope tells when it is wetted", (PHASE,), (Need(Kind.CDU, "leak"),), _judge)  # fmt: skip
