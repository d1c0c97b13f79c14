"""The water plant: what the building supplies, how each coolant unit uses it, and what is nearest to its limits."""

from grafana_foundation_sdk.builders import xychart
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from coldplate.dashboards.board import Board, Section
from coldplate.dashboards.boards.rack import WATER_J_PER_L_K
from coldplate.dashboards.courses import MAX_SHOWN, each, foremost, total
from coldplate.dashboards.panels import (
    HALF,
    RED,
    SOURCE_REF,
    TALL,
    THIRD,
    WHOLE,
    bars,
    gauges,
    limits,
    link,
    number,
    rows,
    series,
    states,
    units,
)
from coldplate.dashboards.query import ClickHouseQuery, Shape
from coldplate.dashboards.tiers import tiered
from coldplate.dashboards.units import unit_of
from coldplate.dashboards.variables import chosen, devices

LEVELS = ("hall", "row", "rack")
_PLACED = " AND ".join(chosen(level) for level in LEVELS)
_CDU = f"kind = 'cdu' AND {_PLACED}"
_CDUS = devices("cdu", *LEVELS)
_HEAT = f"m.flow_lpm_mean / 60 * {WATER_J_PER_L_K} * (m.return_c_mean - m.supply_c_mean)"
_TO_FACILITY = f"m.facility_flow_lpm_mean / 60 * {WATER_J_PER_L_K} * (m.facility_return_c_mean - m.facility_supply_c_mean)"  # fmt: skip
_FEW = f" The {MAX_SHOWN} racks with the {{}} over the time shown."


def _racks(columns: str, rank: str) -> str:
    """Lines of the racks that are foremost in something."""
    return each("cdu", columns, _CDU, "rack", some=foremost("cdu", rank, _CDUS))


def _by_hall(columns: str) -> str:
    return each("cdu", columns, _CDU, "hall")


def _curve(columns: str) -> str:
    """A point a rack and bucket, of pump 1's speed; at most some thousand."""

    def select(table: str, condition: str) -> str:
        return (
            f"SELECT greatest(pump1_rpm_mean, pump2_rpm_mean) AS rpm, {columns} FROM {table}"
            f" WHERE $__timeFilter(t) AND {condition} AND {_CDUS} AND rpm > 0 ORDER BY cityHash64(device, t) LIMIT 3000"
        )

    return tiered("cdu", select)


def _scatter(title: str, about: str, unit: str, sql: str) -> xychart.Panel:
    """A point for each row: the first column to the right, the others upwards."""
    panel = xychart.Panel().title(title).description(about).unit(unit).span(HALF).height(TALL)
    panel = panel.datasource(SOURCE_REF).with_target(ClickHouseQuery(sql, Shape.TABLE))
    return panel.override_by_name("rpm", [DynamicConfigValue(id_val="unit", value="rotrpm")])


_MADE_UP = (
    "SELECT toString(day) AS day, sum(grown_l) AS litres FROM (SELECT device, toDate(t) AS day, max(makeup_l_total_max) - min(makeup_l_total_min) AS grown_l"
    f" FROM cdu_1h WHERE t >= toStartOfDay($__fromTime) AND t <= $__toTime AND {_CDUS} GROUP BY device, day) GROUP BY day ORDER BY day LIMIT 400"
)
_NOW = f"FROM cdu_now WHERE {_PLACED}"
_NEAREST = (
    "SELECT rack, least(ifNull(1 - valve_ratio, 1), ifNull(1 - greatest(pump1_ratio, pump2_ratio), 1), ifNull(reservoir_ratio, 1)) AS left_ratio,"
    " valve_ratio, pump1_ratio, pump2_ratio, pump1_rpm, pump2_rpm, reservoir_ratio, supply_c - dew_point_c AS over_dew_k,"
    " supply_c - facility_supply_c AS approach_k, supply_c, return_c, flow_lpm, facility_flow_lpm, filter_kpa_delta AS filter_kpa"
    f" {_NOW} ORDER BY left_ratio, over_dew_k LIMIT 500"
)


def _leaks(table: str, condition: str) -> str:
    return (
        f"SELECT $__timeInterval(m.t) AS time, i.rack AS rack, max(m.leak_max) AS rope FROM {table} AS m"
        f" INNER JOIN (SELECT device, rack FROM inventory FINAL WHERE {_CDU}) AS i ON i.device = m.device"
        f" WHERE $__timeFilter(m.t) AND {condition} AND m.device IN ({foremost('cdu', 'max(leak_max)', _CDUS)})"
        " GROUP BY time, rack ORDER BY time LIMIT 30000"
    )


def _wet() -> list[ValueMapping]:
    options = {
        "0": ValueMappingResult(text="dry", color="transparent", index=0),
        "1": ValueMappingResult(text="wet", color=RED, index=1),
    }
    return [ValueMap(options=options)]


BOARD = Board(
    "water",
    "Water plant",
    "What the building supplies, how each coolant unit uses it, and what is nearest to its limits.",
    [
        Section("Now", [
            number("Flow now", "Coolant to the cold plates, sum of the units.", unit_of("flow_lpm"), f"SELECT sum(flow_lpm) AS flow_lpm {_NOW} LIMIT 1", span=6),
            number("Facility water now", "Into the units, the warmest.", unit_of("supply_c"), f"SELECT max(facility_supply_c) AS supply_c {_NOW} LIMIT 1", span=6),
            number(
                "Least above the dew point now", "Coolant's supply over the dew point of the air at the unit, the least of all: at 0 water condenses on hoses.",
                unit_of("over_dew_k"), f"SELECT min(supply_c - dew_point_c) AS over_dew_k {_NOW} LIMIT 1", span=6,
            ),
            number("Wet leak ropes", "Units whose rope is wet now.", "short", f"SELECT countIf(leak > 0) AS ropes {_NOW} LIMIT 1", span=6)
            .thresholds(limits((1, RED))),
        ]),
        Section("Facility", [
            series("Facility water", "Temperature into the coolant units and out of them, mean of each hall.", unit_of("supply_c"), _by_hall(
                "avg(m.facility_supply_c_mean) AS supply, avg(m.facility_return_c_mean) AS `return`")),
            series(
                "Flows", "Facility water and coolant, sums of the units of each hall.", unit_of("flow_lpm"),
                total("cdu", {"facility water": "m.facility_flow_lpm_mean", "coolant": "m.flow_lpm_mean"}, _CDU, by="hall"),
            ),
            series(
                "Heat rejected", "Flow times the rise of temperature, for water: taken from the racks, and given to the facility water.", unit_of("power_w"),
                total("cdu", {"from the racks": _HEAT, "to the facility": _TO_FACILITY}, _CDU, by="hall"),
            ),
            series(
                "Approach", "Coolant's supply over the facility's supply: rises as a heat exchanger fouls, or its valve is fully open."
                + _FEW.format("widest"), unit_of("approach_k"),
                _racks("avg(m.supply_c_mean - m.facility_supply_c_mean) AS approach", "avg(supply_c_mean - facility_supply_c_mean)"),
            ),
        ]),
        Section("Coolant units", [
            series("Valves", "Position of the facility water's valve; fully open is all that there is." + _FEW.format("most open valves"), unit_of("valve_ratio"), _racks(
                "avg(m.valve_ratio_mean) AS valve", "avg(valve_ratio_mean)"), span=THIRD),
            series(
                "Above the dew point", "Coolant's supply over the dew point of the air at the unit." + _FEW.format("least"), unit_of("over_dew_k"),
                _racks("min(m.supply_c_min - m.dew_point_c_max) AS `above`", "-min(supply_c_min - dew_point_c_max)"), span=THIRD,
            ),
            gauges(
                "Filters now", "Pressure over the filter, the twenty highest.", unit_of("filter_kpa"),
                f"SELECT rack, filter_kpa_delta AS filter_kpa {_NOW} AND filter_kpa_delta IS NOT NULL ORDER BY filter_kpa DESC, rack LIMIT 20", span=THIRD,
            ),
            _scatter(
                "Pump curve: flow", "Flow against the speed of the faster pump, a point a unit and moment: one that lies below the others has more"
                " resistance, or a pump that wears.", unit_of("flow_lpm"), _curve("flow_lpm_mean AS flow"),
            ),
            _scatter(
                "Pump curve: pressure", "Pressure that the pumps make against the speed of the faster one, a point a unit and moment.",
                unit_of("supply_kpa"), _curve("supply_kpa_mean - return_kpa_mean AS lift"),
            ),
        ]),
        Section("Losses", [
            bars("Make-up by day", "Litres of coolant that were made up, of all chosen units: what sealed loops lose.", "litre", _MADE_UP),
            states("Leak ropes", f"Wet or dry, of {MAX_SHOWN} racks, those that were wet first.", tiered("cdu", _leaks), span=HALF).mappings(_wet()),
            link(units(
                rows(
                    "Racks nearest to their limits", "Left is the least of what valve, pumps and reservoir have in reserve, as shares of their"
                    " whole range; then those nearest to the dew point.", _NEAREST, span=WHOLE,
                ),
                {
                    n: unit_of(n) for n in (
                        "left_ratio", "valve_ratio", "pump1_ratio", "pump2_ratio", "pump1_rpm", "pump2_rpm", "reservoir_ratio", "over_dew_k",
                        "approach_k", "supply_c", "return_c", "flow_lpm", "facility_flow_lpm", "filter_kpa",
                    )
                },
            ), "rack", "rack", "rack"),
        ]),
    ],
    levels=LEVELS,
)  # fmt: skip
