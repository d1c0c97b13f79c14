"""Faults of coolant units for the detectors' contract."""

import numpy as np
from contract.detector_worlds import Fault, Group, same

from coldplate.wire.metric import Kind

UNIT = {
    "supply_c": 30.0, "return_c": 42.5, "flow_lpm": 64.0, "supply_kpa": 340.0, "return_kpa": 250.0,
    "filter_kpa_delta": 12.0, "pump1_rpm": 3000.0, "pump2_rpm": 0.0, "valve_ratio": 0.54,
    "reservoir_ratio": 0.8, "makeup_l_total": 0.0, "facility_supply_c": 24.0,
    "facility_return_c": 37.85, "facility_flow_lpm": 55.5, "leak": 0.0, "dew_point_c": 13.0,
}  # fmt: skip
NOISE = {
    "supply_c": 0.02, "return_c": 0.02, "facility_supply_c": 0.02, "facility_return_c": 0.02,
    "flow_lpm": 0.3, "facility_flow_lpm": 0.3, "supply_kpa": 0.3, "return_kpa": 0.3,
    "filter_kpa_delta": 0.3, "dew_point_c": 0.1,
}  # fmt: skip
"""Of the instruments, standard deviations."""

LOOP = {"flow_lpm": (0.0, 500.0), "supply_kpa": (200.0, 500.0), "filter_kpa_delta": (1.0, 60.0)}
SIZED = same(times={"flow_lpm": 2.5, "facility_flow_lpm": 2.5})
"""A bigger unit."""


def unit(faulty, healthy=(), noise=NOISE):
    return (Group(Kind.CDU, ("r/cdu",), {**UNIT, **dict(healthy)}, faulty, noise),)


def toward(start, end, ramp_s):
    """From one value to another, and there."""
    return lambda _t, since: start + (end - start) * np.clip(since / ramp_s, 0.0, 1.0)


def leaking(lpm):
    """Pressure of 4 l of gas at 250 kPa that has so much more room every minute."""
    return lambda _t, since: 1000.0 / (4.0 + lpm / 60.0 * since)


def trembling(level, by):
    """Up and down by a share, every other second."""
    return lambda t, _since: level * (1.0 + by * (-1.0) ** t)


def pump_stop(pump):
    this, other = f"pump{pump}_rpm", f"pump{3 - pump}_rpm"
    return Fault(
        (Group(
            Kind.CDU, ("r/cdu",), {"flow_lpm": 64.0, this: 3000.0, other: 0.0},
            {"flow_lpm": 45.0, this: 0.0, other: 2400.0}, {"flow_lpm": 0.3, this: 3.0},
        ),),
        2, same(times={"flow_lpm": 2.5, this: 0.8, other: 0.8}),
        {"flow_lpm": (0.0, 500.0), this: (0.0, 6000.0)},
    )  # fmt: skip


def pump_trip(pump):
    this, other = f"pump{pump}_rpm", f"pump{3 - pump}_rpm"

    def takes_over(_t, since):
        return np.where(since < 2.0, 300.0, 3000.0)

    return Fault(
        unit({this: 0.0, other: takes_over}, {this: 3000.0, other: 0.0}), 0,
        same(times={this: 0.8, other: 0.8}), {this: (0.0, 6000.0)},
    )  # fmt: skip


def pump_wear(pump):
    this, other = f"pump{pump}_rpm", f"pump{3 - pump}_rpm"
    return Fault(
        unit({this: 3000.0 / np.sqrt(0.95)}, {this: 3000.0, other: 0.0}), 35,
        same(times={"flow_lpm": 2.5, this: 0.8}), {**LOOP, this: (0.0, 6000.0)}, healthy_s=90, faulty_s=60,
        clears_after_s=50,
    )  # fmt: skip


THICK = {"flow_lpm": 61.0, "pump1_rpm": 2955.0}
CLOSES = {"flow_lpm": 59.0, "filter_kpa_delta": 12.0 * (59.0 / 64.0) ** 2}

FAULTS = {
    "pump1-stop": pump_stop(1),
    "pump2-stop": pump_stop(2),
    "pump1-trip": pump_trip(1),
    "pump2-trip": pump_trip(2),
    "pump1-wear": pump_wear(1),
    "pump2-wear": pump_wear(2),
    "cavitation": Fault(
        unit(
            {"flow_lpm": trembling(63.0, 0.006), "supply_kpa": lambda t, s: 250.0 + trembling(84.0, 0.012)(t, s)}
        ),
        15, same(times={"flow_lpm": 2.5, "pump1_rpm": 0.8}), LOOP, healthy_s=120, faulty_s=90,
        clears_after_s=55,
    ),
    "flow-loss": Fault(
        (Group(Kind.CDU, ("r/cdu",), {"flow_lpm": 64.0}, {"flow_lpm": 48.0}, {"flow_lpm": 0.3}),),
        3, same(times={"flow_lpm": 2.5}), {"flow_lpm": (0.0, 500.0)},
    ),
    "loop-resistance": Fault(
        (
            *unit(CLOSES),
            Group(Kind.NODE, ("r/node-0",), {"node_flow_lpm": 8.0}, {"node_flow_lpm": 8.0 * 59.0 / 64.0}, {"node_flow_lpm": 0.04}),
        ),
        5, same(times={"flow_lpm": 2.5, "node_flow_lpm": 2.5}), LOOP, clears_after_s=15,
    ),
    "thick-coolant": Fault(
        unit(THICK), 45, SIZED, LOOP, healthy_s=120, faulty_s=90, clears_after_s=85
    ),
    "filter-clog": Fault(
        unit({"filter_kpa_delta": 15.0}), 210, same(times={"filter_kpa_delta": 2.0}), LOOP,
        faulty_s=240, clears_after_s=60,
    ),
    "exchanger-fouling": Fault(
        unit({"facility_flow_lpm": 66.6, "facility_return_c": 35.54, "valve_ratio": 0.65}), 40,
        SIZED, {"valve_ratio": (0.0, 1.0)}, healthy_s=120, faulty_s=90, clears_after_s=90,
    ),
    "valve-stuck": Fault(
        unit({"supply_c": 33.0, "return_c": 45.5, "facility_return_c": 37.85}), 15,
        same(plus={"supply_c": -1.0, "return_c": -1.0}), {"valve_ratio": (0.0, 1.0), "supply_c": (20.0, 40.0)},
        clears_after_s=30,
    ),
    "set-point": Fault(
        unit({
            "supply_c": toward(30.0, 33.0, 30), "return_c": toward(42.5, 45.5, 30),
            "valve_ratio": lambda t, s: np.where(s < 20, toward(0.54, 0.25, 10)(t, s), 0.25),
        }),
        35, same(plus={"supply_c": -1.0, "return_c": -1.0}), {"valve_ratio": (0.0, 1.0), "supply_c": (20.0, 40.0)},
        faulty_s=90, clears_after_s=30,
    ),
    "facility-water": Fault(
        unit({"facility_flow_lpm": 44.0}), 1, SIZED,
        {"facility_flow_lpm": (0.0, 300.0), "valve_ratio": (0.0, 1.0)},
    ),
    "facility-warm-cdu": Fault(
        unit({"facility_supply_c": toward(24.0, 28.0, 90)}), 50, same(plus={"facility_supply_c": -6.0}),
        {"facility_supply_c": (2.0, 45.0)}, faulty_s=120, clears_after_s=40,
    ),
    "facility-warm-hall": Fault(
        (Group(
            Kind.HALL, ("r",), {"facility_supply_c": 24.0}, {"facility_supply_c": toward(24.0, 28.0, 90)},
            {"facility_supply_c": 0.02},
        ),),
        50, same(plus={"facility_supply_c": -6.0}), {"facility_supply_c": (2.0, 45.0)}, faulty_s=120,
        clears_after_s=40,
    ),
    "slow-leak": Fault(
        unit({"return_kpa": leaking(0.03)}), 100, same(times={"return_kpa": 2.0}, gas_l=8.0, loop_l=70.0),
        {"return_kpa": (50.0, 400.0), "supply_c": (15.0, 45.0)}, faulty_s=150, clears_after_s=90,
    ),
    "burst-leak": Fault(
        unit({"return_kpa": leaking(1.0)}), 4, same(times={"return_kpa": 2.0}, gas_l=8.0),
        {"return_kpa": (50.0, 400.0), "supply_c": (15.0, 45.0)},
    ),
    "wet-rope": Fault(
        unit({"leak": 1.0, "return_kpa": 1000.0 / 4.3}), 5, same(plus={"makeup_l_total": 50.0}),
        {"return_kpa": (50.0, 400.0)}, clears_after_s=10,
    ),
    "false-rope": Fault(
        unit({"leak": 1.0}), 5, same(plus={"makeup_l_total": 50.0}), {"return_kpa": (50.0, 400.0)}, clears_after_s=10,
    ),
    "condensation": Fault(
        unit({"dew_point_c": 28.5}), 25, same(plus={"dew_point_c": 5.0, "supply_c": 5.0}),
        {"dew_point_c": (-10.0, 27.0)}, clears_after_s=90,
    ),
}  # fmt: skip
