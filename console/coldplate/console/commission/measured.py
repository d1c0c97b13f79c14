"""What an acceptance measured that detection can begin with: each load's figures of every GPU, and of the loop of either pump.

Figures and not lines or curves: what a detector makes of them is learnt.py's, and changes with detectors, while a
certificate stays.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import LOADS, gpu, mean
from coldplate.console.commission.steps.pumps import TICKS_MIN, heads
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

OF_GPU = ("power_w", "mem_util_ratio", "hbm_c", "margin_c", "gpu_c")
OF_PUMP = ("flow_lpm", "filter_kpa_delta", "supply_c", "return_c")
OF_EXCHANGER = (
    "flow_lpm",
    "return_c",
    "facility_supply_c",
    "facility_return_c",
    "facility_flow_lpm",
)


def measured(evidence: Evidence, limits: Limits) -> dict[str, Any]:
    """Parts of a certificate's baseline: `loads`, `pumps` and `exchanger`; what was not measured is left out or None."""
    out: dict[str, Any] = {}
    if loads := {name: _load(evidence, name) for name in LOADS if name in evidence.spans}:
        out["loads"] = loads
    if "full" in evidence.spans:
        full = evidence.spans["full"].settled()
        out["exchanger"] = {m: _number(full.get(Kind.CDU, m)[:, 0]) for m in OF_EXCHANGER}
        spans = [full, *([evidence.spans["failover"]] if "failover" in evidence.spans else [])]
        out["pumps"] = [_pump(spans, evidence, limits, n) for n in (0, 1)]
    return out


def _load(evidence: Evidence, phase: str) -> dict[str, Any]:
    """Of every GPU, means of a load at rest; temperatures above the supply of the same tick where that is what counts."""
    span = evidence.spans[phase].settled()
    of = {m: mean(gpu(span, evidence, m)) for m in OF_GPU}
    above = mean(gpu(span, evidence, "gpu_c") - span.get(Kind.CDU, "supply_c"))
    listed = {m: _numbers(values) for m, values in of.items()} | {"above_supply_k": _numbers(above)}
    return {"supply_c": _number(span.get(Kind.CDU, "supply_c")[:, 0]), **listed}


def _pump(spans: Sequence[Span], evidence: Evidence, limits: Limits, pump: int) -> Mapping[str, float | None] | None:  # fmt: skip
    """Means of the ticks in which a pump ran alone; None without enough of them."""
    alone = [~np.isnan(heads(span, evidence, limits)[pump]) for span in spans]

    def of(metric: str) -> F64:
        return np.concatenate([s.get(Kind.CDU, metric)[a, 0] for s, a in zip(spans, alone, strict=True)])  # fmt: skip

    if sum(int(a.sum()) for a in alone) < TICKS_MIN:
        return None
    delta = of("supply_kpa") - of("return_kpa")
    readings = {m: of(m) for m in OF_PUMP} | {"delta_kpa": delta, "rpm": of(f"pump{pump + 1}_rpm")}
    return {m: _number(values) for m, values in readings.items()}


def _numbers(values: F64) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 3) for v in values]


def _number(samples: F64) -> float | None:
    there = samples[~np.isnan(samples)]
    return round(float(there.mean()), 4) if there.size else None
