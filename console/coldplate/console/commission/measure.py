"""Numbers out of spans, with absent samples left out: an absent value gives NaN, which no limit is compared with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.console.commission.evidence import Evidence, Span
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

PG25 = (1024.0, 0.15, 0.005, 3871.0, 2.4)
"""Density 1024 - 0.15 T - 0.005 T^2 kg/m3 and heat capacity 3871 + 2.4 T J/kgK of PG25: fit to CoolProp's MPG at 25 %."""


def mean(samples: F64) -> F64:
    """Of each device over time."""
    there = ~np.isnan(samples)
    count = there.sum(axis=0)
    total = np.where(there, samples, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def middle(values: F64) -> float:
    """Median of those that are known; NaN without any."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def highest(samples: F64) -> F64:
    """Of each device over time."""
    top = np.where(np.isnan(samples), -np.inf, samples).max(axis=0)
    return np.where(np.isneginf(top), np.nan, top)


def lowest(samples: F64) -> F64:
    """Of each device over time."""
    return -highest(-samples)


def last(samples: F64) -> F64:
    """Newest sample of each device."""
    there = ~np.isnan(samples)
    at = len(samples) - 1 - there[::-1].argmax(axis=0)
    return np.where(there.any(axis=0), samples[at, np.arange(samples.shape[1])], np.nan)


def first(samples: F64) -> F64:
    """Oldest sample of each device."""
    return last(samples[::-1])


def one(span: Span, metric: str) -> float:
    """Mean of a reading of the coolant unit."""
    return float(mean(span.get(Kind.CDU, metric))[0])


def gpu(span: Span, evidence: Evidence, metric: str) -> F64:
    """Samples of all GPUs."""
    return span.get(Kind.GPU, metric, len(evidence.rack.gpus))


def node(span: Span, evidence: Evidence, metric: str) -> F64:
    """Samples of all nodes."""
    return span.get(Kind.NODE, metric, len(evidence.rack.nodes))


def resistance(span: Span, evidence: Evidence) -> F64:
    """R of each GPU, K/W: (T_gpu - T_supply) / P over a span at rest, which averages a sensor of whole degrees."""
    above = gpu(span, evidence, "gpu_c") - span.get(Kind.CDU, "supply_c")
    power = mean(gpu(span, evidence, "power_w"))
    return mean(above) / np.where(power > 0, power, np.nan)


LOADS = ("idle", "half", "full")


def of_rack_ratio(evidence: Evidence) -> F64:
    """R of each GPU as a share of its rack's median, by how it warms from idle over half to full load.

    What a GPU reads above R_median P is fitted over three powers: the slope is its resistance, and a sensor that reads half
    a kelvin too much at any load changes nothing, as it would of R at full load by 2 %.
    """
    powers, above = [], []
    for load in LOADS:
        span = evidence.spans[load].settled()
        power = mean(gpu(span, evidence, "power_w"))
        r = resistance(span, evidence)
        powers.append(power)
        above.append((r - middle(r)) * power)
    p, e = np.array(powers), np.array(above)
    p -= p.mean(axis=0)
    usual = middle(resistance(evidence.spans["full"].settled(), evidence))
    spread = (p**2).sum(axis=0)
    slope = (p * e).sum(axis=0) / np.where(spread > 0, spread, np.nan)
    ratio: F64 = 1.0 + slope / usual
    return ratio / middle(ratio)


def per_node(values: F64, evidence: Evidence) -> F64:
    """Median of each node's GPUs."""
    at = evidence.rack.node_of_gpu
    return np.array([middle(values[at == n]) for n in range(len(evidence.rack.nodes))])


def w_per_k(flow_lpm: float, c: float) -> float:
    """What a flow of PG25 carries a kelvin.

    Examples
    --------
    >>> round(w_per_k(1.0, 30.0), 1)
    66.7
    """
    d0, d1, d2, c0, c1 = PG25
    return flow_lpm / 60_000.0 * (d0 - (d1 + d2 * c) * c) * (c0 + c1 * c)


def expansion_l(litres: float, from_c: float, to_c: float) -> float:
    """What a volume of PG25 grows by when it warms.

    Examples
    --------
    >>> round(expansion_l(35.0, 30.0, 40.0), 3)
    0.173
    """
    d0, d1, d2, *_ = PG25
    before, after = (d0 - (d1 + d2 * c) * c for c in (from_c, to_c))
    return litres * (before / after - 1.0)


def heat_w(span: Span, evidence: Evidence, liquid_ratio: float) -> float:
    """Electric heat that goes into the water of a rack: power of its nodes times the share that water takes."""
    power = mean(node(span, evidence, "node_power_w"))
    return float("nan") if np.isnan(power).any() else float(power.sum()) * liquid_ratio


def listed(values: F64, digits: int = 5) -> Sequence[float]:
    """For a certificate."""
    return [round(float(v), digits) for v in values]
