"""The detectors, one method a file."""

from coldplate.streams.detector import Detector
from coldplate.streams.detectors.flow_loss import FlowLoss
from coldplate.streams.detectors.margin import Margin
from coldplate.streams.detectors.pump_stop import PumpStop
from coldplate.streams.detectors.slowdown import PowerBrake, ThermalSlowdown


def defaults() -> list[Detector]:
    """Every detector with its default parameters, in the order in which they are asked."""
    return [PumpStop(1), PumpStop(2), FlowLoss(), Margin(), ThermalSlowdown(), PowerBrake()]


__all__ = ["FlowLoss", "Margin", "PowerBrake", "PumpStop", "ThermalSlowdown", "defaults"]
