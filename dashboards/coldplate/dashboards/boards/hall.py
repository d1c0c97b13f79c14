"""The hall at a glance: power, what is wrong, how much margin is left, and where to look."""

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.courses import course, each, foremost, total
from coldplate.dashboards.happened import incidents
from coldplate.dashboards.panels import (
    THIRD,
    WHOLE,
    density,
    gauges,
    limits,
    link,
    number,
    rows,
    series,
    units,
)
from coldplate.dashboards.tiers import COARSE, tiered
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import ALL, chosen, devices

LEVELS = ("hall",)
_PLACED = chosen("hall")
_HERE = (
    f"(${{hall:sqlstring}} = '{ALL}' OR rack = ${{hall:sqlstring}}"
    f" OR rack IN (SELECT rack FROM inventory FINAL WHERE {_PLACED}))"
)
"""Incidents of the hall's racks, and of the hall itself, which stands as its own rack."""

_HALLS, _RACKS, _GPUS = (devices(kind, "hall") for kind in ("hall", "rack", "gpu"))
_SAMPLED = "kind IN ('gpu', 'node', 'cdu', 'rack', 'hall')"
_KINDS = ("gpu", "node", "cdu", "rack", "hall")
_PRESENT = " UNION ALL ".join(
    f"SELECT device FROM {kind}_samples WHERE $__timeFilter(t) AND t > $__toTime - INTERVAL 5 MINUTE" for kind in _KINDS
)  # fmt: skip
"""Of which something came lately; the tables themselves, for views of now take long to be planned."""

_OPEN = "state = 'open'"
_RANK = "indexOf(['info', 'ticket', 'warning', 'critical'], severity)"

MARGINS_C = (0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 100)
"""Upper ends of the buckets of margins; the first holds GPUs at or beyond their limit."""


def _margins(table: str, condition: str) -> str:
    ends = zip((-1000, *MARGINS_C), MARGINS_C, strict=False)
    buckets = ", ".join(
        f"countIf(margin_c > {low} AND margin_c <= {high}) / greatest(1, uniqExact(t)) AS `{high}`"
        for low, high in ends
    )
    return (
        f"SELECT $__timeInterval(t) AS time, {buckets} FROM (SELECT t, margin_c_mean AS margin_c FROM {table}"
        f" WHERE $__timeFilter(t) AND {condition} AND {_GPUS}) GROUP BY time ORDER BY time LIMIT 20000"
    )


def _hottest(table: str, condition: str) -> str:
    return (
        f"SELECT i.rack AS rack, max(m.gpu_c_max) AS hottest_c FROM {table} AS m"
        f" INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE kind = 'gpu' AND {_PLACED}) AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} GROUP BY rack ORDER BY hottest_c DESC, rack LIMIT 20"
    )


_STATES = (
    "SELECT g.rack AS rack, any(g.row) AS `row`,"
    " if(any(n.worst) > 0, ['info', 'ticket', 'warning', 'critical'][any(n.worst)], 'quiet') AS state, any(n.incidents) AS incidents,"
    " any(r.rack_power_w) AS power_w, max(g.gpu_c) AS hottest_c, min(g.margin_c) AS margin_c,"
    " countIf(bitAnd(g.clock_event_reasons, 0xE0) != 0) AS throttled, count() AS gpus, any(c.supply_c) AS supply_c, any(c.flow_lpm) AS flow_lpm"
    f" FROM (SELECT rack, `row`, gpu_c, margin_c, clock_event_reasons FROM gpu_now WHERE {_PLACED}) AS g"
    " LEFT JOIN (SELECT id, rack_power_w FROM rack_now) AS r ON r.id = g.rack"
    " LEFT JOIN (SELECT rack, supply_c, flow_lpm FROM cdu_now) AS c ON c.rack = g.rack"
    f" LEFT JOIN (SELECT rack, max({_RANK}) AS worst, count() AS incidents FROM incidents_now WHERE {_OPEN} GROUP BY rack) AS n ON n.rack = g.rack"
    " GROUP BY rack ORDER BY any(n.worst) DESC, margin_c, rack LIMIT 2000"
)
_SILENT = (
    "SELECT i.id AS id, i.kind AS device, i.rack AS rack, f.newest AS `newest frame` FROM"
    f" (SELECT id, kind, rack, node, device FROM inventory FINAL WHERE {_SAMPLED} AND {_PLACED} AND device NOT IN ({_PRESENT})) AS i"
    " LEFT JOIN (SELECT source, max(appended_at) AS newest FROM frames WHERE $__timeFilter(appended_at) GROUP BY source) AS f"
    " ON f.source = if(i.kind = 'gpu', i.node, i.id) ORDER BY id LIMIT 500"
    " UNION ALL SELECT 'none' AS id, '' AS device, '' AS rack, toDateTime64(0, 3, 'UTC') AS `newest frame`"
    f" WHERE (SELECT count() FROM inventory FINAL WHERE {_SAMPLED} AND {_PLACED} AND device NOT IN ({_PRESENT})) = 0 LIMIT 1"
)
_PUE = (
    "SELECT hour AS time, sum(hall_kw) AS `whole hall`, sum(racks_kw) AS racks, sum(gpus_kw) AS gpus, sum(pumps_kw) AS pumps,"
    " sum(hall_kw) / sum(racks_kw) AS pue FROM pue_inputs"
    f" WHERE hour >= toStartOfHour($__fromTime) AND hour <= $__toTime AND {_PLACED} GROUP BY time ORDER BY time LIMIT 20000"
)
_AVAILABLE = (
    "SELECT sum(ratio * expected) / nullIf(sumIf(expected, ratio IS NOT NULL), 0) AS available_ratio FROM availability"
    " WHERE day >= toDate($__fromTime) AND day <= toDate($__toTime)"
    f" AND rack IN (SELECT rack FROM inventory FINAL WHERE {_PLACED}) LIMIT 1"
)

BOARD = Board(
    "hall",
    "Hall",
    "Power, incidents and margin of a hall, and where to look.",
    [
        Section("Now", [
            number(
                "Power now", "The hall's own meter.", unit_of("power_w"),
                f"SELECT sum(hall_power_w) AS power_w FROM hall_now WHERE {chosen('hall', 'id')} LIMIT 1",
            ),
            number(
                "Least margin now", "Of any GPU, in kelvin to the limit that the GPU itself reports; 0 is the limit.", unit_of("margin_k"),
                f"SELECT min(margin_c) AS margin_k FROM gpu_now WHERE {_PLACED} LIMIT 1",
            ),
            number(
                "Throttled GPUs now", "Held down by heat or by the power brake, as their driver says; the power cap does not count.", "short",
                f"SELECT count() AS gpus FROM throttling_now WHERE {_PLACED} LIMIT 1",
            ).thresholds(limits((1, "#D55E00"))),
            number(
                "Open incidents", "By severity; warnings and worse are pages.", "short",
                "SELECT countIf(severity = 'critical') AS critical, countIf(severity = 'warning') AS warning,"
                f" countIf(severity = 'ticket') AS ticket FROM incidents_now WHERE {_OPEN} AND {_HERE} LIMIT 1",
            ),
            number(
                "Available", "Share of minutes in which GPUs were there, of whole days of the time shown, without planned work.",
                unit_of("available_ratio"), _AVAILABLE,
            ).decimals(2),
            number(
                "Silent devices", "Of which nothing came in the last five minutes of the time shown; listed below.", "short",
                f"SELECT count() AS devices FROM inventory FINAL WHERE {_SAMPLED} AND {_PLACED} AND device NOT IN ({_PRESENT}) LIMIT 1",
            ).thresholds(limits((1, "#E69F00"))),
        ]),
        Section("Where to look", [
            link(units(
                rows("Racks by state", "As they are now: those with the worst open incident first, then the least margin.", _STATES, span=16),
                {name: unit_of(name) for name in ("power_w", "hottest_c", "supply_c", "flow_lpm")} | {"margin_c": unit_of("margin_k")},
            ), "rack", "rack", "rack"),
            gauges(
                "Hottest racks", "Highest temperature of a GPU of each in the time shown; the twenty hottest.", unit_of("hottest_c"),
                tiered("gpu", _hottest, COARSE), span=THIRD,
            ),
            incidents("Incidents", "That were open in the time shown: the open ones first, then the worst.", _HERE, WHOLE),
        ]),
        Section("Margin and heat", [
            density(
                "Margins", "How many GPUs have which margin to their own limit, in kelvin; buckets are named by their upper end, the first is"
                " at the limit or beyond.", "short", tiered("gpu", _margins, COARSE),
            ),
            series(
                "Facility water", "Temperature of the water that the building supplies, at the hall's meter.", unit_of("facility_supply_c"),
                course("hall", "min(facility_supply_c_min) AS lowest, avg(facility_supply_c_mean) AS mean, max(facility_supply_c_max) AS highest", _HALLS),
            ),
        ]),
        Section("Power", [
            series(
                "Power of the racks", "Racks' own meters: the twelve that draw most in the time shown.", unit_of("rack_power_w"),
                each("rack", "avg(m.rack_power_w_mean) AS power_w", f"kind = 'rack' AND {_PLACED}", "id", some=foremost("rack", "avg(rack_power_w_mean)", _RACKS)),
            ),
            series(
                "Swings of the hall", "How far the hall's meter went up and down within each moment of the rollup that is read.", unit_of("swing_w"),
                course("hall", "max(hall_power_w_max - hall_power_w_min) AS `widest`, avg(hall_power_w_max - hall_power_w_min) AS mean", _HALLS),
            ),
            series(
                "Swings of the GPUs", "Sum of the amplitudes of all GPUs' strongest swings: what the hall would see if all swung in step.", unit_of("swing_w"),
                total("gpu", {"in step": "ifNull(m.swing_w_mean, 0)"}, f"kind = 'gpu' AND {_PLACED}", COARSE),
            ),
            series(
                "What goes into PUE", "Mean power of each hour, and on the right PUE: the hall's meter over the racks' meters.", unit_of("racks_kw"), _PUE,
            ).override_by_name("pue", [
                DynamicConfigValue(id_val="unit", value="none"), DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
                DynamicConfigValue(id_val="decimals", value=3),
            ]),
            rows("Silent", "Devices of which nothing came in the last five minutes of the time shown, with the newest frame of their agent.", _SILENT, span=WHOLE),
        ]),
    ],
    levels=LEVELS,
)  # fmt: skip
