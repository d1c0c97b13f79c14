"""What a coolant fault of a rack does to its GPUs: who heats up, who throttles when.

Reads the engine's newest values; says nothing about causes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coldplate.streams.case import FORECAST
from coldplate.streams.engine import Engine
from coldplate.streams.forecast import seconds_to_limit
from coldplate.streams.heading import STAYS, Heading, heading
from coldplate.wire.incident import Evidence
from coldplate.wire.metric import Kind


@dataclass(frozen=True, slots=True)
class Heat:
    """State of a rack's GPUs under a coolant fault.

    Parameters
    ----------
    flow_lpm, supply_c
        Of the rack's CDU; NaN where it says nothing.
    throttle_at_ms
        When the first GPU will have used up its margin; None when none will within the horizon, or when a pump
        is starting and nobody can tell yet how far it will come.
    evidence
        One a GPU that will throttle or has, most urgent first.
    """

    flow_lpm: float
    supply_c: float
    throttle_at_ms: int | None
    evidence: tuple[Evidence, ...]

    @property
    def gpus(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(e.subject for e in self.evidence)


FORECAST_RACKS_MAX = 2
"""Of many racks those are forecast whose GPUs have the least margin: they are the first, and a forecast costs
milliseconds."""

RISE_TICKS = 10
"""The supply's slope is taken over so many ticks: by a meter's 0.02 K it is known to 0.002 K/s."""

RISE_MIN_C_PER_S = 0.03
"""A slower supply moves a GPU by less than 6 K within the forecast's horizon."""


def heat_of(engine: Engine, racks: Sequence[str], fault_ms: int) -> Heat:
    """Forecast for the GPUs of some racks: of one, or of those of many that are nearest to their limit.

    Parameters
    ----------
    fault_ms
        First tick that showed the fault.
    """
    if len(racks) > FORECAST_RACKS_MAX:
        racks = _nearest(engine, racks)
    heats = [heat_of_rack(engine, rack, fault_ms) for rack in racks]
    if len(heats) == 1:
        return heats[0]
    at = [h.throttle_at_ms for h in heats if h.throttle_at_ms is not None]
    evidence = tuple(e for h in heats for e in h.evidence)
    return Heat(float("nan"), float("nan"), min(at, default=None), evidence)


def _nearest(engine: Engine, racks: Sequence[str]) -> list[str]:
    rows_of = engine.fleet.tables[Kind.GPU].rows_of_rack
    counts = [len(rows_of.get(rack, ())) for rack in racks]
    rows = [row for rack in racks for row in rows_of.get(rack, ())]
    if not rows:
        return []
    margin = np.nan_to_num(engine.latest(Kind.GPU, "margin_c", rows), nan=np.inf)
    least, start = [], 0
    for rack, count in zip(racks, counts, strict=True):
        if count:
            least.append((float(margin[start : start + count].min()), rack))
        start += count
    return [rack for _, rack in sorted(least)[:FORECAST_RACKS_MAX]]


def heat_of_rack(engine: Engine, rack: str, fault_ms: int) -> Heat:
    """Forecast for all GPUs of a rack from their newest values.

    Parameters
    ----------
    fault_ms
        First tick that showed the fault. GPU values older than it are taken as they were until then.
    """
    gpus = engine.fleet.tables[Kind.GPU]
    cdus = engine.fleet.tables[Kind.CDU].rows_of_rack.get(rack, [])
    rows = gpus.rows_of_rack.get(rack, [])
    flow = supply = float("nan")
    if cdus:
        flow = float(engine.latest(Kind.CDU, "flow_lpm", cdus[:1])[0])
        supply = float(engine.latest(Kind.CDU, "supply_c", cdus[:1])[0])
    if not rows or np.isnan(flow) or np.isnan(supply):
        return Heat(flow, supply, None, ())
    gpu_c, margin, power = (
        engine.latest(Kind.GPU, name, rows) for name in ("gpu_c", "margin_c", "power_w")
    )
    told = np.isfinite(gpu_c) & np.isfinite(margin) & np.isfinite(power)
    # Also a GPU that tells nothing is cooled.
    share = np.full(len(rows), flow / len(rows))
    goes = _heading(engine, cdus[0])
    if goes is None:
        return Heat(flow, supply, None, ())
    seconds = seconds_to_limit(
        np.where(told, gpu_c, 0.0), np.where(told, margin, 1e6), np.where(told, power, 0.0),
        supply, share, flow_end_lpm=None if goes is STAYS else goes.ratio * share, flow_tau_s=goes.tau_s,
        supply_rise_c_per_s=_rise(engine, cdus[0]),
    )  # fmt: skip
    seconds[~told] = np.nan
    t_ms = engine.newest_tick_ms(Kind.GPU, rows)
    at_ms = np.maximum(t_ms, fault_ms) + 1000.0 * seconds
    order = [i for i in np.argsort(at_ms, kind="stable") if np.isfinite(at_ms[i])]
    evidence = tuple(_evidence(gpus.ids[rows[i]], t_ms[i], margin[i], at_ms[i]) for i in order)
    first = int(at_ms[order[0]]) if order else None
    return Heat(flow, supply, first, evidence)


def _rise(engine: Engine, cdu: int) -> float:
    """How fast the supply grows warmer, K/s; 0 where it does not, or not much."""
    supply = engine.recent(Kind.CDU, "supply_c", cdu, RISE_TICKS)
    told = np.flatnonzero(np.isfinite(supply))
    if len(told) < RISE_TICKS // 2:
        return 0.0
    per_tick = float(np.polynomial.polynomial.polyfit(told, supply[told], 1)[1])
    rise = per_tick / max(engine.tick_s(Kind.CDU, cdu), 1e-3)
    return rise if rise >= RISE_MIN_C_PER_S else 0.0


def _heading(engine: Engine, cdu: int) -> Heading | None:
    pumps = [engine.recent(Kind.CDU, f"pump{n}_rpm", cdu, 3) for n in (1, 2)]
    usual = max((engine.baseline(Kind.CDU, cdu, f"pump{n}_rpm") for n in (1, 2)), default=0.0)
    return heading([p.tolist() for p in pumps], usual, engine.tick_s(Kind.CDU, cdu))


def _evidence(gpu: str, t_ms: int, margin: float, at_ms: float) -> Evidence:
    left_s = (at_ms - t_ms) / 1000.0
    note = "has no margin left" if margin <= 0 else f"margin used up in {left_s:.0f} s"
    return Evidence(FORECAST, gpu, "margin_c", int(t_ms), round(float(margin), 1), 0.0, None, note)
