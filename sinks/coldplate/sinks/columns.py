"""SQL of one metric: the type of its physical column, and how its value in its unit is made of that."""

from coldplate.sinks.tables import kept_dtype, raw_column
from coldplate.wire.metric import Metric

TYPES = {
    "u1": "UInt8", "u2": "UInt16", "u4": "UInt32", "u8": "UInt64",
    "i2": "Int16", "i4": "Int32", "i8": "Int64", "f4": "Float32", "f8": "Float64",
}  # fmt: skip


INTEGERS = tuple(t for t in TYPES.values() if "Int" in t)


def column_type(metric: Metric) -> str:
    """Of the physical column."""
    return TYPES[kept_dtype(metric)]


def alias(metric: Metric) -> str:
    """Type, value and comment of the column under the metric's plain name."""
    value, kind = raw_column(metric), column_type(metric)
    if metric.kept_scale != 1.0 or metric.dtype[0] == "f" or metric.scale != 1.0:
        value, kind = scaled(value, metric.kept_scale), "Float64"
    there = f"if(bitTest(present, {metric.number}), {value}, NULL)"
    return f"Nullable({kind}) ALIAS {there} COMMENT '{comment(metric)}'"


def comment(metric: Metric, what: str = "") -> str:
    """Words of the catalogue with the unit, quoted for SQL."""
    unit = "" if metric.unit == "1" else f", in {metric.unit}"
    return f"{what}{metric.help}{unit}".replace("\\", "\\\\").replace("'", "\\'")


def scaled(column: str, scale: float) -> str:
    """Steps of a scale as a Float64."""
    if scale == 1.0:
        return f"toFloat64({column})"
    # 703 / 10 is 70.3 where 703 * 0.1 is 70.30000000000001.
    per_unit = round(1.0 / scale)
    if scale < 1.0 and abs(per_unit * scale - 1.0) < 1e-12:
        return f"{column} / {per_unit}"
    return f"{column} * {scale:.0f}" if scale.is_integer() else f"{column} * {scale}"


def codec(metric: Metric) -> str:
    """By measurement (`coldplate bench storage` has the alternatives beside), so by what a value is.

    A counter's increments hardly change. An analog reading trembles by a few steps: T64 keeps only the bits that do.
    What is left are states and whole degrees, which mostly stay: Delta makes them zeros, which ZSTD alone does not
    always (a constant UInt64 costs it 0.26 bytes a row).
    """
    if metric.counter:
        return "DoubleDelta, ZSTD(1)"
    if metric.dtype[0] == "f" or (metric.unit == "W" and metric.rate == "fast"):
        return "T64, ZSTD(1)"
    return "Delta, ZSTD(1)"
