"""Labels: which fault was where and when, from when on it could be seen, and when it did harm.

Two halls of the same seed are stepped together, one without faults. They draw the same noise, so that what their
readings differ by on the subjects of a fault is its effect: it is visible when that exceeds three sigma of the
reading's noise and its resolution, or when an event tells of it. A counter that integrates what another reading shows
would tell of the past and is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.fault import Fault
from coldplate.twin.faults.kind import FaultKind
from coldplate.twin.faults.library import KINDS, label_kind, reach
from coldplate.twin.faults.timeline import Timeline
from coldplate.twin.places import Places
from coldplate.twin.recorder import from_ms
from coldplate.twin.recording import Label
from coldplate.wire.metric import CATALOGUE, Kind, metric

F64 = NDArray[np.float64]
Rows = Mapping[Kind, NDArray[np.intp]]
Readings = Mapping[Kind, F64]
"""By kind of device: shape (metrics of the catalogue, devices), NaN where absent."""

AFTER_S = 60.0
"""Heat takes its time: an effect may show so long after the end of its fault."""

THROTTLED, BRAKED = 0x60, 0x80
"""Bits of clock_event_reasons: software and hardware thermal slowdown; power brake."""

NOISE: Mapping[str, float] = {
    "power_w": 1.0, "power_instant_w": 2.0, "power_min_w": 5.0, "power_max_w": 5.0, "power_std_w": 2.0,
    "swing_w": 2.0, "swing_hz": 0.02, "node_power_w": 5.0, "rack_power_w": 20.0, "feed_a_w": 20.0,
    "feed_b_w": 20.0, "hall_power_w": 500.0, "air_inlet_c": 0.1, "room_c": 0.1, "dew_point_c": 0.1,
    "supply_c": 0.02, "return_c": 0.02, "facility_supply_c": 0.02, "facility_return_c": 0.02,
    "supply_kpa": 0.3, "return_kpa": 0.3, "filter_kpa_delta": 0.3, "pump1_rpm": 3.0, "pump2_rpm": 3.0,
    "pump1_w": 3.0, "pump2_w": 3.0, "valve_ratio": 0.003, "reservoir_ratio": 0.002, "grid_hz": 0.005,
}  # fmt: skip
"""Sigma of a reading, in its unit (sensors.py; where it has none, an estimate)."""

RELATIVE = {"flow_lpm": 0.005, "node_flow_lpm": 0.005, "facility_flow_lpm": 0.005}
"""Sigma as a share of the reading."""

RESOLUTION = {"gpu_c": 1.0, "hbm_c": 1.0, "margin_c": 1.0, "sm_clock_mhz": 15.0, "gpu_util_ratio": 0.02,
              "mem_util_ratio": 0.02}  # fmt: skip
"""Where the device tells less than the catalogue could carry."""

PAST = ("energy_j", "_bytes_total", "_s_total")


def _limits(kind: Kind) -> tuple[F64, F64]:
    """Of each metric: what a difference has to exceed, and what is added to that as a share of the reading."""
    fixed = [
        np.inf if m.name.endswith(PAST)
        else max(3.0 * NOISE.get(m.name, 0.0), RESOLUTION.get(m.name, m.scale))
        for m in CATALOGUE[kind]
    ]  # fmt: skip
    share = [3.0 * RELATIVE.get(m.name, 0.0) for m in CATALOGUE[kind]]
    return np.array(fixed)[:, None], np.array(share)[:, None]


_LIMITS = {kind: _limits(kind) for kind in Kind}


def differs(kind: Kind, read: F64, healthy: F64) -> bool:
    """Whether readings of some devices of a kind differ by more than noise, or one is there and the other not."""
    fixed, share = _LIMITS[kind]
    there = ~np.isnan(read)
    if bool(((there != ~np.isnan(healthy)) & np.isfinite(fixed)).any()):
        return True
    with np.errstate(invalid="ignore"):
        return bool((np.abs(read - healthy) > fixed + share * np.abs(healthy)).any())


def _value(read: Readings, rows: Rows, kind: Kind, name: str) -> F64:
    if kind not in rows or kind not in read:
        return np.empty(0)
    values: F64 = read[kind][metric(kind, name).number, rows[kind]]
    return values


def _bits(bits: int) -> "Sign":
    def sign(read: Readings, healthy: Readings, rows: Rows) -> bool:
        now = np.nan_to_num(_value(read, rows, Kind.GPU, "clock_event_reasons")).astype(np.int64)
        was = np.nan_to_num(_value(healthy, rows, Kind.GPU, "clock_event_reasons")).astype(np.int64)
        return bool((now & ~was & bits).any())

    return sign


def _gone(read: Readings, healthy: Readings, rows: Rows) -> bool:
    """A GPU that is lost, or shut down, says nothing or draws nothing."""
    now = _value(read, rows, Kind.GPU, "power_w")
    return bool((np.nan_to_num(now) <= 0).any()) and not _gone_before(healthy, rows)


def _gone_before(healthy: Readings, rows: Rows) -> bool:
    return bool((np.nan_to_num(_value(healthy, rows, Kind.GPU, "power_w")) <= 0).any())


def _wet(read: Readings, _healthy: Readings, rows: Rows) -> bool:
    return bool((_value(read, rows, Kind.CDU, "leak") > 0).any())


def _dew(read: Readings, _healthy: Readings, rows: Rows) -> bool:
    supply = _value(read, rows, Kind.CDU, "supply_c")
    return bool((supply < _value(read, rows, Kind.CDU, "dew_point_c")).any())


def _reset_needed(read: Readings, _healthy: Readings, rows: Rows) -> bool:
    return bool((_value(read, rows, Kind.GPU, "recovery_action") > 0).any())


def _corrupted(read: Readings, healthy: Readings, rows: Rows) -> bool:
    now = _value(read, rows, Kind.GPU, "ecc_uncorrected_total")
    return bool((now > _value(healthy, rows, Kind.GPU, "ecc_uncorrected_total")).any())


Sign = Callable[[Readings, Readings, Rows], bool]
_HOT: tuple[Sign, ...] = (_bits(THROTTLED), _gone)
_BROKEN: tuple[Sign, ...] = (_gone, _reset_needed, _corrupted)
HARM: Mapping[str, tuple[Sign, ...]] = {
    **dict.fromkeys(("plate", "branch", "pump", "filter", "exchanger", "supply"), _HOT),
    "leak": (_wet, *_HOT), "condensation": (_dew,), "power": (_bits(BRAKED), *_HOT), "errors": _BROKEN,
}  # fmt: skip
"""What a fault of a family leads to; the others do no harm to the hall."""


def _signs(kind: FaultKind) -> tuple[Sign, ...]:
    return HARM.get("errors" if kind.name.startswith("xid") else kind.family, ())


@dataclass(slots=True)
class _Watch:
    """A fault and what was seen of it."""

    fault: Fault
    rows: Rows
    visible_s: float | None = None
    harm_s: float | None = None


class Labeller:
    """Watches what each fault does.

    Parameters
    ----------
    faults
        Of the run.
    places
        Of its hall.
    """

    def __init__(self, faults: Sequence[Fault], places: Places) -> None:
        self._timeline = Timeline(faults)
        self._places = places
        self._watches = [_Watch(f, reach(f, places)) for f in self._timeline.faults]
        self._looked_s = float("-inf")

    def look(self, t_s: float, read: Readings, healthy: Readings) -> None:
        """Compare what the hall and its twin without faults read at a time, second after second."""
        for at_s, fault, _ in self._timeline.due(self._looked_s, t_s):
            for w in self._watches:
                if w.fault is fault and w.visible_s is None:
                    w.visible_s = at_s
        self._looked_s = t_s
        for w in self._watches:
            if w.fault.at_s <= t_s <= w.fault.until_s + AFTER_S:
                self._watch(w, t_s, read, healthy)

    def labels(self, start_ms: int) -> list[Label]:
        """Of all faults, in order of onset, by what was seen so far."""
        watches = sorted(enumerate(self._watches), key=lambda entry: entry[1].fault.at_s)
        return [self._label(f"fault-{n:04d}", w, start_ms) for n, w in watches]

    def _watch(self, w: _Watch, t_s: float, read: Readings, healthy: Readings) -> None:
        kind = KINDS[w.fault.kind]
        if w.visible_s is None and (
            kind.family in ("silence", "time")  # nothing comes, or at another time: no reading differs
            or any(differs(k, read[k][:, r], healthy[k][:, r]) for k, r in w.rows.items() if k in read)
        ):  # fmt: skip
            w.visible_s = t_s
        if w.harm_s is None and any(sign(read, healthy, w.rows) for sign in _signs(kind)):
            w.harm_s = t_s

    def _label(self, name: str, w: _Watch, start_ms: int) -> Label:
        devices = self._places.devices
        affected = dict.fromkeys(
            (w.fault.subject, *(devices[k][i] for k, rows in w.rows.items() for i in rows))
        )
        onset, visible, harm, end = (
            None if s is None else from_ms(start_ms + round(s * 1000))
            for s in (w.fault.at_s, w.visible_s, w.harm_s, w.fault.end_s)
        )
        assert onset is not None
        return Label(
            name, label_kind(w.fault), w.fault.subject, tuple(affected), onset, visible, harm, end,
            w.fault.severity,
        )  # fmt: skip
