"""Power and grid: what the hall draws, how fast that changes, what swings, what is held down, and what it costs in energy."""

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.panels import (
    THIRD,
    WHOLE,
    density,
    gauges,
    link,
    number,
    rows,
    series,
    units,
)
from coldplate.dashboards.tiers import COARSE, counted, tiered
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import chosen, devices

LEVELS = ("hall", "row", "rack")
_HALLS, _RACKS, _GPUS = devices("hall", "hall"), devices("rack", *LEVELS), devices("gpu", *LEVELS)
_PLACED = " AND ".join(chosen(level) for level in LEVELS)
_ONE = "LIMIT 1"
_MANY = "LIMIT 20000"

SWING_HZ = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0)
"""Upper ends of the spectrum's bands: the grid's own modes lie below 2 Hz, the shafts of generators above 10 Hz."""


def _now(view: str, column: str) -> str:
    where = chosen("hall", "id") if view == "hall_now" else _PLACED
    return f"SELECT sum({column}) AS power_w FROM {view} WHERE {where} {_ONE}"


def _hall(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(m.t) AS time, i.id AS hall, avg(m.hall_power_w_mean) AS meter,"
        f" max(m.hall_power_w_max) AS highest FROM {table} AS m"
        " INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = 'hall') AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} AND {chosen('hall', 'i.id')}"
        f" GROUP BY time, hall ORDER BY time {_MANY}"
    )


def _rows(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, place, avg(row_w) AS power_w FROM ("
        f"SELECT m.t AS t, i.row AS place, sum(m.rack_power_w_mean) AS row_w FROM {table} AS m"
        f" INNER JOIN (SELECT device, `row` FROM inventory FINAL WHERE kind = 'rack' AND {_PLACED}) AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} GROUP BY t, place) GROUP BY time, place ORDER BY time {_MANY}"
    )


def _ramp(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, max(mw_per_s) AS up_mw_per_s, min(mw_per_s) AS down_mw_per_s FROM ("
        "SELECT t, (w - lagInFrame(w, 1, w) OVER o) / 1e6 / greatest(1, dateDiff('second', lagInFrame(t, 1, t) OVER o, t)) AS mw_per_s"
        f" FROM (SELECT t, sum(hall_power_w_mean) AS w FROM {table} WHERE $__timeFilter(t) AND {condition} AND {_HALLS} GROUP BY t)"
        " WINDOW o AS (ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))"
        f" GROUP BY time ORDER BY time {_MANY}"
    )


def _grid(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, min(grid_hz_min) AS lowest, avg(grid_hz_mean) AS mean, max(grid_hz_max) AS highest"
        f" FROM {table} WHERE $__timeFilter(t) AND {condition} AND {_HALLS} GROUP BY time ORDER BY time {_MANY}"
    )


def _feeds(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, avg(a_w) AS `feed A`, avg(b_w) AS `feed B` FROM ("
        f"SELECT t, sum(feed_a_w_mean) AS a_w, sum(feed_b_w_mean) AS b_w FROM {table}"
        f" WHERE $__timeFilter(t) AND {condition} AND {_RACKS} GROUP BY t) GROUP BY time ORDER BY time {_MANY}"
    )


def _spectrum(table: str, condition: str) -> str:
    ends = zip((0.0, *SWING_HZ), SWING_HZ, strict=False)
    bands = ", ".join(
        f"sumIf(ifNull(swing_w_mean, 0), swing_hz_mean > {low} AND swing_hz_mean <= {high}) / uniqExact(t) AS `{high}`"
        for low, high in ends
    )
    return (
        f"SELECT $__timeInterval(t) AS time, {bands} FROM {table}"
        f" WHERE $__timeFilter(t) AND {condition} AND {_GPUS} GROUP BY time ORDER BY time {_MANY}"
    )


def _swing(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, max(swing_w_max) AS widest, quantile(0.5)(swing_w_mean) AS median"
        f" FROM {table} WHERE $__timeFilter(t) AND {condition} AND {_GPUS} GROUP BY time ORDER BY time {_MANY}"
    )


def _swingers(table: str, condition: str) -> str:
    return (
        "SELECT i.id AS gpu, any(i.rack) AS rack, max(m.swing_w_max) AS swing_w,"
        " sum(m.swing_hz_mean * m.swing_w_mean) / sum(m.swing_w_mean) AS swing_hz,"
        f" max(m.power_max_w_max) AS highest_w FROM {table} AS m"
        f" INNER JOIN (SELECT device, id, rack FROM inventory FINAL WHERE kind = 'gpu' AND {_PLACED}) AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} AND m.swing_w_mean > 0 GROUP BY gpu ORDER BY swing_w DESC LIMIT 50"
    )


def _pue(columns: str) -> str:
    return (
        f"SELECT hour AS time, {columns} FROM pue_inputs WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime"
        f" AND {chosen('hall')} GROUP BY time ORDER BY time {_MANY}"
    )


REASONS = {
    "power cap": "power_violation_s_total", "heat, software": "sw_thermal_s_total",
    "heat, hardware": "hw_thermal_s_total", "power brake": "power_brake_s_total",
}  # fmt: skip
"""What holds a GPU's clock down, and the seconds that the driver counts of it."""


def _held() -> str:
    # Growth of the counter since the sample before, over the time between: the share in which the reason held.
    grown = ", ".join(
        f"{c} - lagInFrame({c}, 1, {c}) OVER o AS g{n}" for n, c in enumerate(REASONS.values())
    )
    shares = ", ".join(
        f"avg(least(1, greatest(0, g{n}) / s)) AS `{name}`" for n, name in enumerate(REASONS)
    )
    return (
        f"SELECT $__timeInterval(t) AS time, {shares} FROM (SELECT t,"
        f" greatest(1, dateDiff('second', lagInFrame(t, 1, t - length_s) OVER o, t)) AS s, {grown}"
        f" FROM {counted('gpu_slow', list(REASONS.values()), _GPUS)}"
        " WINDOW o AS (PARTITION BY device ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW))"
        f" GROUP BY time ORDER BY time {_MANY}"
    )


def _drawn(table: str, condition: str) -> str:
    return (
        "SELECT $__timeInterval(t) AS time, avg(gpus_w) AS drawn FROM ("
        f"SELECT t, sum(power_w_mean) AS gpus_w FROM {table}"
        f" WHERE $__timeFilter(t) AND {condition} AND {_GPUS} GROUP BY t) GROUP BY time ORDER BY time {_MANY}"
    )


_ALLOWED = (
    "SELECT $__timeInterval(minute) AS time, avg(limit_w) AS `limit of the drivers` FROM (SELECT minute, sum(w) AS limit_w FROM ("
    f"SELECT toStartOfMinute(t) AS minute, device, max(power_limit_w) AS w FROM {counted('gpu_slow', ['power_limit_w'], _GPUS)}"
    f" GROUP BY minute, device) GROUP BY minute) GROUP BY time ORDER BY time {_MANY}"
)
"""By minute, in which every GPU's limit is read at least once."""

_ENERGY = (
    "SELECT toStartOfInterval(m.t, INTERVAL 1 HOUR) AS time, i.row AS place, sum(m.used_j) / 3.6e6 AS kwh FROM rack_1h AS m"
    f" INNER JOIN (SELECT device, `row` FROM inventory FINAL WHERE kind = 'rack' AND {_PLACED}) AS i ON i.device = m.device"
    f" WHERE m.t >= toStartOfHour($__fromTime) AND m.t <= $__toTime GROUP BY time, place ORDER BY time {_MANY}"
)
_PEAKS = (
    "SELECT i.id AS rack, max(m.rack_power_w_max) AS peak_w, argMax(m.t, m.rack_power_w_max) AS at,"
    " avg(m.rack_power_w_mean) AS mean_w, max(greatest(m.feed_a_w_max, m.feed_b_w_max)) AS one_feed_w,"
    " sum(m.used_j) / 3.6e6 AS kwh FROM rack_1m AS m"
    f" INNER JOIN (SELECT device, id FROM inventory FINAL WHERE kind = 'rack' AND {_PLACED}) AS i ON i.device = m.device"
    " WHERE $__timeFilter(m.t) GROUP BY rack ORDER BY peak_w DESC LIMIT 500"
)

BOARD = Board(
    "power",
    "Power and grid",
    "What the hall draws, how fast that changes, what swings and what is held down.",
    [
        Section("Now and over the time shown", [
            number("Hall now", "The hall's own meter.", unit_of("power_w"), _now("hall_now", "hall_power_w")),
            number("Racks now", "Sum of the racks' meters.", unit_of("power_w"), _now("rack_now", "rack_power_w")),
            number("GPUs now", "Sum of the GPUs' board power.", unit_of("power_w"), _now("gpu_now", "power_w")),
            number(
                "Peak", "Highest reading of the hall's meter in the time shown.", unit_of("power_w"),
                f"SELECT max(hall_power_w_max) AS peak_w FROM hall_1m WHERE $__timeFilter(t) AND {_HALLS} {_ONE}",
            ),
            number(
                "Energy", "Of the hall's meter, over the time shown.", unit_of("kwh"),
                f"SELECT sum(used_j) / 3.6e6 AS kwh FROM hall_1m WHERE $__timeFilter(t) AND {_HALLS} {_ONE}",
            ),
            number(
                "Grid now", "Frequency of the grid at the hall's meter.", unit_of("grid_hz"),
                f"SELECT avg(grid_hz) AS grid_hz FROM hall_now WHERE {chosen('hall', 'id')} {_ONE}",
            ).decimals(3),
        ]),
        Section("Load", [
            series("Hall", "The hall's meter: mean, and the highest reading of each interval.", unit_of("power_w"), tiered("hall", _hall)),
            series("Rows", "Racks' meters, summed by row.", unit_of("power_w"), tiered("rack", _rows)),
            series(
                "Ramp rate", "Steepest rise and fall of the hall's load between neighbouring values: what the grid's operator asks about.",
                unit_of("ramp_mw_per_s"), tiered("hall", _ramp),
            ),
            series("Grid frequency", "Lowest, mean and highest of each interval.", unit_of("grid_hz"), tiered("hall", _grid)).decimals(3),
        ]),
        Section("Swings", [
            density(
                "Spectrum of swings", "Watts of all GPUs' swings by their frequency, bands named by their upper end in Hz: many GPUs of"
                " one job swing in step, and the grid sees their sum.", unit_of("swing_w"), tiered("gpu", _spectrum, COARSE),
            ),
            series(
                "Width of swings", "Amplitude of a GPU's strongest swing, seen within each tick: the widest and the median GPU.",
                unit_of("swing_w"), tiered("gpu", _swing, COARSE),
            ),
            link(link(units(
                rows("Who swings most", "The fifty widest; the frequency is weighted by the width.", tiered("gpu", _swingers, COARSE), span=WHOLE),
                {name: unit_of(name) for name in ("swing_w", "swing_hz", "highest_w")},
            ), "gpu", "gpu", "gpu"), "rack", "rack", "rack"),
        ]),
        Section("Limits", [
            series(
                "Held down, by reason", "Share of GPU time in which the driver counted the reason; at full load the power cap is nothing odd.",
                unit_of("held_ratio"), _held(),
            ),
            series(
                "GPUs against their power limits", "What they draw, and the sum of the limits that their drivers enforce.",
                unit_of("power_w"), tiered("gpu", _drawn), _ALLOWED,
            ),
            series("Feeds", "Both feeds of all racks: each has to carry all when the other is lost.", unit_of("feed_w"), tiered("rack", _feeds)),
            gauges(
                "Feeds out of balance now", "Difference of a rack's two feeds over their sum; the twenty worst.", unit_of("off_ratio"),
                f"SELECT id AS rack, abs(feed_a_w - feed_b_w) / (feed_a_w + feed_b_w) AS off_ratio FROM rack_now WHERE {_PLACED}"
                " AND feed_a_w + feed_b_w > 0 ORDER BY off_ratio DESC LIMIT 20",
            ),
        ]),
        Section("Energy", [
            series("Energy of each hour", "By row, of the racks' meters.", unit_of("kwh"), _ENERGY, span=THIRD),
            series(
                "What goes into PUE", "Mean power of each hour: hall, racks, GPUs, pumps.", unit_of("racks_kw"),
                _pue("sum(hall_kw) AS `whole hall`, sum(racks_kw) AS racks, sum(gpus_kw) AS gpus, sum(pumps_kw) AS pumps"), span=THIRD,
            ),
            series(
                "PUE", "The hall's meter over the racks' meters, hour by hour.", "none",
                _pue("sum(hall_kw) / sum(racks_kw) AS pue"), span=THIRD,
            ).decimals(3),
            link(units(
                rows("Racks by their peak", "Highest reading of each rack in the time shown, and what one feed carried.", _PEAKS, span=WHOLE),
                {name: unit_of(name) for name in ("peak_w", "mean_w", "one_feed_w", "kwh")},
            ), "rack", "rack", "rack"),
        ]),
    ],
    levels=LEVELS,
    from_="now-6h",
    refresh="30s",
)  # fmt: skip
