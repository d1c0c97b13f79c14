"""From the units of controllers to those of the catalogue: a factor and an offset each.

References
----------
NIST SP 811, appendix B.8: 1 psi = 6.894757 kPa, 1 US gallon = 3.785412 l, 1 inch of water (4 degC) = 0.249082 kPa.
"""

import math
from dataclasses import dataclass

ATMOSPHERE_KPA = 101.325
"""At sea level; 1,500 m up it is 84.6. What a gauge reads is above it."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """`catalogue = value * factor + offset`, plus the atmosphere for what a gauge reads."""

    factor: float
    offset: float = 0.0
    gauge: bool = False


_SAME = Conversion(1.0)
_PSI_KPA = 6.894757
_GALLON_L = 3.785412

_KPA = {
    "kPa": _SAME, "bar": Conversion(100.0), "mbar": Conversion(0.1), "Pa": Conversion(0.001),
    "MPa": Conversion(1000.0), "psi": Conversion(_PSI_KPA), "inH2O": Conversion(0.249082),
}  # fmt: skip
_KPA_ABSOLUTE = _KPA | {
    f"{name}_gauge": Conversion(c.factor, gauge=True) for name, c in _KPA.items()
}

UNITS: dict[str, dict[str, Conversion]] = {
    "degC": {
        "degC": _SAME, "degF": Conversion(5 / 9, -160 / 9), "K": Conversion(1.0, -273.15),
    },
    "kPa": _KPA_ABSOLUTE,
    "kPa difference": _KPA,
    "l/min": {
        "l/min": _SAME, "l/s": Conversion(60.0), "l/h": Conversion(1 / 60),
        "m3/h": Conversion(1000 / 60), "gpm": Conversion(_GALLON_L),
    },
    "W": {"W": _SAME, "kW": Conversion(1000.0), "MW": Conversion(1e6)},
    "1/min": {"1/min": _SAME, "rpm": _SAME, "1/s": Conversion(60.0)},
    "1": {"1": _SAME, "percent": Conversion(0.01), "permille": Conversion(0.001)},
    "l": {"l": _SAME, "ml": Conversion(0.001), "m3": Conversion(1000.0), "gal": Conversion(_GALLON_L)},
    "uS/cm": {"uS/cm": _SAME, "mS/cm": Conversion(1000.0)},
    "Hz": {"Hz": _SAME, "mHz": Conversion(0.001)},
}  # fmt: skip
"""By the catalogue's unit: what a map file may say."""


def conversion(metric_name: str, metric_unit: str, unit: str, atmosphere_kpa: float) -> Conversion:
    """How to bring a value into the unit of its metric.

    Raises
    ------
    ValueError
        When the unit does not measure that; the message lists those that do.
    """
    of = metric_unit
    if of == "kPa" and "delta" in metric_name:
        # A difference has no atmosphere in it.
        of = "kPa difference"
    units = UNITS.get(of, {metric_unit: _SAME})
    found = units.get(unit)
    if found is None:
        raise ValueError(f"{unit!r} is no unit of {metric_name}; there are: {', '.join(units)}")
    if not found.gauge:
        return found
    if not (math.isfinite(atmosphere_kpa) and 30.0 <= atmosphere_kpa <= 110.0):
        raise ValueError(f"atmosphere_kpa = {atmosphere_kpa} is no pressure of air on this planet")
    return Conversion(found.factor, found.offset + atmosphere_kpa)
