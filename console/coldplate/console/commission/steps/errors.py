"""Errors under load: memory, links, XIDs, each against a rate, or against none at all."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.causes import do
from coldplate.console.commission.evidence import Evidence, Span
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.measure import first, gpu, highest, last, listed, middle
from coldplate.console.commission.procedure import Finding, Judged, Need, Step
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]
PHASES = ("full", "soak")


def grown(span: Span, evidence: Evidence, metric: str) -> F64:
    """What a counter of each GPU gained; one that began anew counts from 0."""
    samples = gpu(span, evidence, metric)
    begin, end = first(samples), last(samples)
    return np.where(end < begin, end, end - begin)


def errors_of(span: Span, evidence: Evidence, limits: Limits) -> Iterator[Finding]:
    """What the counters and events of one span say."""
    hours = max(span.hours, 1e-9)
    rates = (
        ("marginal-hbm", "ecc_corrected_total", "corrected memory errors", limits.ecc_corrected_per_h),
        ("degraded-pcie", "pcie_replay_total", "PCIe replays", limits.pcie_replay_per_h),
        ("bad-nvlink", "nvlink_errors_total", "NVLink errors", limits.nvlink_errors_per_h),
    )  # fmt: skip
    for cause, metric, word, most in rates:
        per_h = grown(span, evidence, metric) / hours
        for i in np.flatnonzero(per_h > most):
            yield _said(cause, evidence.rack.gpus[i], f"{per_h[i]:,.0f} {word} an hour", float(per_h[i]), most)  # fmt: skip
    uncorrected = grown(span, evidence, "ecc_uncorrected_total")
    pending = np.fmax(*(highest(gpu(span, evidence, m)) for m in ("remap_pending", "remap_failed")))
    for i in np.flatnonzero((uncorrected > 0) | (pending > 0)):
        what = f"{np.nan_to_num(uncorrected[i]):.0f} errors not corrected, row remap {'pending or failed' if pending[i] > 0 else 'not pending'}"
        yield _said("marginal-hbm", evidence.rack.gpus[i], what, float(uncorrected[i]), 0.0)
    yield from links(span, evidence, limits)
    yield from xids(span, limits)


def links(span: Span, evidence: Evidence, limits: Limits) -> Iterator[Finding]:
    """PCIe width and generation as they are under load, and NVLinks that are up where the driver tells."""
    width, gen = (last(gpu(span, evidence, m)) for m in ("pcie_width", "pcie_gen"))
    for i in np.flatnonzero((width < limits.pcie_width) | (gen < limits.pcie_gen)):
        what = f"PCIe is generation {gen[i]:.0f} with {width[i]:.0f} lanes"
        yield _said("degraded-pcie", evidence.rack.gpus[i], what, float(width[i]), limits.pcie_width)  # fmt: skip
    up = last(gpu(span, evidence, "nvlink_active_links"))
    usual = middle(up)
    for i in np.flatnonzero(up < usual):
        what = f"{up[i]:.0f} NVLinks are up, {usual:.0f} on its peers"
        yield _said("bad-nvlink", evidence.rack.gpus[i], what, float(up[i]), usual)


def xids(span: Span, limits: Limits) -> Iterator[Finding]:
    """XIDs that no test of ours makes; those of memory and of a lost GPU have their own causes."""
    causes = {48: "marginal-hbm", 63: "marginal-hbm", 64: "marginal-hbm", 92: "marginal-hbm", 94: "marginal-hbm", 95: "marginal-hbm", 74: "bad-nvlink", 79: "gpu-lost"}  # fmt: skip
    for e in span.events:
        if e.kind == "xid" and e.code not in limits.xid_allowed:
            cause = causes.get(e.code or 0, "xid")
            yield _said(cause, e.subject, f"XID {e.code}: {e.text[:120]}", None, None)


def _said(cause: str, subject: str, what: str, value: float | None, limit: float | None) -> Finding:
    return Finding(cause, subject, what, do(cause, subject), value, limit)


def _judge(evidence: Evidence, limits: Limits) -> Judged:
    findings: dict[tuple[str, str], Finding] = {}
    for phase in PHASES:
        for f in errors_of(evidence.spans[phase], evidence, limits):
            findings.setdefault((f.cause, f.subject), f)
    corrected = sum(grown(evidence.spans[p], evidence, "ecc_corrected_total") for p in PHASES)
    return Judged(tuple(findings.values()), {"ecc_corrected": listed(np.asarray(corrected), 0)})


STEP = Step(
    "errors", "memory, PCIe, NVLink and XIDs under load", PHASES,
    tuple(Need(Kind.GPU, m) for m in ("ecc_corrected_total", "ecc_uncorrected_total", "remap_pending", "pcie_replay_total",
                                      "nvlink_errors_total", "pcie_width", "pcie_gen")), _judge,
)  # fmt: skip
