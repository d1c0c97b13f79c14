"""A row or a rack: its water, what its GPUs make of it, its power, and what is wrong."""

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.courses import MAX_SHOWN, course, each, grown, total
from coldplate.dashboards.happened import incidents
from coldplate.dashboards.panels import (
    THIRD,
    WHOLE,
    gauges,
    limits,
    link,
    number,
    rows,
    series,
    units,
)
from coldplate.dashboards.tiers import by_choice
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import chosen, devices

LEVELS = ("hall", "row", "rack")
TIERS = by_choice("rack")
_PLACED = " AND ".join(chosen(level) for level in LEVELS)
_CDUS, _NODES, _GPUS = (devices(kind, *LEVELS) for kind in ("cdu", "node", "gpu"))
_FEW = f" At most {MAX_SHOWN} racks: choose a row or a rack for others."


def _some(kind: str) -> str:
    return f"SELECT device FROM inventory FINAL WHERE kind = '{kind}' AND {_PLACED} ORDER BY rack LIMIT {MAX_SHOWN}"


def _of_cdu(columns: str) -> str:
    return each("cdu", columns, f"kind = 'cdu' AND {_PLACED}", "rack", some=_some("cdu"))


_RIGHT = DynamicConfigValue(id_val="custom.axisPlacement", value="right")
_ON_RIGHT = {unit: [DynamicConfigValue(id_val="unit", value=unit), _RIGHT] for unit in ("watt",)}
WATER_J_PER_L_K = 4180
"""Of water; a glycol mixture carries about 7 % less."""

_HEAT = f"m.flow_lpm_mean / 60 * {WATER_J_PER_L_K} * (m.return_c_mean - m.supply_c_mean)"
_SPREAD = (
    "max(gpu_c_max) AS hottest, quantile(0.9)(gpu_c_mean) AS `one in ten above`, quantile(0.5)(gpu_c_mean) AS median,"
    " min(gpu_c_min) AS coolest, avg(gpu_c_mean + margin_c_mean) AS `their own limit`"
)
_FLOWS = (
    "SELECT n.id AS node, n.node_flow_lpm / nullIf(median(n.node_flow_lpm) OVER (PARTITION BY n.rack), 0) AS of_median_ratio"
    f" FROM node_now AS n WHERE {_PLACED} AND n.node_flow_lpm IS NOT NULL ORDER BY of_median_ratio LIMIT 40"
)
_TABLE = (
    "SELECT id AS gpu, rack, power_w, gpu_c, gpu_c - median(gpu_c) OVER (PARTITION BY rack) AS over_median_k, hbm_c, margin_c AS margin_k,"
    " sm_clock_mhz, gpu_util_ratio, bitAnd(clock_event_reasons, 0xE0) != 0 AS throttled, job, t AS seen"
    f" FROM gpu_now WHERE {_PLACED} ORDER BY margin_k, gpu LIMIT 1000"
)

BOARD = Board(
    "rack",
    "Row and rack",
    "Water, GPUs and power of a row or a rack, and what is wrong there.",
    [
        Section("Now", [
            number("Power now", "Sum of the racks' own meters.", unit_of("power_w"), f"SELECT sum(rack_power_w) AS power_w FROM rack_now WHERE {_PLACED} LIMIT 1", span=6),
            number(
                "Least margin now", "Of any GPU, in kelvin to the limit that the GPU itself reports.", unit_of("margin_k"),
                f"SELECT min(margin_c) AS margin_k FROM gpu_now WHERE {_PLACED} LIMIT 1", span=6,
            ),
            number("Coolant flow now", "Sum of the coolant units.", unit_of("flow_lpm"), f"SELECT sum(flow_lpm) AS flow_lpm FROM cdu_now WHERE {_PLACED} LIMIT 1", span=6),
            number(
                "Wet leak ropes", "Coolant units whose rope is wet now.", "short",
                f"SELECT countIf(leak > 0) AS ropes FROM cdu_now WHERE {_PLACED} LIMIT 1", span=6,
            ).thresholds(limits((1, "#D55E00"))),
        ]),
        Section("Water", [
            series("Coolant", f"Temperature to the cold plates and back, of each rack's coolant unit.{_FEW}", unit_of("supply_c"), _of_cdu(
                "avg(m.supply_c_mean) AS supply, avg(m.return_c_mean) AS `return`")),
            series("Flow", f"Of each rack's coolant unit, and its lowest reading.{_FEW}", unit_of("flow_lpm"), _of_cdu(
                "avg(m.flow_lpm_mean) AS flow, min(m.flow_lpm_min) AS lowest")),
            series("Pressure", f"Absolute, before the cold plates and behind them.{_FEW}", unit_of("supply_kpa"), _of_cdu(
                "avg(m.supply_kpa_mean) AS supply, avg(m.return_kpa_mean) AS `return`"), span=THIRD),
            series("Pumps", f"Speeds; on the right the electric power of both. A pump that stands has speed 0.{_FEW}", unit_of("pump1_rpm"), _of_cdu(
                "avg(m.pump1_rpm_mean) AS `pump 1`, avg(m.pump2_rpm_mean) AS `pump 2`,"
                " avg(ifNull(m.pump1_w_mean, 0) + ifNull(m.pump2_w_mean, 0)) AS `electric power`"), span=THIRD,
            ).override_by_regexp("/electric power/", _ON_RIGHT["watt"]),
            series("Filter", f"Pressure over the filter: rises as it clogs.{_FEW}", unit_of("filter_kpa"), _of_cdu(
                "avg(m.filter_kpa_delta_mean) AS filter"), span=THIRD),
            series("Valve and reservoir", f"Position of the facility water's valve, and level of the reservoir.{_FEW}", unit_of("valve_ratio"), _of_cdu(
                "avg(m.valve_ratio_mean) AS valve, avg(m.reservoir_ratio_mean) AS reservoir"), span=THIRD),
            series(
                "Make-up", "Coolant that was made up in each interval, in litres, of all chosen racks: what a sealed loop loses.", "litre",
                grown("cdu", {"made up": "makeup_l_total"}, _CDUS), span=THIRD,
            ),
            gauges(
                "Flow of the nodes now", "Over the median of the nodes of their rack, the least first: a kinked hose or a half-closed coupling takes"
                " it from one node and gives it to the others.", unit_of("of_median_ratio"), _FLOWS, span=THIRD,
            ),
        ]),
        Section("GPUs", [
            series(
                "Temperature against the median", "Of the chosen GPUs: the hottest and the coolest beside the median, and the limit that they"
                " themselves report.", unit_of("gpu_c"), course("gpu", _SPREAD, _GPUS, TIERS),
            ),
            series(
                "Margin", "Kelvin to the GPUs' own limits: the least, one in ten below, and the median.", unit_of("margin_k"),
                course("gpu", "min(margin_c_min) AS least, quantile(0.1)(margin_c_mean) AS `one in ten below`, quantile(0.5)(margin_c_mean) AS median", _GPUS, TIERS),
            ),
            link(link(units(
                rows("GPUs now", "Those nearest to their limits first; over the median is against the GPUs of their rack.", _TABLE, span=WHOLE),
                {n: unit_of(n) for n in ("power_w", "gpu_c", "over_median_k", "hbm_c", "margin_k", "sm_clock_mhz", "gpu_util_ratio")} | {"throttled": "bool_yes_no"},
            ), "gpu", "gpu", "gpu"), "rack", "rack", "rack"),
        ]),
        Section("Power and heat", [
            series(
                "Heat by water against electric power", "Of all chosen racks: flow times the rise of temperature, for water, beside the racks' meters."
                " What the water does not carry goes into the air.", unit_of("power_w"),
                total("cdu", {"heat by water": _HEAT}, f"kind = 'cdu' AND {_PLACED}"),
                total("rack", {"electric power": "m.rack_power_w_mean"}, f"kind = 'rack' AND {_PLACED}"),
            ),
            series(
                "Racks and feeds", f"Each rack's meter and its two feeds.{_FEW}", unit_of("power_w"),
                each("rack", "avg(m.rack_power_w_mean) AS rack, avg(m.feed_a_w_mean) AS `feed A`, avg(m.feed_b_w_mean) AS `feed B`",
                     f"kind = 'rack' AND {_PLACED}", "rack", some=_some("rack")),
            ),
            incidents(
                "Incidents", "Of these racks, open in the time shown: the open ones first, then the worst.",
                f"rack IN (SELECT rack FROM inventory FINAL WHERE {_PLACED})", WHOLE,
            ),
        ]),
    ],
    levels=LEVELS,
)  # fmt: skip
