"""What a coolant fault of a rack does to its GPUs: who heats up, who throttles when.

Reads the engine's newest values; says nothing about causes.
"""

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
    )  # fmt: skip
    seconds[~told] = np.nan
    t_ms = engine.newest_tick_ms(Kind.GPU, rows)
    at_ms = np.maximum(t_ms, fault_ms) + 1000.0 * seconds
    order = [i for i in np.argsort(at_ms, kind="stable") if np.isfinite(at_ms[i])]
    evidence = tuple(_evidence(gpus.ids[rows[i]], t_ms[i], margin[i], at_ms[i]) for i in order)
    first = int(at_ms[order[0]]) if order else None
    return Heat(flow, supply, first, evidence)


def _heading(engine: Engine, cdu: int) -> Heading | None:
    pumps = [engine.recent(Kind.CDU, f"pump{n}_rpm", cdu, 3) for n in (1, 2)]
    usual = max((engine.baseline(Kind.CDU, cdu, f"pump{n}_rpm") for n in (1, 2)), default=0.0)
    return heading([p.tolist() for p in pumps], usual, engine.tick_s(Kind.CDU, cdu))


def _evidence(gpu: str, t_ms: int, margin: float, at_ms: float) -> Evidence:
    left_s = (at_ms - t_ms) / 1000.0
    note = "has no margin left" if margin <= 0 else f"margin used up in {left_s:.0f} s"
    return Evidence(FORECAST, gpu, "margin_c", int(t_ms), round(float(margin), 1), 0.0, None, note)
