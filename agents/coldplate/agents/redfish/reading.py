"""Numbers out of documents: a property that is missing, null, a word or not finite is NaN, never 0.

Redfish gives a measurement as an object with a `Reading`, older services as a bare number. Units stand in the names of
properties; a Sensor says its own. Pressures are relative to the atmosphere (DSP2046, `PressurekPa`), our catalogue's
absolute.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coldplate.agents.redfish.document import Doc, part, safe_path
from coldplate.agents.redfish.errors import RedfishError
from coldplate.wire.metric import CATALOGUE, Kind, metric

NAN = math.nan

ABSENT = frozenset({"Absent", "Disabled", "UnavailableOffline"})
"""States of a part that does not measure."""


@dataclass(frozen=True, slots=True)
class Property:
    """Where a metric stands in a document.

    Parameters
    ----------
    metric, name
        Ours and theirs.
    factor
        Theirs times this is ours.
    gauge
        Whether it is a pressure relative to the atmosphere.
    total
        Whether several of a kind add up; otherwise their mean is taken.
    """

    metric: str
    name: str
    factor: float = 1.0
    gauge: bool = False
    total: bool = False


def number(value: object) -> float:
    """A JSON value as a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return NAN
    try:
        return float(value) if math.isfinite(value) else NAN
    except OverflowError:
        # JSON's whole numbers have no end.
        return NAN


def reading(doc: Doc, name: str, inner: str = "Reading") -> float:
    """A measurement of a document."""
    value = doc.get(name)
    if isinstance(value, dict):
        return number(value.get(inner))
    return number(value) if inner == "Reading" else NAN


def measures(doc: Doc) -> bool:
    """Whether a part is there and on."""
    return part(doc, "Status").get("State") not in ABSENT


def tell(doc: Doc, properties: Iterable[Property], gauge_kpa: float) -> dict[str, float]:
    """The metrics of one document."""
    return {
        p.metric: reading(doc, p.name) * p.factor + (gauge_kpa if p.gauge else 0.0)
        for p in properties
    }


def tell_all(
    docs: Iterable[Doc], properties: tuple[Property, ...], gauge_kpa: float
) -> dict[str, float]:
    """The metrics of several alike: totals are added up, others averaged; NaN when one of them does not tell."""
    each = [tell(d, properties, gauge_kpa) for d in docs if measures(d)]
    if not each:
        return {p.metric: NAN for p in properties}
    if len(each) == 1:
        return each[0]
    out = {}
    for p in properties:
        values = [e[p.metric] for e in each]
        out[p.metric] = math.fsum(values) / (1 if p.total else len(values))
    return out


def dew_point_c(air_c: float, humidity_ratio: float) -> float:
    """Dew point by the Magnus formula over water, to 0.4 K from -45 to 60 degC.

    Examples
    --------
    >>> round(dew_point_c(24.0, 0.5), 1)
    12.9
    """
    if not 0.0 < humidity_ratio <= 1.0:
        return NAN
    g = math.log(humidity_ratio) + 17.62 * air_c / (243.12 + air_c)
    return 243.12 * g / (17.62 - g)


_PSI, _GALLON_L = 6.894757, 3.785412
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "kPa": {"kPa": 1.0, "Pa": 1e-3, "mbar": 0.1, "bar": 100.0, "[psi]": _PSI, "psi": _PSI},
    "degC": {"Cel": 1.0, "C": 1.0, "Celsius": 1.0},
    "l/min": {"L/min": 1.0, "l/min": 1.0, "LPM": 1.0, "L/s": 60.0, "L/h": 1 / 60, "m3/h": 1000 / 60,
              "[gal_us]/min": _GALLON_L, "GPM": _GALLON_L},
    "W": {"W": 1.0, "kW": 1000.0},
    "1/min": {"{rev}/min": 1.0, "RPM": 1.0},
    "uS/cm": {"uS/cm": 1.0, "mS/cm": 1000.0, "S/m": 1e4},
    "l": {"L": 1.0, "l": 1.0, "m3": 1000.0},
    "1": {"": 1.0, "1": 1.0, "[pH]": 1.0, "pH": 1.0, "%": 0.01},
}  # fmt: skip


def sensor(doc: Doc, kind: Kind, name: str, gauge_kpa: float) -> float:
    """A Sensor's reading as a metric, by the unit that it says.

    Raises
    ------
    RedfishError
        When it says a unit that is none of the metric's.
    """
    unit = metric(kind, name).unit
    theirs = doc.get("ReadingUnits") or ""
    factor = _FACTORS.get(unit, {}).get(theirs) if isinstance(theirs, str) else None
    if factor is None:
        known = ", ".join(u for u in _FACTORS.get(unit, {}) if u) or "none"
        raise RedfishError(
            "json", f"a Sensor in {theirs!r} cannot be {name} ({unit}); known are {known}"
        )
    gauge = gauge_kpa if unit == "kPa" and not name.endswith("_delta") else 0.0
    return number(doc.get("Reading")) * factor + gauge if measures(doc) else NAN


def check_sensors(sensors: Mapping[str, str]) -> None:
    """Whether the option's metrics and paths are some.

    Raises
    ------
    ValueError
        Naming the wrong one.
    """
    known = {m.name for kind in (Kind.CDU, Kind.NODE) for m in CATALOGUE[kind]}
    for name, path in sensors.items():
        if name not in known:
            raise ValueError(f"redfish.sensors: {name!r} is no metric of a CDU or node")
        try:
            safe_path(path)
        except RedfishError:
            raise ValueError(f"redfish.sensors.{name}: a path begins with /redfish/") from None
