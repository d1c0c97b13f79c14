"""Jobs: what runs where, what it costs in energy, how well it uses its GPUs, and what holds it up."""

from grafana_foundation_sdk.models.common import GraphDrawStyle

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.boards.power import REASONS
from coldplate.dashboards.panels import (
    THIRD,
    WHOLE,
    bars,
    link,
    number,
    rows,
    series,
    states,
    units,
)
from coldplate.dashboards.tiers import COARSE, counted, merged
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import chosen

LEVELS = ("hall", "row", "rack")
_PLACED = " AND ".join(chosen(level) for level in LEVELS)
_HERE = f"device IN (SELECT device FROM inventory FINAL WHERE kind = 'gpu' AND {_PLACED})"
_SHOWN = f"since <= $__toTime AND until >= $__fromTime AND {chosen('job')} AND {_HERE}"
_SPANS = f"(SELECT device, gpu, job, number, user, since, until FROM job_devices WHERE {_SHOWN})"
"""Stays of the chosen jobs on the chosen GPUs in the time shown."""

_END = "least($__toTime, now() - INTERVAL 1 MINUTE)"
"""A job that runs has its GPU until the server's now, which may be before the browser's."""

_RUNNING = f"(SELECT * FROM job_devices WHERE since <= $__toTime AND until >= {_END} AND {chosen('job')} AND {_HERE})"
_WITHIN = "m.t + m.length_s > s.since AND m.t < s.until"
"""A bucket counts that the job had in part: a short job would have none of an hour otherwise."""
_HOURS = "m.t >= toStartOfHour($__fromTime) AND m.t <= $__toTime"
_OVERLAP_H = (
    "greatest(0, dateDiff('second', greatest(s.since, toDateTime64(m.t, 3, 'UTC')),"
    " least(s.until, toDateTime64(m.t, 3, 'UTC') + INTERVAL 1 HOUR))) / 3600"
)
"""Share of an hour in which the job had the GPU."""


def _now(value: str) -> str:
    return f"SELECT {value} AS n FROM {_RUNNING} LIMIT 1"


def _hourly(columns: str, rest: str) -> str:
    return (
        f"SELECT {columns} FROM (SELECT s.job AS job, s.user AS user, s.gpu AS gpu, m.t AS t, {_OVERLAP_H} AS had_h, m.used_j * had_h / 3.6e6 AS had_kwh,"
        f" m.power_w_mean AS power_w, m.gpu_util_ratio_mean AS util_ratio FROM gpu_1h AS m INNER JOIN {_SPANS} AS s ON s.device = m.device"
        f" WHERE {_HOURS} AND had_h > 0) {rest}"
    )


def _joined(kind: str, *columns: str) -> str:
    """Rows `m` of the chosen GPUs with the stays `s` of jobs on them."""
    rows_ = merged(kind, ", ".join(columns), _HERE, COARSE)
    return f"FROM {rows_} AS m INNER JOIN {_SPANS} AS s ON s.device = m.device WHERE {_WITHIN}"


def _band(metric: str) -> tuple[str, str]:
    low, mean, high = (f"{metric}_{statistic}" for statistic in ("min", "mean", "max"))
    return unit_of(metric), (
        f"SELECT $__timeInterval(m.t) AS time, min(m.{low}) AS lowest, quantile(0.1)(m.{mean}) AS `one in ten below`,"
        f" quantile(0.5)(m.{mean}) AS median, quantile(0.9)(m.{mean}) AS `one in ten above`, max(m.{high}) AS highest"
        f" {_joined('gpu', low, mean, high)} GROUP BY time ORDER BY time LIMIT 5000"
    )


_STRAGGLERS = (
    "SELECT j.job AS job, j.gpu AS gpu, i.rack AS rack, j.mhz AS sm_clock_mhz, j.mhz / median(j.mhz) OVER (PARTITION BY j.job) AS of_job_ratio,"
    " j.power_w AS power_w, j.gpu_c AS gpu_c FROM (SELECT s.job AS job, s.gpu AS gpu, any(s.device) AS device, avg(m.sm_clock_mhz_mean) AS mhz,"
    f" avg(m.power_w_mean) AS power_w, max(m.gpu_c_max) AS gpu_c {_joined('gpu', 'sm_clock_mhz_mean', 'power_w_mean', 'gpu_c_max')}"
    " GROUP BY job, gpu) AS j INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = j.device"
    " ORDER BY of_job_ratio, gpu LIMIT 100"
)


def _held() -> str:
    shares = ", ".join(f"sum(g{n}) / sum(span_s) AS `{name}`" for n, name in enumerate(REASONS))
    grown = ", ".join(f"max(m.{c}) - min(m.{c}) AS g{n}" for n, c in enumerate(REASONS.values()))
    return (
        f"SELECT job, {shares} FROM (SELECT s.job AS job, s.gpu AS gpu,"
        f" greatest(60, dateDiff('second', min(m.t), max(m.t))) AS span_s, {grown}"
        f" FROM {counted('gpu_slow', list(REASONS.values()), _HERE)} AS m INNER JOIN {_SPANS} AS s ON s.device = m.device"
        f" WHERE {_WITHIN} GROUP BY job, gpu)"
        " GROUP BY job ORDER BY job LIMIT 40"
    )


_USE = (
    "SELECT $__timeInterval(m.t) AS time, avg(m.gpu_util_ratio_mean) AS `kernels run`, avg(m.mem_util_ratio_mean) AS `memory busy`,"
    " quantile(0.05)(m.gpu_util_ratio_mean) AS `one GPU in twenty below`"
    f" {_joined('gpu', 'gpu_util_ratio_mean', 'mem_util_ratio_mean')} GROUP BY time ORDER BY time LIMIT 5000"
)
_LIST = (
    "SELECT s.job AS job, any(s.user) AS user, uniqExact(s.gpu) AS gpus, min(s.since) AS started,"
    f" if(countIf(s.until >= {_END}) > 0, NULL, max(s.until)) AS ended,"
    " sum(dateDiff('second', greatest(s.since, toDateTime64($__fromTime, 3)), least(s.until, toDateTime64($__toTime, 3)))) / 3600 AS gpu_h,"
    " any(i.rack) AS `a rack` FROM "
    f"{_SPANS} AS s INNER JOIN (SELECT device, rack FROM inventory FINAL) AS i ON i.device = s.device"
    " GROUP BY job ORDER BY started DESC LIMIT 500"
)
_COST = _hourly(
    "job, any(user) AS user, sum(had_kwh) AS kwh, sum(had_h) AS gpu_h, sum(power_w * had_h) / sum(had_h) AS mean_w,"
    " sum(util_ratio * had_h) / sum(had_h) AS util_ratio,"
    " mean_w / nullIf(util_ratio, 0) AS `watts at full use`",
    "GROUP BY job ORDER BY kwh DESC LIMIT 200",
)
_PLACES = (
    "SELECT i.rack AS rack, s.job AS job, uniqExact(s.gpu) AS gpus, uniqExact(i.node) AS nodes, min(s.since) AS since FROM "
    f"{_SPANS} AS s INNER JOIN (SELECT device, rack, node FROM inventory FINAL) AS i ON i.device = s.device"
    " GROUP BY rack, job ORDER BY rack, since LIMIT 1000"
)
_WHO = (
    "SELECT greatest(since, toDateTime64($__fromTime, 3)) AS time, node, toFloat64(max(n)) AS job FROM ("
    "SELECT i.node AS node, s.since AS since, s.number AS n FROM {spans} AS s INNER JOIN {nodes} AS i ON i.device = s.device"
    " UNION ALL SELECT i.node AS node, s.until AS since, 0 AS n FROM {spans} AS s INNER JOIN {nodes} AS i ON i.device = s.device WHERE s.until < {end}"
    ") WHERE node IN (SELECT DISTINCT node FROM inventory FINAL WHERE kind = 'gpu' AND {placed} ORDER BY node LIMIT 40)"
    " GROUP BY time, node ORDER BY time LIMIT 5000"
).replace("{spans}", _SPANS).replace("{nodes}", "(SELECT device, node FROM inventory FINAL)").replace("{placed}", _PLACED).replace("{end}", _END)  # fmt: skip
_HIT = (
    "SELECT n.opened_at AS opened, j.job AS job, n.severity AS severity, n.kind AS kind, n.subject AS subject, n.rack AS rack,"
    " uniqExact(j.gpu) AS gpus, any(n.cause) AS cause FROM ("
    "SELECT *, arrayJoin(arrayPushBack(affected, subject)) AS hit FROM incidents_now WHERE opened_at <= $__toTime AND ifNull(closed_at, now64(3)) >= $__fromTime) AS n"
    " INNER JOIN (SELECT id, arrayJoin([id, node, rack, concat(rack, '/cdu')]) AS part FROM inventory FINAL WHERE kind = 'gpu') AS i ON i.part = n.hit"
    f" INNER JOIN {_SPANS} AS j ON j.gpu = i.id"
    " WHERE j.since <= ifNull(n.closed_at, now64(3)) AND j.until >= n.opened_at"
    " GROUP BY opened, job, severity, kind, subject, rack ORDER BY opened DESC LIMIT 300"
)

BOARD = Board(
    "jobs",
    "Jobs",
    "What runs where, what it costs in energy, how well it uses its GPUs, and what holds it up.",
    [
        Section("At the end of the time shown", [
            number("Jobs", "That run.", "short", _now("uniqExact(job)")),
            number("GPUs at work", "That a job has.", "short", _now("uniqExact(gpu)")),
            number(
                "GPUs without a job", "Of those chosen.", "short",
                f"SELECT count() AS n FROM inventory FINAL WHERE kind = 'gpu' AND {_PLACED} AND device NOT IN"
                f" (SELECT device FROM job_devices WHERE since <= $__toTime AND until >= {_END}) LIMIT 1",
            ),
            number("Users", "Whose jobs run.", "short", _now("uniqExact(user)")),
            number(
                "Energy of jobs", "Of their GPUs over the time shown, in whole hours: an hour's energy by the share of it that a job had the GPU.",
                unit_of("kwh"), _hourly("sum(had_kwh) AS kwh", "LIMIT 1"),
            ),
            number("GPU hours", "Of jobs in the time shown.", unit_of("gpu_h"), _hourly("sum(had_h) AS gpu_h", "LIMIT 1")),
        ]),
        Section("What ran", [
            link(link(units(
                rows("List", "Jobs of the time shown, the newest first.", _LIST), {"gpu_h": unit_of("gpu_h")},
            ), "a rack", "rack", "rack"), "job", "jobs", "job"),
            link(link(rows("Where", "Racks of each job.", _PLACES), "rack", "rack", "rack"), "job", "jobs", "job"),
            states("Who had which node", "Number of the job that had GPUs of a node; forty nodes, 0 is none.", _WHO),
        ]),
        Section("Energy and use", [
            link(units(
                rows(
                    "Energy and efficiency", "Energy, mean power and use of a job's GPUs; watts at full use are the mean power over the share of time"
                    " in which kernels ran: much more than others' means waiting at high power.", _COST,
                ),
                {name: unit_of(name) for name in ("kwh", "gpu_h", "mean_w", "util_ratio")} | {"watts at full use": unit_of("mean_w")},
            ), "job", "jobs", "job"),
            series(
                "Energy of each hour", "Of the GPUs of the chosen jobs, by user.", unit_of("kwh"),
                _hourly("t AS time, user, sum(had_kwh) AS kwh", "GROUP BY time, user ORDER BY time LIMIT 20000"),
            ).draw_style(GraphDrawStyle.BARS).fill_opacity(60),
            series("Use", "Share of time in which kernels ran, and memory was read or written.", unit_of("util_ratio"), _USE),
            series("Clock", "Of the chosen jobs' GPUs: in a synchronous job the slowest sets the pace.", *_band("sm_clock_mhz")),
        ]),
        Section("Bands", [
            series("Power", "Of the chosen jobs' GPUs: means of each interval, with its lowest and highest value.", *_band("power_w"), span=THIRD),
            series("Temperature", "As above.", *_band("gpu_c"), span=THIRD),
            series("Margin", "Kelvin to the GPUs' own limits; 0 is the limit.", *_band("margin_c"), span=THIRD),
        ]),
        Section("What holds it up", [
            link(units(
                rows("Stragglers", "Mean clock of each GPU against the median of its job, the slowest first.", _STRAGGLERS),
                {name: unit_of(name) for name in ("sm_clock_mhz", "of_job_ratio", "power_w", "gpu_c")},
            ), "gpu", "gpu", "gpu"),
            bars("Held down, by reason", "Share of GPU time that the driver counted, by job.", unit_of("held_ratio"), _held()),
            link(rows(
                "Incidents that hit jobs", "Whose cause or affected devices were a job's GPUs, nodes, racks or coolant units while it ran.", _HIT, span=WHOLE,
            ), "rack", "rack", "rack"),
        ]),
    ],
    levels=LEVELS,
    with_job=True,
    from_="now-6h",
    refresh="1m",
)  # fmt: skip
