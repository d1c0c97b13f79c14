"""The detectors, one method a file, in the order in which they are asked: families of design section 9."""

from collections.abc import Iterable
from hashlib import sha256

from coldplate.streams.detector import Detector
from coldplate.streams.detectors.apart import ReadingDrift, ReadingSpike
from coldplate.streams.detectors.branch import NodeFlow
from coldplate.streams.detectors.capping import CappingStorm
from coldplate.streams.detectors.cavitation import Cavitation
from coldplate.streams.detectors.cdu_dropout import UnitReadingLost
from coldplate.streams.detectors.cdu_spike import UnitSpike
from coldplate.streams.detectors.channels_swapped import ChannelsSwapped
from coldplate.streams.detectors.clock import ClockOff
from coldplate.streams.detectors.condensation import Condensation
from coldplate.streams.detectors.counters import growths
from coldplate.streams.detectors.dropout import ReadingLost
from coldplate.streams.detectors.energy import EnergyJump
from coldplate.streams.detectors.exchanger import ExchangerFouling
from coldplate.streams.detectors.facility_warm import FacilityWarm
from coldplate.streams.detectors.facility_water import FacilityWater
from coldplate.streams.detectors.feed import FeedLoss
from coldplate.streams.detectors.filter import FilterClog
from coldplate.streams.detectors.flags import flags
from coldplate.streams.detectors.flow_loss import FlowLoss
from coldplate.streams.detectors.flow_meter import FlowMeter
from coldplate.streams.detectors.hang import HungGpu, HungJob, JobWaits
from coldplate.streams.detectors.hbm import HbmHotSpot
from coldplate.streams.detectors.heat_balance import HeatBalance
from coldplate.streams.detectors.leak import BurstLeak, SlowLeak
from coldplate.streams.detectors.leak_rope import FalseRope, WetRope
from coldplate.streams.detectors.leakage import LeakageRise
from coldplate.streams.detectors.links import links
from coldplate.streams.detectors.loop_resistance import LoopResistance
from coldplate.streams.detectors.margin import Margin
from coldplate.streams.detectors.node_meter import NodeMeter
from coldplate.streams.detectors.plate_margin import PlateMargin
from coldplate.streams.detectors.pump_stop import PumpStop
from coldplate.streams.detectors.pump_trip import PumpTrip
from coldplate.streams.detectors.pump_wear import PumpWear
from coldplate.streams.detectors.ramp import RampTooSteep
from coldplate.streams.detectors.residual import residuals
from coldplate.streams.detectors.set_point import SetPoint
from coldplate.streams.detectors.silent_gpu import SilentGpu
from coldplate.streams.detectors.slowdown import PowerBrake, ThermalSlowdown
from coldplate.streams.detectors.straggler import Straggler
from coldplate.streams.detectors.stuck import ReadingStuck
from coldplate.streams.detectors.supplies import PsuLoss
from coldplate.streams.detectors.surprise import UnlikePeers
from coldplate.streams.detectors.swing import PowerOscillation
from coldplate.streams.detectors.thermal_path import ThermalPath
from coldplate.streams.detectors.thick import ThickCoolant
from coldplate.streams.detectors.valve import ValveStuck
from coldplate.wire.metric import Kind


def defaults() -> list[Detector]:
    """Every detector with its default parameters, in the order in which they are asked."""
    return [*_plate(), *_water(), *_power(), *_errors(), *_sensors(), *_unknown()]


def _plate() -> list[Detector]:
    return [ThermalPath(), HbmHotSpot(), LeakageRise(), PlateMargin(), Margin(), NodeFlow()]


def _water() -> list[Detector]:
    pumps: list[Detector] = [of(n) for of in (PumpStop, PumpTrip, PumpWear) for n in (1, 2)]
    return [
        *pumps, Cavitation(), FlowLoss(), LoopResistance(), ThickCoolant(), FilterClog(),
        ExchangerFouling(), ValveStuck(), SetPoint(), FacilityWater(), FacilityWarm(),
        FacilityWarm(Kind.HALL), SlowLeak(), BurstLeak(), WetRope(), FalseRope(), Condensation(),
    ]  # fmt: skip


def _power() -> list[Detector]:
    return [
        ThermalSlowdown(), PowerBrake(), CappingStorm(), FeedLoss(), PsuLoss(), PowerOscillation(),
        RampTooSteep(), HungGpu(), HungJob(), JobWaits(), Straggler(),
    ]  # fmt: skip


def _errors() -> list[Detector]:
    return [*growths(), *flags(), *links(), SilentGpu()]


def _sensors() -> list[Detector]:
    units = ("supply_c", "flow_lpm")
    return [
        ReadingDrift(), ReadingSpike(), ReadingStuck(), ReadingLost(), FlowMeter(), NodeMeter(),
        HeatBalance(), ChannelsSwapped(), UnitSpike(), *map(UnitReadingLost, units), ClockOff(), EnergyJump(),
    ]  # fmt: skip


def _unknown() -> list[Detector]:
    """Of what nobody listed; they call nobody."""
    return [*residuals(), UnlikePeers()]


def parameters_sha(parts: Iterable[object] | None = None) -> str:
    """Twelve hexadecimal digits that change with any parameter of any detector; default: of those that are asked."""
    told = "\n".join(repr(part) for part in (defaults() if parts is None else parts))
    return sha256(told.encode()).hexdigest()[:12]


__all__ = [
    "FlowLoss",
    "Margin",
    "PowerBrake",
    "PumpStop",
    "ThermalSlowdown",
    "defaults",
    "parameters_sha",
]
