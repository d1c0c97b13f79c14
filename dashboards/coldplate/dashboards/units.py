"""Grafana's unit of a column, from the unit that its name ends in."""

UNITS = {
    "w": "watt", "kw": "kwatt", "mw": "megwatt", "j": "joule", "kwh": "kwatth", "mwh": "mwatth",
    "c": "celsius", "k": "kelvin", "k_delta": "kelvin", "lpm": "litreh", "kpa": "pressurekpa",
    "hz": "hertz", "mhz": "mhertz", "rpm": "rotrpm", "bytes": "bytes", "s": "s", "ms": "ms",
    "min": "m", "h": "h", "ratio": "percentunit", "mw_per_s": "suffix: MW/s", "k_per_w": "suffix: K/W",
    "g": "massg", "count": "short", "total": "short",
}  # fmt: skip
"""By the last part of a name. Litres a minute have no unit of Grafana's own: see `unit_of`."""

OWN = {"lpm": "suffix: l/min", "mhz": "suffix: MHz", "mw": "suffix: MW", "kwh": "kwatth", "mwh": "suffix: MWh"}  # fmt: skip
"""Where Grafana's own would rescale or misname it."""


def unit_of(name: str) -> str:
    """The unit of a column.

    Raises
    ------
    KeyError
        When no unit is known by how the name ends.

    Examples
    --------
    >>> unit_of("supply_c"), unit_of("flow_lpm"), unit_of("ramp_mw_per_s")
    ('celsius', 'suffix: l/min', 'suffix: MW/s')
    """
    parts = name.split("_")
    for length in (3, 2, 1):
        word = "_".join(parts[-length:])
        if word in OWN:
            return OWN[word]
        if word in UNITS:
            return UNITS[word]
    raise KeyError(f"{name}: no unit is known by its end; name it with its unit last")
