"""The detectors, one method a file."""

from hashlib import sha256

from coldplate.streams.detector import Detector
from coldplate.streams.detectors.flow_loss import FlowLoss
from coldplate.streams.detectors.margin import Margin
from coldplate.streams.detectors.pump_stop import PumpStop
from coldplate.streams.detectors.slowdown import PowerBrake, ThermalSlowdown


def defaults() -> list[Detector]:
    """Every detector with its default parameters, in the order in which they are asked."""
    return [PumpStop(1), PumpStop(2), FlowLoss(), Margin(), ThermalSlowdown(), PowerBrake()]


def parameters_sha() -> str:
    """Twelve hexadecimal digits that change with any parameter of any detector."""
    told = "\n".join(repr(d) for d in defaults())
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
