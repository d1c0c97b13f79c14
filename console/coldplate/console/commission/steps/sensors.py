"""Every reading that later steps need is there, and can be true.

Plausible are the ranges of water and power in which a rack can be at all; a value outside is of the instrument.
"""

import numpy as np

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import highest, lowest
from coldplate.console.commission.procedure import Finding, Judged, Need, Step, present
from coldplate.wire.metric import Kind

PHASE = "idle"
RANGES = {
    (Kind.GPU, "gpu_c"): (5.0, 95.0), (Kind.GPU, "hbm_c"): (5.0, 100.0), (Kind.GPU, "power_w"): (20.0, 1000.0),
    (Kind.GPU, "swing_w"): (0.0, 1000.0), (Kind.GPU, "sm_clock_mhz"): (100.0, 3000.0),
    (Kind.GPU, "clock_event_reasons"): (0.0, 4095.0),
    (Kind.GPU, "ecc_corrected_total"): (0.0, 1e12), (Kind.GPU, "ecc_uncorrected_total"): (0.0, 1e9),
    (Kind.GPU, "remap_pending"): (0.0, 1.0), (Kind.GPU, "pcie_gen"): (1.0, 7.0), (Kind.GPU, "pcie_width"): (1.0, 16.0),
    (Kind.NODE, "node_power_w"): (200.0, 20_000.0), (Kind.NODE, "node_flow_lpm"): (0.0, 60.0),
    (Kind.CDU, "supply_c"): (5.0, 60.0), (Kind.CDU, "return_c"): (5.0, 80.0), (Kind.CDU, "flow_lpm"): (0.0, 2000.0),
    (Kind.CDU, "supply_kpa"): (80.0, 1000.0), (Kind.CDU, "return_kpa"): (80.0, 1000.0),
    (Kind.CDU, "pump1_rpm"): (0.0, 10_000.0), (Kind.CDU, "pump2_rpm"): (0.0, 10_000.0),
    (Kind.CDU, "filter_kpa_delta"): (0.0, 500.0), (Kind.CDU, "facility_supply_c"): (2.0, 60.0),
    (Kind.CDU, "facility_return_c"): (2.0, 80.0), (Kind.CDU, "leak"): (0.0, 1.0), (Kind.CDU, "dew_point_c"): (-30.0, 40.0),
}  # fmt: skip


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    span, findings, there = evidence.spans[PHASE], [], 0
    absent: dict[str, list[str]] = {}
    for (kind, name), (low, high) in RANGES.items():
        ids = evidence.rack.ids(kind)
        samples = span.get(kind, name, len(ids))
        good = present(span, Need(kind, name), len(ids), limits.coverage_ratio)
        there += int(good.sum())
        for i in np.flatnonzero(~good):
            absent.setdefault(ids[i], []).append(name)
        least, most = lowest(samples), highest(samples)
        for i in np.flatnonzero(good & ((least < low) | (most > high))):
            value = float(most[i] if most[i] > high else least[i])
            what = f"{name} reads {value:g}, which is not within {low:g} to {high:g}"
            findings.append(
                Finding("implausible", ids[i], what, do("implausible", ids[i]), value, high)
            )
    for subject, names in absent.items():
        what = f"absent or broken off: {', '.join(names)}"
        findings.append(Finding("missing-sensor", subject, what, do("missing-sensor", subject)))
    return Judged(findings, {"readings": there})


STEP = Step(
    "sensors", "every reading is there and can be true", (PHASE,),
    # The step itself finds what is absent; without any of these there is nothing to find.
    (Need(Kind.GPU, "power_w"), Need(Kind.CDU, "supply_c")), _judge,
)  # fmt: skip
