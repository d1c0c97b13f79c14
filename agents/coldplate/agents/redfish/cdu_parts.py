"""What the parts of a CDU tell: which property is which metric, in which unit."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from coldplate.agents.redfish.document import Doc, id_of, part
from coldplate.agents.redfish.reading import NAN, Property, dew_point_c, reading, tell

HEAT = Property("heat_w", "HeatRemovedkW", 1000.0, total=True)

SECONDARY = (
    Property("flow_lpm", "FlowLitersPerMinute", total=True),
    Property("supply_c", "SupplyTemperatureCelsius"),
    Property("return_c", "ReturnTemperatureCelsius"),
    Property("supply_kpa", "SupplyPressurekPa", gauge=True),
    Property("return_kpa", "ReturnPressurekPa", gauge=True),
)

PRIMARY = (
    Property("facility_flow_lpm", "FlowLitersPerMinute", total=True),
    Property("facility_supply_c", "SupplyTemperatureCelsius"),
    Property("facility_return_c", "ReturnTemperatureCelsius"),
    Property("facility_supply_kpa", "SupplyPressurekPa", gauge=True),
    Property("facility_return_kpa", "ReturnPressurekPa", gauge=True),
    Property("valve_ratio", "ValvePositionPercent", 0.01),
)

ROOM = (
    Property("room_c", "TemperatureCelsius"),
    Property("room_rh_ratio", "HumidityPercent", 0.01),
    Property("dew_point_c", "DewPointCelsius"),
)

LEVEL = Property("reservoir_ratio", "FluidLevelPercent", 0.01)

FACTS = {
    "manufacturer": "Manufacturer", "model": "Model", "serial": "SerialNumber", "part": "PartNumber",
    "firmware": "FirmwareVersion", "hardware": "Version", "capacity_w": "CoolingCapacityWatts",
}  # fmt: skip

SPEED = "PumpSpeedPercent"

PUMPS = 2
"""As many as the catalogue has."""


def by_id(doc: Doc) -> list[tuple[int, int, str]]:
    """Natural order: 2 before 10."""
    pieces = re.findall(r"\d+|\D+", id_of(doc))
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in pieces]


@dataclass(frozen=True, slots=True)
class PumpSpeed:
    """What a Pump tells of the catalogue's pump of a number."""

    number: int

    def __call__(self, doc: Doc) -> dict[str, float]:
        """By metric; a pump that stands tells 0, one that is taken out tells nothing."""
        there = part(doc, "Status").get("State") != "Absent"
        return {
            f"pump{self.number}_rpm": reading(doc, SPEED, "SpeedRPM") if there else NAN,
            f"pump{self.number}_ratio": reading(doc, SPEED) * 0.01 if there else NAN,
        }


@dataclass(frozen=True, slots=True)
class Watts:
    """The power in a pump's EnvironmentMetrics."""

    metric: str

    def __call__(self, doc: Doc) -> dict[str, float]:
        """By metric."""
        return {self.metric: reading(doc, "PowerWatts")}


def speed_words(numbers: Iterable[int]) -> dict[str, str]:
    """By metric the property it comes from."""
    out: dict[str, str] = {}
    for i in numbers:
        out |= {f"pump{i}_rpm": f"{SPEED} SpeedRPM", f"pump{i}_ratio": SPEED}
    return out


def room(doc: Doc) -> dict[str, float]:
    """By metric; a dew point that the unit does not tell follows from temperature and humidity."""
    out = tell(doc, ROOM, 0.0)
    if "DewPointCelsius" not in doc:
        out["dew_point_c"] = dew_point_c(out["room_c"], out["room_rh_ratio"])
    return out
