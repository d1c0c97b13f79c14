"""One GPU, or the few of a node: power, heat, clocks and what holds them down, errors, jobs, and what was wrong.

Up to eight of what is chosen are shown. Short times are drawn from the samples themselves.
"""

from collections.abc import Sequence
from dataclasses import replace

from grafana_foundation_sdk.models.common import GraphDrawStyle
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.boards.power import REASONS as HELD
from coldplate.dashboards.courses import ROWS, course, each, grown
from coldplate.dashboards.happened import incidents
from coldplate.dashboards.panels import (
    BLUE,
    GREY,
    HALF,
    ORANGE,
    RED,
    THIRD,
    link,
    rows,
    series,
    states,
)
from coldplate.dashboards.tiers import TIERS
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import chosen

LEVELS = ("hall", "row", "rack", "node", "gpu")
GPUS_SHOWN = 8
RAW_BELOW_S = 10
"""Below it the samples themselves are read, which are of seconds."""

_PLACED = "kind = 'gpu' AND " + " AND ".join(chosen(level) for level in LEVELS)
_SOME = f"SELECT device FROM inventory FINAL WHERE {_PLACED} ORDER BY id LIMIT {GPUS_SHOWN}"
_HERE = f"device IN ({_SOME})"
_IDS = f"SELECT id FROM inventory FINAL WHERE {_PLACED} ORDER BY id LIMIT {GPUS_SHOWN}"
_NAMES = f"(SELECT device, id FROM inventory FINAL WHERE {_PLACED} ORDER BY id LIMIT {GPUS_SHOWN})"
_FEW = f" Up to {GPUS_SHOWN} GPUs."

_RAW = f"$__interval_s < {RAW_BELOW_S}"
TENS = replace(TIERS[0], from_s=RAW_BELOW_S)
AGGREGATES = {"min": "min", "mean": "avg", "max": "max"}
Line = tuple[str, str, str]
"""Name of a series, metric, and which of `AGGREGATES`."""

_METRICS = ("gpu_c", "margin_c")
"""That further columns may be made of."""


def _lines(lines: Sequence[Line], *more: str) -> str:
    """Metrics of each GPU, of short times from samples.

    Parameters
    ----------
    lines
        What is drawn.
    more
        Further columns, of means that are called as their metrics.
    """

    def select(table: str, condition: str, *, raw: bool) -> str:
        def column(metric: str, statistic: str) -> str:
            return f"m.{metric}" if raw else f"m.{metric}_{statistic}"

        columns = [
            f"toFloat64({AGGREGATES[s]}({column(m, s)})) AS `{name}`" for name, m, s in lines
        ]
        columns += [text.format(**{m: column(m, "mean") for m in _METRICS}) for text in more]
        return (
            f"SELECT $__timeInterval(m.t) AS time, i.id AS gpu, {', '.join(columns)} FROM {table} AS m"
            f" INNER JOIN {_NAMES} AS i ON i.device = m.device"
            f" WHERE $__timeFilter(m.t) AND {condition} AND m.{_HERE} GROUP BY time, gpu ORDER BY time LIMIT {ROWS}"
        )

    return "\nUNION ALL\n".join([
        select("gpu_samples", _RAW, raw=True),
        *(select(f"gpu_{t.suffix}", t.condition, raw=False) for t in (TENS, *TIERS[1:])),
    ])  # fmt: skip


def _slow(columns: str) -> str:
    return each("gpu_slow", columns, _PLACED, "id", some=_SOME)


REASONS = {
    0: ("nothing", "transparent"), 1: ("idle", GREY), 2: ("clock set by someone", "#F0E442"), 4: ("power cap", BLUE), 8: ("hardware slowdown", ORANGE),
    16: ("synchronised clocks", "#F0E442"), 32: ("heat, software", ORANGE), 64: ("heat, hardware", RED), 128: ("power brake", "#CC79A7"),
    256: ("display clock", "#F0E442"),
}  # fmt: skip
"""NVML's bits of `clock_event_reasons`, in words."""

BY_WEIGHT = (64, 128, 32, 8, 4, 2, 16, 256, 1)
"""Of several reasons the first of these is shown."""


def _reasons(table: str, condition: str) -> str:
    # The last of each bucket, and the greatest: heat and brake have higher bits than what is nothing odd.
    bits = "groupBitOr(bitOr(toUInt32(ifNull(m.clock_event_reasons_last, 0)), toUInt32(ifNull(m.clock_event_reasons_max, 0))))"
    worst = ", ".join(f"bitAnd(bits, {bit}) != 0, {bit}" for bit in BY_WEIGHT)
    return (
        f"SELECT time, gpu, toFloat64(multiIf({worst}, 0)) AS reason FROM ("
        f"SELECT $__timeInterval(m.t) AS time, i.id AS gpu, {bits} AS bits FROM {table} AS m INNER JOIN {_NAMES} AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} AND m.{_HERE} GROUP BY time, gpu) ORDER BY time LIMIT {ROWS}"
    )


_JOBS = (
    "SELECT greatest(t, toDateTime64($__fromTime, 3)) AS time, gpu, toFloat64(max(n)) AS job FROM ("
    f"SELECT since AS t, gpu, number AS n FROM job_gpus WHERE gpu IN ({_IDS}) AND since <= $__toTime AND ifNull(until, now64(3)) >= $__fromTime"
    f" UNION ALL SELECT assumeNotNull(until) AS t, gpu, 0 AS n FROM job_gpus WHERE gpu IN ({_IDS}) AND until >= $__fromTime AND until <= $__toTime"
    f" UNION ALL SELECT toDateTime64($__fromTime, 3) AS t, arrayJoin((SELECT groupArray(id) FROM ({_IDS}))) AS gpu, 0 AS n"
    ") GROUP BY time, gpu ORDER BY time LIMIT 5000"
)
_RESISTANCE = (
    "SELECT toDateTime(day) AS time, gpu, k_per_w, of_rack AS `median of the rack` FROM ("
    "SELECT day, gpu, k_per_w, quantileExact(0.5)(k_per_w) OVER (PARTITION BY rack, day) AS of_rack FROM thermal_resistance_daily"
    f" WHERE day >= toDate($__fromTime) - 1 AND day <= toDate($__toTime) AND rack IN (SELECT rack FROM inventory FINAL WHERE {_PLACED}))"
    f" WHERE gpu IN ({_IDS}) ORDER BY time LIMIT 5000"
)
_XIDS = (
    "SELECT t AS at, subject AS gpu, rack, code AS xid, text FROM events FINAL WHERE $__timeFilter(t) AND kind IN ('xid', 'gpu_lost')"
    f" AND subject IN (SELECT id FROM inventory FINAL WHERE {_PLACED}) ORDER BY at DESC LIMIT 200"
    " UNION ALL SELECT NULL AS at, 'none' AS gpu, '' AS rack, NULL AS xid, '' AS text WHERE (SELECT count() FROM events WHERE $__timeFilter(t)"
    f" AND kind IN ('xid', 'gpu_lost') AND subject IN (SELECT id FROM inventory FINAL WHERE {_PLACED})) = 0 LIMIT 1"
)
_ENERGY = (
    "SELECT m.t AS time, i.id AS gpu, sum(m.used_j) / 3.6e6 AS kwh FROM gpu_1h AS m"
    f" INNER JOIN {_NAMES} AS i ON i.device = m.device"
    f" WHERE m.t >= toStartOfHour($__fromTime) AND m.t <= $__toTime AND m.{_HERE} GROUP BY time, gpu ORDER BY time LIMIT {ROWS}"
)
ERRORS = {
    "ECC, corrected": "ecc_corrected_total", "ECC, uncorrected": "ecc_uncorrected_total", "rows remapped, corrected": "remap_corrected_total",
    "rows remapped, uncorrected": "remap_uncorrected_total", "PCIe replays": "pcie_replay_total", "NVLink errors": "nvlink_errors_total",
}  # fmt: skip
TRAFFIC = {
    "PCIe, sent": "pcie_tx_bytes_total", "PCIe, received": "pcie_rx_bytes_total",
    "NVLink, sent": "nvlink_tx_bytes_total", "NVLink, received": "nvlink_rx_bytes_total",
}  # fmt: skip


def _words() -> list[ValueMapping]:
    options = {
        str(bit): ValueMappingResult(text=word, color=colour, index=n)
        for n, (bit, (word, colour)) in enumerate(REASONS.items())
    }
    return [ValueMap(options=options)]


def _right(unit: str) -> list[DynamicConfigValue]:
    return [
        DynamicConfigValue(id_val="unit", value=unit),
        DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
    ]


BOARD = Board(
    "gpu",
    "GPU",
    "One GPU, or the few of a node: power, heat, clocks and what holds them down, errors, jobs, and what was wrong.",
    [
        Section("Power and heat", [
            series(
                "Power", f"Mean, with the lowest and highest that was seen within ticks, and the limit that the driver enforces.{_FEW}", unit_of("power_w"),
                _lines([("lowest", "power_min_w", "min"), ("mean", "power_w", "mean"), ("highest", "power_max_w", "max")]),
                _slow("avg(m.power_limit_w_mean) AS `limit`"),
            ),
            series(
                "Temperature", f"Of the die, and the limit that the GPU itself reports: temperature and margin together.{_FEW}", unit_of("gpu_c"),
                _lines([("die", "gpu_c", "mean"), ("highest", "gpu_c", "max")], "avg({gpu_c} + {margin_c}) AS `its own limit`"),
            ),
            series(
                "HBM", f"Temperature of the memory, and its highest at full clock where the GPU says it.{_FEW}", unit_of("hbm_c"),
                _lines([("HBM", "hbm_c", "mean"), ("highest", "hbm_c", "max")]), _slow("avg(m.hbm_max_c_mean) AS `its own limit`"), span=THIRD,
            ),
            series(
                "Margin", f"Kelvin to the GPU's own limit; 0 is the limit.{_FEW}", unit_of("margin_k"),
                _lines([("least", "margin_c", "min"), ("mean", "margin_c", "mean")]), span=THIRD,
            ),
            series(
                "Thermal resistance", "Kelvin a watt between GPU and coolant, day by day, against the median of its rack: rises as a cold plate"
                " fouls or its paste dries. Thirty days, where the time shown ends now.", unit_of("k_per_w"), _RESISTANCE, span=THIRD,
            ).time_from("30d").decimals(4),
        ]),
        Section("Clocks and use", [
            series(
                "Clocks", f"Of the multiprocessors, with the lowest, and of the memory.{_FEW}", unit_of("sm_clock_mhz"),
                _lines([("SM", "sm_clock_mhz", "mean"), ("SM, lowest", "sm_clock_mhz", "min"), ("memory", "mem_clock_mhz", "mean")]),
            ),
            series(
                "Held down, by reason", "Share of the time that the driver counted, mean of the chosen GPUs.", unit_of("held_ratio"),
                grown("gpu_slow", HELD, _HERE, a_second=True),
            ),
            states(
                "Why the clock is held down", f"As the driver says; of several reasons the gravest.{_FEW}",
                "\nUNION ALL\n".join(_reasons(f"gpu_{t.suffix}", t.condition) for t in TIERS),
            ).mappings(_words()),
            series(
                "Use", f"Share of time in which a kernel ran, and memory was read or written.{_FEW}", unit_of("gpu_util_ratio"),
                _lines([("kernels run", "gpu_util_ratio", "mean"), ("memory busy", "mem_util_ratio", "mean")]), span=THIRD,
            ),
            series("Memory", f"In use.{_FEW}", unit_of("mem_used_bytes"), _lines([("used", "mem_used_bytes", "max")]), span=THIRD),
            series(
                "Swings of power", f"Amplitude of the strongest swing within ticks; on the right its frequency, where there is one.{_FEW}", unit_of("swing_w"),
                _lines([("amplitude", "swing_w", "max"), ("frequency", "swing_hz", "mean")]), span=THIRD,
            ).override_by_regexp("/frequency/", _right("hertz")),
        ]),
        Section("Jobs and energy", [
            states("Jobs", f"Number of the job that had the GPU; 0 is none.{_FEW}", _JOBS),
            series("Energy of each hour", f"Of the GPU's power.{_FEW}", unit_of("kwh"), _ENERGY, span=HALF).draw_style(GraphDrawStyle.BARS).fill_opacity(60),
            series(
                "Traffic", "Bytes a second over PCIe and NVLink, mean of the chosen GPUs.", "Bps", grown("gpu_slow", TRAFFIC, _HERE, a_second=True),
            ),
        ]),
        Section("Errors and links", [
            series("New errors", "By how much the counters of the chosen GPUs grew in each interval.", "short", grown("gpu_slow", ERRORS, _HERE)),
            series(
                "Links", "Lowest PCIe generation and width of the chosen GPUs: a link that trained low is slow without an error.", "short",
                course("gpu_slow", "min(pcie_gen_min) AS `PCIe generation`, min(pcie_width_min) AS `PCIe lanes`, max(remap_pending_max) AS `remaps that wait for a reset`", _HERE),
            ),
            link(rows("XID events", "What the driver reported, the newest first; also of GPUs that fell off the bus.", _XIDS), "rack", "rack", "rack"),
            incidents(
                "Incidents", "Of which the GPU was the cause, or that harmed it: the open ones first.",
                f"subject IN ({_IDS}) OR id IN (SELECT id FROM (SELECT id, arrayJoin(affected) AS hit FROM incidents_now) WHERE hit IN ({_IDS}))", HALF,
            ),
        ]),
    ],
    levels=LEVELS,
    refresh="10s",
)  # fmt: skip
