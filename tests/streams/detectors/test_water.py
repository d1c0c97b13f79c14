"""Detectors of a coolant unit on series made by hand: when each fires, and what looks like its fault and is none."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from frames import record_bytes

from coldplate.streams.detector import Detector
from coldplate.streams.detectors.cavitation import Cavitation
from coldplate.streams.detectors.cdu_dropout import UnitReadingLost
from coldplate.streams.detectors.cdu_spike import UnitSpike
from coldplate.streams.detectors.channels_swapped import ChannelsSwapped
from coldplate.streams.detectors.condensation import Condensation
from coldplate.streams.detectors.exchanger import ExchangerFouling
from coldplate.streams.detectors.facility_warm import FacilityWarm
from coldplate.streams.detectors.facility_water import FacilityWater
from coldplate.streams.detectors.filter import FilterClog
from coldplate.streams.detectors.flow_loss import FlowLoss
from coldplate.streams.detectors.flow_meter import FlowMeter
from coldplate.streams.detectors.heat_balance import HeatBalance
from coldplate.streams.detectors.leak import BurstLeak, SlowLeak
from coldplate.streams.detectors.leak_rope import FalseRope, WetRope
from coldplate.streams.detectors.loop_resistance import LoopResistance
from coldplate.streams.detectors.node_meter import NodeMeter
from coldplate.streams.detectors.pump_stop import PumpStop
from coldplate.streams.detectors.pump_trip import PumpTrip
from coldplate.streams.detectors.pump_wear import PumpWear
from coldplate.streams.detectors.set_point import SetPoint
from coldplate.streams.detectors.thick import ThickCoolant
from coldplate.streams.detectors.valve import ValveStuck
from coldplate.streams.engine import Engine
from coldplate.streams.water import conductance_w_per_k, viscous
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

T0, QUIET_S = 1_790_000_000, 120
UNIT = {
    "supply_c": 30.0, "return_c": 42.5, "flow_lpm": 64.0, "supply_kpa": 340.0, "return_kpa": 250.0,
    "filter_kpa_delta": 12.0, "pump1_rpm": 3000.0, "pump2_rpm": 0.0, "valve_ratio": 0.54,
    "reservoir_ratio": 0.8, "makeup_l_total": 0.0, "facility_supply_c": 24.0,
    "facility_return_c": 37.85, "facility_flow_lpm": 55.5, "leak": 0.0, "dew_point_c": 13.0,
}  # fmt: skip
NOISE = {
    "supply_c": 0.02, "return_c": 0.02, "facility_supply_c": 0.02, "facility_return_c": 0.02,
    "flow_lpm": 0.3, "facility_flow_lpm": 0.3, "supply_kpa": 0.3, "return_kpa": 0.3,
    "filter_kpa_delta": 0.3, "pump1_rpm": 3.0, "dew_point_c": 0.1,
}  # fmt: skip
"""Of the instruments, standard deviations."""

Series = dict[str, np.ndarray]


def unit(then: Mapping[str, object], seconds: int = 180, *, seed: int = 3) -> Series:
    """A quiet unit, on which some metrics change after `QUIET_S`: to a number, or to one a second."""
    random, length = np.random.default_rng(seed), QUIET_S + seconds
    out = {}
    for name, level in UNIT.items():
        clean = np.full(length, level)
        clean[QUIET_S:] = then.get(name, level)
        out[name] = clean + NOISE.get(name, 0.0) * random.standard_normal(length)
    return out


def fired(detector: Detector, series: Series, kind: Kind = Kind.CDU) -> list[int]:
    """Seconds after the quiet at which it fired."""
    return [t for _, t in told([detector], series, kind)]


def told(
    detectors: Sequence[Detector], series: Series, kind: Kind = Kind.CDU
) -> list[tuple[str, int]]:
    """Who fired, and at which second after the quiet."""
    engine, out = Engine("test", detectors=detectors), []
    length = len(next(iter(series.values())))
    for t in range(0, length, 5):
        ticks = min(5, length - t)
        now = {name: values[t : t + ticks, None] for name, values in series.items()}
        raw = record_bytes("d", "r", T0 + t, ticks, {kind: (("d/0",), now)}, seq=t)
        found = engine.feed([decode_frame(raw)], 0)
        out += [(a.detector, a.t_ms // 1000 - T0 - QUIET_S) for a in found if a.on]
    return out


def ramp(start: float, end: float, ramp_s: int, seconds: int = 180) -> np.ndarray:
    """From one value to another, and there."""
    return start + (end - start) * np.clip(np.arange(seconds) / ramp_s, 0.0, 1.0)


def test_a_quiet_unit_fires_nothing() -> None:
    """Five minutes of instruments' noise alone."""
    detectors: list[Detector] = [
        PumpStop(1), PumpTrip(1), PumpTrip(2), PumpWear(1), Cavitation(), FilterClog(), FlowLoss(),
        LoopResistance(), ThickCoolant(), FlowMeter(), ExchangerFouling(), ValveStuck(), SetPoint(),
        SlowLeak(), BurstLeak(), WetRope(), FalseRope(), FacilityWater(), FacilityWarm(), Condensation(),
        ChannelsSwapped(), HeatBalance(), UnitSpike(), UnitReadingLost(),
    ]  # fmt: skip
    assert [] == told(detectors, unit({}))


def test_a_pump_that_fails_leaves_a_hole_and_one_that_is_relieved_does_not() -> None:
    """With a spare that takes over it fires at once; a rotation that overlaps is none, nor a pump that gives its flow."""
    coast = 3000.0 * np.exp(-np.arange(60) / 1.5)
    spare = np.r_[0.0, 200.0, np.full(58, 3000.0)]
    flow = 64.0 * np.maximum(coast, spare) / 3000.0
    stopped = unit({"pump1_rpm": coast, "pump2_rpm": spare, "flow_lpm": flow}, 60)
    assert [1] == fired(PumpTrip(1), stopped)
    # What made it run faster is over: a valve opens, and the same flow needs less speed.
    assert [] == fired(PumpTrip(1), unit({"pump1_rpm": np.full(60, 2000.0)}, 60))
    rotated = unit(
        {"pump1_rpm": np.r_[3000.0, 3000.0, 3000.0, coast[:57]], "pump2_rpm": 3000.0}, 60
    )
    assert [] == fired(PumpTrip(1), rotated) + fired(PumpTrip(2), rotated)
    assert [] == fired(PumpStop(1), rotated)


def test_a_pump_whose_level_switch_opened_has_not_failed() -> None:
    """A unit that ran dry is stopped by itself."""
    dry = unit({"pump1_rpm": 0.0, "reservoir_ratio": 0.03}, 30)
    assert [] == fired(PumpTrip(1), dry)


def test_wear_shows_as_speed_at_the_same_flow_and_pressure() -> None:
    """5 % of head made up by 2.6 % of speed is a ticket after a minute, and the other pump is not named."""
    worn = unit({"pump1_rpm": 3000.0 / np.sqrt(0.95)})
    assert 60 > fired(PumpWear(1), worn)[0]
    assert [] == fired(PumpWear(2), worn)
    assert Severity.TICKET is PumpWear(1).severity


def test_a_pump_that_goes_along_its_curve_is_not_worn() -> None:
    """A valve that takes 8 % of the flow leaves head over squared speed where the curve says."""
    flow, rpm = 59.0, 2931.0
    delta = 102.0 * (rpm / 3000.0) ** 2 * (1.65 - 0.65 * (flow / rpm * 3000.0 / 64.0) ** 2)
    dirt = 12.0 * (flow / 64.0) ** 2
    moved = unit(
        {
            "flow_lpm": flow,
            "pump1_rpm": rpm,
            "supply_kpa": 250.0 + delta - dirt,
            "filter_kpa_delta": dirt,
        }
    )
    assert [] == fired(PumpWear(1), moved)
    assert 5 >= fired(LoopResistance(), moved)[0]


def test_vapour_trembles_in_pressure_and_flow_alike() -> None:
    """4 % of head lost, trembling by a third: cavitation; the same loss without is wear alone."""
    lost = 0.04 * (1.0 + 0.3 * np.random.default_rng(5).standard_normal(180))
    share = (1.0 - lost) / 0.96
    rpm = 3000.0 / np.sqrt(0.96)
    moves = {
        "flow_lpm": 64.0 * np.sqrt(share),
        "supply_kpa": 250.0 + 90.0 * share,
        "pump1_rpm": rpm,
    }
    assert 60 > fired(Cavitation(), unit(moves))[0]
    assert [] == fired(Cavitation(), unit({"pump1_rpm": rpm}))


def test_dirt_is_a_ticket_and_a_basket_that_is_out_is_not() -> None:
    """A difference that has doubled is told after more than three minutes; one of two minutes is cleaning."""
    assert 240 > fired(FilterClog(), unit({"filter_kpa_delta": 24.0}, 300))[0] >= 200
    cleaned = np.r_[np.full(120, 24.0), np.full(180, 12.0)]
    assert [] == fired(FilterClog(), unit({"filter_kpa_delta": cleaned}, 300))


def test_a_meter_that_lies_is_told_from_flow_that_is_lost() -> None:
    """30 % less with pumps and filter as they were is the meter; with less over the filter it is true."""
    lies = unit({"flow_lpm": 45.0})
    assert [] == fired(FlowLoss(), lies) + fired(ThickCoolant(), lies) + fired(
        LoopResistance(), lies
    )
    assert 60 > fired(FlowMeter(), lies)[0]
    true = unit({"flow_lpm": 45.0, "filter_kpa_delta": 6.0, "pump1_rpm": 2800.0})
    assert [3] == fired(FlowLoss(), true)
    assert [] == fired(FlowMeter(), true)


def test_thick_coolant_resists_everywhere_and_slows_the_pump() -> None:
    """20 % more resistance of rack and filter at the same pressure: 9 % less flow, 2.8 % less speed."""
    thick = unit({"flow_lpm": 58.4, "pump1_rpm": 2916.0})
    assert 120 > fired(ThickCoolant(), thick)[0]
    assert [] == fired(FlowMeter(), thick) + fired(FilterClog(), thick)


def test_an_exchanger_that_fouls_opens_its_valve() -> None:
    """A tenth of conductance lost, made up by 12 % of water at like heat."""
    moved = unit({"valve_ratio": 0.61, "facility_flow_lpm": 62.7, "facility_return_c": 36.3})
    assert 120 > fired(ExchangerFouling(), moved)[0]


def test_a_supply_that_warms_while_the_valve_answers_was_told_to() -> None:
    """Supply and return 3 K up with a valve that closed and came back: the set point; a valve that stood: stuck."""
    warms = {"supply_c": ramp(30.0, 33.0, 30), "return_c": ramp(42.5, 45.5, 30)}
    answered = unit(
        {**warms, "valve_ratio": np.r_[ramp(0.54, 0.25, 10, 20), ramp(0.25, 0.42, 30, 160)]}
    )
    assert 60 > fired(SetPoint(), answered)[0]
    assert [] == fired(ValveStuck(), answered)
    stood = unit({**warms, "valve_ratio": 0.3})
    assert 30 > fired(ValveStuck(), stood)[0]
    assert [] == fired(SetPoint(), stood)


def test_a_supply_that_warms_with_an_opening_valve_is_neither() -> None:
    """A job that starts costs some kelvins for a minute."""
    up = np.r_[ramp(0.0, 3.0, 20, 60), ramp(3.0, 0.0, 40, 120)]
    starts = unit({"supply_c": 30.0 + up, "return_c": 42.5 + up, "valve_ratio": 0.54 + 0.1 * up})
    assert [] == fired(SetPoint(), starts) + fired(ValveStuck(), starts)


def test_a_supply_that_only_reads_warmer_is_a_thermometer() -> None:
    """The heat balance names it, and nobody takes it for a set point."""
    drifts = unit({"supply_c": ramp(30.0, 33.0, 120)})
    assert 100 > fired(HeatBalance(), drifts)[0]
    assert [] == fired(SetPoint(), drifts) + fired(ValveStuck(), drifts)


@pytest.mark.parametrize(("lpm", "within_s"), [(1.0, 5), (30.0, 2)])
def test_a_burst_is_seen_by_pressure_within_seconds(lpm: float, within_s: int) -> None:
    """1 l lost of 4 l of gas at 250 kPa is -50 kPa."""
    gone = lpm / 60.0 * np.arange(40)
    burst = unit(
        {"return_kpa": 1000.0 / (4.0 + gone), "supply_kpa": 90.0 + 1000.0 / (4.0 + gone)}, 40
    )
    assert within_s >= fired(BurstLeak(), burst)[0]


def test_a_drip_is_seen_by_pressure_within_minutes() -> None:
    """20 ml a minute: a ticket, and no burst."""
    gone = 0.02 / 60.0 * np.arange(180)
    drip = unit({"return_kpa": 1000.0 / (4.0 + gone)})
    assert 150 > fired(SlowLeak(), drip)[0]
    assert [] == fired(BurstLeak(), drip)


def test_coolant_that_cools_is_no_leak() -> None:
    """10 K less in the loop is 11 kPa less."""
    off = ramp(0.0, -10.0, 60)
    cold = 1000.0 / (4.0 - 35.0 * 0.00036 * off)
    cools = unit({"supply_c": 30.0 + off, "return_c": 42.5 + off, "return_kpa": cold})
    assert [] == fired(SlowLeak(), cools) + fired(BurstLeak(), cools)


def test_a_wet_rope_is_a_leak_when_coolant_is_gone_and_false_when_none_is() -> None:
    """Told at the next look, whether 0.2 l are gone or pressure is where it was."""
    leaks = unit({"leak": 1.0, "return_kpa": 1000.0 / 4.3}, 30)
    assert [5] == fired(WetRope(), leaks)
    assert [] == fired(FalseRope(), leaks)
    dry = unit({"leak": 1.0}, 30)
    assert [5] == fired(FalseRope(), dry)
    assert [] == fired(WetRope(), dry)


def test_a_leak_that_was_mended_does_not_make_a_later_contact_a_leak() -> None:
    """A litre ran out and was made up; a quarter of an hour later the rope is wet, and nothing more is gone."""
    gone, filled = ramp(0.0, 1.0, 60, 1500), ramp(0.0, 1.0, 200, 1500)
    leak = np.r_[np.zeros(1400), np.ones(100)]
    mended = unit(
        {"return_kpa": 1000.0 / (4.0 + gone - filled), "makeup_l_total": filled, "leak": leak}, 1500
    )
    assert [1405] == fired(FalseRope(), mended)
    assert [] == fired(WetRope(), mended)


def test_a_wet_rope_of_a_unit_without_a_gauge_is_a_leak() -> None:
    """Nothing contradicts it."""
    blind = unit({"leak": 1.0}, 30)
    del blind["return_kpa"]
    assert [0] == fired(WetRope(), blind)


def test_facility_water_that_fails_is_seen_at_the_tick() -> None:
    """At an open valve nothing comes; a valve that closes is none."""
    assert [0] == fired(FacilityWater(), unit({"facility_flow_lpm": 0.0}, 30))
    closes = ramp(1.0, 0.3, 20, 60)
    shut = unit({"facility_flow_lpm": 55.5 * closes, "valve_ratio": 0.54 * closes}, 60)
    assert [] == fired(FacilityWater(), shut)


@pytest.mark.parametrize("kind", [Kind.CDU, Kind.HALL])
def test_water_that_warms_faster_than_weather_is_told(kind: Kind) -> None:
    """4 K in two minutes; 6 K in five, as a season cut short, is none."""

    def water(warms: np.ndarray) -> Series:
        whole = unit({"facility_supply_c": warms}, len(warms))
        return whole if kind is Kind.CDU else {"facility_supply_c": whole["facility_supply_c"]}

    assert 100 > fired(FacilityWarm(kind), water(ramp(24.0, 28.0, 120)), kind)[0]
    assert [] == fired(FacilityWarm(kind), water(ramp(24.0, 30.0, 300, 420)), kind)


def test_a_dew_point_that_climbs_is_told_before_it_is_there() -> None:
    """1 K a minute leaves a quarter of an hour; the same rise in two hours is weather."""
    assert 150 >= fired(Condensation(), unit({"dew_point_c": ramp(13.0, 18.0, 300)}))[0]
    slow = ramp(13.0, 14.5, 900, 900)
    assert [] == fired(Condensation(), unit({"dew_point_c": slow}, 900))
    assert 30 > fired(Condensation(), unit({"dew_point_c": 28.5}, 60))[0]


def test_channels_that_are_swapped_read_heat_backwards() -> None:
    """After ten seconds."""
    swapped = unit({"supply_c": 42.5, "return_c": 30.0}, 30)
    assert [10] == fired(ChannelsSwapped(), swapped)


def test_two_spikes_are_an_instrument_and_one_is_chance() -> None:
    """A step is none at all."""
    one = np.full(30, 30.0)
    one[4] = 36.0
    assert [] == fired(UnitSpike(), unit({"supply_c": one}, 30))
    two = one.copy()
    two[9] = 36.0
    assert [10] == fired(UnitSpike(), unit({"supply_c": two}, 30))
    assert [] == fired(UnitSpike(), unit({"supply_c": 36.0}, 30))


def test_a_reading_that_goes_absent_alone_is_told_and_a_silent_unit_is_not() -> None:
    """After ten seconds; and one that never came is not missed."""
    lost = unit({"flow_lpm": np.nan}, 30)
    assert [10] == fired(UnitReadingLost("flow_lpm"), lost)
    silent = unit(dict.fromkeys(UNIT, np.nan), 30)
    assert [] == fired(UnitReadingLost("flow_lpm"), silent)
    never = {name: v for name, v in unit({}, 30).items() if name != "flow_lpm"}
    assert [] == fired(UnitReadingLost("flow_lpm"), never)


def nodes(flows: np.ndarray, whole: np.ndarray) -> list[tuple[str, int]]:
    """Who of a rack of four was told of, and when, by the seconds' flows of nodes and unit."""
    engine, out = Engine("test", detectors=[NodeMeter()]), []
    names = tuple(f"d/{i}" for i in range(4))
    for t in range(len(whole)):
        raw = record_bytes(
            "d", "r", T0 + t, 1,
            {Kind.NODE: (names, {"node_flow_lpm": flows[t][None]}), Kind.CDU: (("d/c",), {"flow_lpm": whole[t]})},
            seq=t,
        )  # fmt: skip
        found = engine.feed([decode_frame(raw)], 0)
        out += [(a.subject, a.t_ms // 1000 - T0 - QUIET_S) for a in found if a.on]
    return out


def test_a_nodes_meter_is_told_from_its_hose_and_from_the_units_meter() -> None:
    """One reading that falls alone; a hose takes it from the unit as well; the unit's meter moves nobody's share."""
    random = np.random.default_rng(1)
    flows = 8.0 * (1.0 + 0.005 * random.standard_normal((300, 4)))
    whole = 32.0 * (1.0 + 0.005 * random.standard_normal(300))
    drifts, kinked = flows.copy(), flows.copy()
    drifts[QUIET_S:, 2] *= 0.9
    (subject, t), *more = nodes(drifts, whole)
    assert ("d/2", []) == (subject, more)
    assert 60 > t
    kinked[QUIET_S:, 2] *= 0.5
    assert [] == nodes(kinked, whole - np.r_[np.zeros(QUIET_S), np.full(180, 4.0)])
    assert [] == nodes(flows, whole * np.r_[np.ones(QUIET_S), np.full(180, 0.8)])


def test_an_exchangers_conductance_comes_out_as_it_went_in() -> None:
    """Effectiveness and NTU, there and back."""
    ua, coolant, water_lpm = 9000.0, 4200.0, 60.0
    water = 69.4 * water_lpm
    less, more = min(coolant, water), max(coolant, water)
    r = less / more
    x = np.exp(-ua * (1 - r) / less)
    passed = (1 - x) / (1 - r * x) * less / water
    told = conductance_w_per_k(np.array([coolant]), np.array([water_lpm]), np.array([passed]))
    assert ua == pytest.approx(float(told[0]), rel=1e-6)


def test_colder_coolant_is_thicker() -> None:
    """PG25: 2.45 mPa s at 20 degC, 1.07 at 50; NaN where nobody knows."""
    ratio = viscous(np.array([20.0]))[0] / viscous(np.array([50.0]))[0]
    assert (2.45 / 1.07) ** 0.25 == pytest.approx(ratio, rel=0.01)
    assert np.isnan(viscous(np.array([np.nan]))[0])


def test_two_channels_that_were_swapped_for_a_time_leave_nothing_behind() -> None:
    """A unit that is known for two minutes: its balance is as ever when that has faded, and off again the next time."""
    seconds = np.arange(540)
    swapped = (seconds >= 1) & (seconds < 120) | (seconds >= 420)
    series = unit({
        "supply_c": np.where(swapped, 42.5, 30.0), "return_c": np.where(swapped, 30.0, 42.5),
    }, 540)  # fmt: skip
    first, again = fired(HeatBalance(), series)
    assert first < 60
    assert 420 <= again < 480
