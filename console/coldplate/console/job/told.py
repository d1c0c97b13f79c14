"""A job's report for a program: one object, units in the names, null where nothing is known."""

from typing import Any

from coldplate.console.job.bands import Bands, Point
from coldplate.console.job.report import Report

STRAGGLERS_MAX, GPUS_MAX = 200, 10_000


def told(r: Report) -> dict[str, Any]:
    """All of it."""
    job, m = r.job, r.measured
    return {
        "job": job.name, "user": job.users[0] if job.users else None, "users": list(job.users),
        "running": job.running, "at_ms": r.at_ms, "begin_ms": job.begin_ms,
        "end_ms": None if job.running else job.end_ms, "wall_s": (job.end_ms - job.begin_ms) / 1000,
        "runs": [{"begin_ms": a, "end_ms": b} for a, b in job.runs()],
        "gpus": len(job.gpus), "gpu_ids": job.gpus[:GPUS_MAX], "gpus_not_in_inventory": len(job.unknown),
        "nodes": len(job.nodes), "racks": job.racks, "gpu_h": r.gpu_h,
        "energy": {
            "used_j": r.energy.used_j, "kwh": r.kwh, "source": r.energy.source, "seen_ratio": r.energy.seen_ratio,
            "power_w": r.power_w, "j_per_gpu_h": r.j_per_gpu_h,
        },
        "efficiency": _efficiency(r), "bands": _bands(r.bands),
        "held": None if r.held is None else {
            "ratio": r.held.ratio, "by_cause_ratio": r.held.by_cause, "by_heat_ratio": r.held.by_heat, "source": r.held.source,
        },
        "stragglers": None if m is None else [
            {"gpu": s.gpu, "below_ratio": s.below} for s in r.stragglers[:STRAGGLERS_MAX]
        ],
        "swings": None if m is None or m.median("swing_w") is None else {
            "swing_w": m.median("swing_w"), "swing_most_w": m.highest("swing_most_w"), "swing_hz": m.median("swing_hz"),
        },
        "incidents": [
            {
                "id": i.id, "kind": i.kind, "subject": i.subject, "severity": i.severity, "state": i.state,
                "opened_at": i.opened_at, "closed_at": i.closed_at, "cause": i.cause, "touched": i.touched, "names": list(i.names),
            }
            for i in r.incidents
        ],
        "events": [{"kind": h.kind, "code": h.code, "gpu": h.gpu, "t": h.t, "times": h.times} for h in r.events],
        "gpus_lost": list(r.lost),
        "shared": {"jobs": list(r.sharing.jobs), "gpus": len(r.sharing.shares)},
        "earlier": _earlier(r), "missing": r.missing(), "took_s": round(r.took_s, 3),
    }  # fmt: skip


def _efficiency(r: Report) -> dict[str, Any] | None:
    m = r.measured
    if m is None:
        return None
    return {
        "gpu_util_ratio": m.mean("gpu_util_ratio"), "sm_clock_mhz": m.mean("sm_clock_mhz"), "gpu_c": m.mean("gpu_c"),
        "hottest_c": m.highest("hottest_c"), "hottest_gpu": m.hottest(), "hbm_hottest_c": m.highest("hbm_hottest_c"),
        "margin_least_c": m.lowest("margin_least_c"), "power_low_w": m.lowest("power_low_w"),
        "power_high_w": m.highest("power_high_w"), "peak_w": m.highest("peak_w"),
        "mem_used_bytes": m.mean("mem_used_bytes"), "mem_most_bytes": m.highest("mem_most_bytes"),
        "source": m.tier, "gpus": m.gpus, "of": m.of,
    }  # fmt: skip


def _bands(b: Bands | None) -> dict[str, Any] | None:
    if b is None:
        return None
    return {
        "begin_ms": b.begin_ms, "step_ms": b.step_ms, "numbers": list(b.numbers), "source": b.tier, "gpus": b.gpus, "of": b.of,
        **{metric: [_point(p) for p in points] for metric, points in b.points.items()},
    }  # fmt: skip


def _point(p: Point) -> dict[str, float | None]:
    return {"p5": p.p5, "p50": p.p50, "p95": p.p95, "min": p.lowest, "max": p.highest}


def compared(r: Report) -> list[tuple[str, float | None, float | None]]:
    """Figure, this job's, the median of the earlier ones."""
    if r.earlier is None or not r.earlier.jobs:
        return []
    m = r.measured
    mine = {
        "gpus": float(len(r.job.gpus)), "wall_s": (r.job.end_ms - r.job.begin_ms) / 1000, "gpu_h": r.gpu_h,
        "power_w": r.power_w, "gpu_util_ratio": None if m is None else m.mean("gpu_util_ratio"),
        "hottest_c": None if m is None else m.highest("hottest_c"),
    }  # fmt: skip
    return [(name, value, r.earlier.median(name)) for name, value in mine.items()]


def ratio(mine: float | None, other: float | None) -> float | None:
    """This one over the others; None where one is not known, or is nothing."""
    return None if mine is None or not other else mine / other


def _earlier(r: Report) -> dict[str, Any] | None:
    if r.earlier is None:
        return None
    return {
        "jobs": [j.job for j in r.earlier.jobs],
        "median": {name: other for name, _, other in compared(r)},
        "ratio": {name: ratio(mine, other) for name, mine, other in compared(r)},
    }
