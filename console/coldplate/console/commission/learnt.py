"""Of a certificate to what detectors begin with where they have learnt nothing yet.

A fault that is there from a detector's first look on is what it takes for usual, and one that grows from then on takes
its baseline along. What an acceptance measured is from before: the slow things that a certificate knows (the line of each
GPU's warming and of its memory's, each node's flow, filter, exchanger, both pumps' curves) are given to their detectors, as
if they had learnt them for a short while: trusted less than what a detector has learnt itself, so that a device that is
merely a little different in operation is soon known by what it shows.

What acceptance found fault with, or could not measure, gives nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.measure import LOADS
from coldplate.streams.detectors import hbm, thermal_path
from coldplate.streams.detectors.blocks import BLOCK_S
from coldplate.streams.detectors.branch import NodeFlow
from coldplate.streams.detectors.exchanger import ExchangerFouling
from coldplate.streams.detectors.filter import FilterClog
from coldplate.streams.detectors.pump_wear import PumpWear
from coldplate.streams.regression import NAMES, Lines, Prior
from coldplate.streams.water import Loop, capacity_w_per_k, conductance_w_per_k, viscous
from coldplate.wire.baseline import Baselines, Block, Learnt, packed

F64 = NDArray[np.float64]
Told = Mapping[str, Any]

KEYS = ("rack", "verdict", "cdu", "gpus", "nodes", "held", "findings", "baseline")

DETECTORS = frozenset({
    thermal_path.ThermalPath().name, hbm.HbmHotSpot().name, NodeFlow().name, FilterClog().name, ExchangerFouling().name,
    *(PumpWear(n).name for n in (1, 2)),
})  # fmt: skip
"""Who begins with a certificate's figures."""

BLOCKS = 10.0
"""Each load counts as so many blocks of a detector's own, one minute: it was measured for longer, but readings are whole
degrees, whose error does not average out at rest, and what differs between a test and operation is not known."""

LINE_K2, HBM_K2 = 0.09, 0.5
"""Variance of a block's observation, as both detectors have it."""

AGE_S = 1800.0
"""Age that an average of a certificate counts for; a detector that learnt it itself has six hours of it."""


def begins_with(told: Told, cluster: str, t_ms: int) -> Baselines | None:
    """What detection may begin with; None where the certificate gives nothing.

    Parameters
    ----------
    told
        `KEYS` of a certificate's body.
    cluster
        Whose.
    t_ms
        When it was measured, Unix milliseconds.
    """
    if told["verdict"] == "held":
        return None
    blamed = {str(f["subject"]) for f in told["findings"]}
    blocks = [b for b in (_gpus(told), _nodes(told, blamed, t_ms), _unit(told, blamed, t_ms)) if b]
    return Baselines(cluster, str(told["rack"]), t_ms, tuple(blocks)) if blocks else None


def _gpus(told: Told) -> Block | None:
    """Lines of every GPU that is not held back."""
    loads: Told = told["baseline"].get("loads", {})
    held, gpus = set(told["held"]), tuple(told["gpus"])
    free = np.array([g not in held for g in gpus], np.bool_)
    if not free.any() or any(load not in loads for load in LOADS):
        return None

    def of(load: str, metric: str) -> F64:
        return np.where(free, _array(loads[load].get(metric), len(gpus)), np.nan)

    def over_loads(value: Callable[[str], F64]) -> F64:
        return np.array([value(load) for load in LOADS])

    path = thermal_path.ThermalPath().name
    x_w = over_loads(lambda n: of(n, "power_w") - thermal_path.HBM_W * of(n, "mem_util_ratio"))
    lines = _line(x_w, over_loads(lambda n: of(n, "above_supply_k")), thermal_path.R_K_PER_W, LINE_K2)  # fmt: skip
    supply = np.where(np.isfinite(lines.slope), _array([loads[LOADS[-1]].get("supply_c")], 1), np.nan)  # fmt: skip
    learnt = [*_of_line(path, lines), Learnt(path, "supply", "", packed(supply))]

    def apart_k(load: str) -> F64:
        margin = of(load, "margin_c")
        return of(load, "hbm_c") - np.where(np.isfinite(margin), hbm.LIMIT_C - margin, of(load, "gpu_c"))  # fmt: skip

    x_w = over_loads(lambda n: of(n, "power_w") - hbm.HBM_W * of(n, "mem_util_ratio"))
    lines = _line(x_w, over_loads(apart_k), hbm.K_PER_W, HBM_K2)
    learnt += _of_line(hbm.HbmHotSpot().name, lines)
    return Block("gpu", gpus, tuple(learnt))


def _line(x: F64, y: F64, prior: Prior, variance: float) -> Lines:
    """A line a GPU through its loads, shape (loads, GPUs); NaN where one of them is missing."""
    count = x.shape[1]
    first = (prior.slope, prior.offset, prior.slope_sd**2, 0.0, prior.offset_sd**2, 0.0)
    lines = Lines(*(np.full(count, v) for v in first))
    known = np.asarray(np.isfinite(x + y).all(axis=0), np.bool_)
    noise = np.full(count, variance / BLOCKS)
    for at, of in zip(x, y, strict=True):
        lines = lines.learn(at, of, noise, known, 0.0)
    lines = replace(lines, seen=np.full(count, BLOCKS * len(x)))
    return Lines(*(np.where(known, getattr(lines, n), np.nan) for n in NAMES))


def _of_line(detector: str, lines: Lines) -> list[Learnt]:
    seen = packed(lines.seen)
    age = packed(lines.seen * BLOCK_S)
    return [Learnt(detector, n, "", packed(getattr(lines, n)), age, b"", seen) for n in NAMES]


def _nodes(told: Told, blamed: set[str], t_ms: int) -> Block | None:
    """Flow of every node that nothing is said against."""
    nodes = tuple(told["nodes"])
    flow = _array(told["baseline"].get("node_flow_lpm"), len(nodes))
    flow[[n in blamed for n in nodes]] = np.nan
    if not np.isfinite(flow).any():
        return None
    return Block("node", nodes, (_average(NodeFlow().name, "node_flow_lpm", "l/min", flow, t_ms),))


def _unit(told: Told, blamed: set[str], t_ms: int) -> Block | None:
    """Resistances of filter and rack, curves of both pumps, conductance of the exchanger."""
    cdu = str(told["cdu"])
    if cdu in blamed or told["rack"] in blamed:
        return None
    pumps: Sequence[Told | None] = told["baseline"].get("pumps") or (None, None)
    learnt = []
    for number, readings in enumerate(pumps, 1):
        if readings is None:
            continue
        loop = _loop(readings, number)
        wear = PumpWear(number).name
        head = (loop.delta_kpa + np.nan_to_num(loop.filter_kpa)) / loop.rpm**2
        learnt += [
            _average(wear, f"head{number}", "", head, t_ms),
            _average(wear, f"flow{number}", "", loop.flow_lpm / loop.rpm, t_ms),
            _average(wear, "rack", "", loop.rack_log, t_ms),
        ]
        if number == 1:
            of_filter = FilterClog().name
            learnt += [
                _average(of_filter, "filter", "", loop.filter_log, t_ms),
                _average(of_filter, "rack", "", loop.rack_log, t_ms),
            ]
    exchanger: Told = told["baseline"].get("exchanger") or {}
    learnt.append(_average(ExchangerFouling().name, "ua", "", _ua_log(exchanger), t_ms))
    learnt = [e for e in learnt if np.isfinite(e.array("value")).any()]
    return Block("cdu", (cdu,), tuple(learnt)) if learnt else None


def _loop(readings: Told, pump: int) -> Loop:
    def of(metric: str) -> F64:
        return _array([readings.get(metric)], 1)

    warm = viscous(0.5 * (of("supply_c") + of("return_c")))
    return Loop(of("flow_lpm"), of("delta_kpa"), of("filter_kpa_delta"), of("rpm"), np.full(1, float(pump)), warm)  # fmt: skip


def _ua_log(readings: Told) -> F64:
    """As `ExchangerFouling` has it: the conductance with the films' share taken out."""
    flow, water, back, cold, warm = (
        _array([readings.get(m)], 1)
        for m in ("flow_lpm", "facility_flow_lpm", "return_c", "facility_supply_c", "facility_return_c")
    )  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        ua = conductance_w_per_k(capacity_w_per_k(flow, back), water, (warm - cold) / (back - cold))
        films = flow**-0.75 + (water / ExchangerFouling().water_ratio) ** -0.75
        return np.log(ua * films)


def _average(detector: str, name: str, unit: str, value: F64, t_ms: int) -> Learnt:
    there = np.isfinite(value)
    age, at = (np.where(there, v, np.nan) for v in (AGE_S, float(t_ms)))
    return Learnt(detector, name, unit, *map(packed, (value, age, at)))


def _array(values: Sequence[float | None] | None, count: int) -> F64:
    """With NaN for what is None, or where there are not as many."""
    if values is None or len(values) != count:
        return np.full(count, np.nan)
    return np.array([math.nan if v is None else float(v) for v in values])
