"""The alert rules that people use today, as a peer: each looks at one reading of one device, and knows no cause.

GPU above 85 degC, any XID, power above its limit, ECC errors that cannot be corrected, coolant flow below 90 % of its set
point for 100 s (the low-flow alarm of a Vertiv CoolChip CDU 600 as delivered), a scrape missing for 5 minutes. They get
the readings of each tick and tell of them as fast as detection does; a real one scrapes every 15 s to 1 min.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.streams.evaluate.label import Said
from coldplate.streams.evaluate.live import TRANSIT_MS
from coldplate.wire.incident import Severity, incident_id
from coldplate.wire.metric import Kind, metric

F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

GPU_C_MAX = 85.0
POWER_FOR_S = 60.0
"""A mean of one second overshoots now and then; rules of this kind wait for some samples in a row."""

FLOW_RATIO, FLOW_FOR_S = 0.9, 100.0
MISSING_FOR_S = 300.0
SETTLED_S = 60.0
"""After so long a CDU's flow is taken for its set point."""

CLEAR_S = 60.0
"""An alert ends when its rule has not held for so long; then it can come again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Parameters
    ----------
    name, kind
        What it is called, and the kind of fault that it speaks of.
    of
        Whose readings.
    for_s
        How long it must hold.
    """

    name: str
    kind: str
    of: Kind
    for_s: float = 0.0


HOT = Rule("gpu-above-85-degc", "unknown", Kind.GPU)
OVER = Rule("power-above-limit", "unknown", Kind.GPU, POWER_FOR_S)
ECC = Rule("ecc-uncorrectable", "ecc-uncorrectable", Kind.GPU)
FLOW = Rule("flow-below-90-percent", "flow-loss", Kind.CDU, FLOW_FOR_S)
NODE_GONE = Rule("scrape-missing", "silent-node", Kind.NODE, MISSING_FOR_S)
CDU_GONE = Rule("scrape-missing", "silent-cdu", Kind.CDU, MISSING_FOR_S)


class _Alert:
    """A rule over all devices of a kind: since when it holds, and where it has been told."""

    def __init__(self, devices: int) -> None:
        self.since_ms = np.full(devices, -1, np.int64)
        self.held_ms = np.full(devices, -1, np.int64)
        self.firing: Bools = np.zeros(devices, np.bool_)

    def look(self, holds: Bools, t_ms: int, for_s: float) -> NDArray[np.intp]:
        """Devices of which it is told now."""
        begins = holds & (self.since_ms < 0)
        self.since_ms[begins] = t_ms
        self.since_ms[~holds] = -1
        self.held_ms[holds] = t_ms
        self.firing &= t_ms - self.held_ms <= 1000 * CLEAR_S
        new = holds & ~self.firing & (t_ms - self.since_ms >= 1000 * for_s)
        self.firing |= new
        return np.flatnonzero(new)


class Rules:
    """All rules over a hall.

    Parameters
    ----------
    devices
        Ids by kind, in the order of the samples.
    """

    def __init__(self, devices: Mapping[Kind, Sequence[str]]) -> None:
        self._devices = devices
        self._alerts: dict[Rule, _Alert] = {}
        self._started_ms: int | None = None
        self._flow: F64 = np.full(len(devices.get(Kind.CDU, ())), np.nan)
        self._ecc: F64 = np.full(len(devices.get(Kind.GPU, ())), np.nan)
        self._limit: F64 = np.full(len(devices.get(Kind.GPU, ())), np.nan)
        self._xids: dict[tuple[str, int], int] = {}
        self.said: list[Said] = []
        """Every alert: each is a page."""

    def look(self, t_ms: int, samples: Mapping[Kind, F64]) -> None:
        """Take the readings of a tick: by kind, shape (metrics of the catalogue, devices), NaN where none came."""
        if self._started_ms is None:
            self._started_ms = t_ms
        with np.errstate(invalid="ignore"):
            for rule, holds in self._holds(t_ms, samples):
                alert = self._alerts.setdefault(rule, _Alert(len(holds)))
                for row in alert.look(holds, t_ms, rule.for_s).tolist():
                    self._tell(rule.kind, self._devices[rule.of][row], t_ms, rule.name)

    def xid(self, t_ms: int, gpu: str, code: int) -> None:
        """An XID was logged; the same one again within `CLEAR_S` is the same alert."""
        last_ms = self._xids.get((gpu, code))
        self._xids[gpu, code] = t_ms
        if last_ms is None or t_ms - last_ms > 1000 * CLEAR_S:
            self._tell(f"xid-{code}", gpu, t_ms, "xid")

    def _holds(self, t_ms: int, samples: Mapping[Kind, F64]) -> list[tuple[Rule, Bools]]:
        out: list[tuple[Rule, Bools]] = []
        if (gpus := samples.get(Kind.GPU)) is not None:
            # Limits and counters come every ten ticks: the last one told stands.
            limit, power = _of(gpus, Kind.GPU, "power_limit_w"), _of(gpus, Kind.GPU, "power_w")
            self._limit = np.where(np.isfinite(limit), limit, self._limit)
            out += [(HOT, _of(gpus, Kind.GPU, "gpu_c") > GPU_C_MAX), (OVER, power > self._limit)]
            total = _of(gpus, Kind.GPU, "ecc_uncorrected_total")
            out.append((ECC, total > self._ecc))
            self._ecc = np.where(np.isfinite(total), total, self._ecc)
        if (cdus := samples.get(Kind.CDU)) is not None:
            flow = _of(cdus, Kind.CDU, "flow_lpm")
            out.append((FLOW, flow < FLOW_RATIO * self._set_point(flow, t_ms)))
            out.append((CDU_GONE, _gone(cdus)))
        if (nodes := samples.get(Kind.NODE)) is not None:
            out.append((NODE_GONE, _gone(nodes)))
        return out

    def _set_point(self, flow: F64, t_ms: int) -> F64:
        assert self._started_ms is not None
        if t_ms - self._started_ms <= 1000 * SETTLED_S:
            self._flow = np.where(np.isfinite(flow), flow, self._flow)
        return self._flow

    def _tell(self, kind: str, subject: str, t_ms: int, rule: str) -> None:
        alert = incident_id(subject, rule, t_ms)
        self.said.append(Said(alert, kind, subject, Severity.WARNING, t_ms, t_ms + TRANSIT_MS))


def _of(values: F64, kind: Kind, name: str) -> F64:
    out: F64 = values[metric(kind, name).number]
    return out


def _gone(values: F64) -> Bools:
    """Devices of which nothing came."""
    return np.asarray(np.isnan(values).all(axis=0), np.bool_)
