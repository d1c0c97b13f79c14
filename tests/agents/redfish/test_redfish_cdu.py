"""A CDU over Redfish: what it tells in which unit, when, and what is absent."""

import logging
import threading
import time

import numpy as np
import pytest
from agents.redfish.services import CDU, SECONDARY, UNIT, VALUES, cdu, gone, reset
from msgspec.structs import replace

from coldplate.agents.collectors.redfish_cdu import RedfishCduCollector
from coldplate.agents.options.redfish import MEANINGS, Redfish
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.redfish_mock import Service, serve, tree, values_of
from coldplate.twin.scenario import load
from coldplate.wire.metric import CATALOGUE, Kind


@pytest.mark.parametrize("expands", [False, True])
def test_every_part_of_a_cdu_is_told_in_our_units(tmp_path, expands):
    """Percent as ratios, kW as W, pressures absolute; with and without expanded collections."""
    with cdu(tmp_path, expands=expands) as one:
        assert one.tick() == pytest.approx(VALUES)


def test_parts_are_read_at_their_own_cadence(tmp_path):
    """Connectors and leak at every tick, pumps at every second, the rest at every fifth; absent in between."""
    with cdu(tmp_path) as one:
        one.tick()
        told = [one.tick() for _ in range(10)]
    count = {name: sum(name in t for t in told) for name in VALUES}
    assert [10, 10, 10] == [count[n] for n in ("flow_lpm", "leak", "facility_supply_c")]
    assert [5, 5] == [count[n] for n in ("pump1_rpm", "pump2_ratio")]
    assert {2} == {count[n] for n in ("pump1_w", "filter_kpa_delta", "reservoir_ratio", "room_c")}


def test_missing_parts_are_absent(tmp_path):
    """A unit with nothing but one connector gives its metrics and no others."""
    parts = ("PrimaryCoolantConnectors", "Pumps", "Filters", "Reservoirs", "LeakDetection", "EnvironmentMetrics")  # fmt: skip
    with cdu(tmp_path, patch={UNIT: dict.fromkeys(parts)}) as one:
        told = one.run(6)
        assert {"flow_lpm", "supply_c", "return_c", "supply_kpa", "return_kpa", "heat_w"} == set(
            told
        )
        assert one.health.ok


@pytest.mark.parametrize("value", [None, "Out of range", True, {}, {"Reading": None}, {"Reading": "12"}, [], {"DataSourceUri": "/x"}])  # fmt: skip
def test_what_is_no_number_is_absent(tmp_path, value):
    """Null, a word, a truth value, an empty object: never 0, and the other properties stay."""
    with cdu(tmp_path, patch={SECONDARY: {"FlowLitersPerMinute": value}}) as one:
        told = one.tick()
    assert "flow_lpm" not in told
    assert 30.0 == told["supply_c"]


def test_a_bare_number_is_taken(tmp_path):
    """Services older than excerpts give numbers without an object around them."""
    with cdu(tmp_path, patch={SECONDARY: {"FlowLitersPerMinute": 88.5}}) as one:
        assert 88.5 == one.tick()["flow_lpm"]


def test_a_pump_that_stands_is_zero_and_one_taken_out_is_absent(tmp_path):
    """0 rpm is a reading; the pump that is left keeps its number."""
    with cdu(tmp_path, patch={f"{UNIT}/Pumps/1": {"Status": {"State": "Absent"}}}) as one:
        told = one.tick()
    assert 0.0 == told["pump2_rpm"]
    assert "pump1_rpm" not in told


def test_absolute_pressures_are_left_alone_when_told_so(tmp_path):
    """`gauge_kpa = 0` is for devices that do not follow the standard."""
    with cdu(tmp_path, gauge_kpa=0.0) as one:
        assert one.tick()["supply_kpa"] == pytest.approx(320.0 - 101.325)


def test_a_dew_point_follows_from_air_and_humidity(tmp_path):
    """When the unit has no property for it."""
    values = {k: v for k, v in VALUES.items() if k != "dew_point_c"}
    with cdu(tmp_path, values=values) as one:
        assert one.tick()["dew_point_c"] == pytest.approx(12.9, abs=0.1)


def test_connectors_side_by_side_are_put_together(tmp_path):
    """Flow and heat add up, temperatures and pressures are averaged; what one does not tell is absent."""
    second = f"{UNIT}/SecondaryCoolantConnectors/2"
    patch = {
        f"{UNIT}/SecondaryCoolantConnectors": {"Members": [{"@odata.id": SECONDARY}, {"@odata.id": second}]},
        second: {"@odata.id": second, "Id": "2", "FlowLitersPerMinute": {"Reading": 60.0},
                 "SupplyTemperatureCelsius": {"Reading": 32.0}, "HeatRemovedkW": {"Reading": 5.0}},
    }  # fmt: skip
    with cdu(tmp_path, patch=patch) as one:
        told = one.tick()
    assert (150.0, 31.0, 70000.0) == (told["flow_lpm"], told["supply_c"], told["heat_w"])
    assert "return_c" not in told


def test_a_sensor_fills_what_no_standard_part_tells(tmp_path):
    """By its path, in the unit it says."""
    path = "/redfish/v1/Chassis/1/Sensors/Conductivity"
    patch = {path: {"@odata.id": path, "Reading": 0.25, "ReadingUnits": "mS/cm"}}
    with cdu(tmp_path, patch=patch, sensors={"conductivity_us_cm": path}) as one:
        assert 250.0 == one.tick()["conductivity_us_cm"]
        one.patch[path]["ReadingUnits"] = "furlong"
        one.run(6)
        assert "cannot be conductivity_us_cm" in one.health.text
        assert one.health.counts["json"] >= 1


@pytest.mark.parametrize("sensors", [{"pressure": "/redfish/v1/x"}, {"coolant_ph": "http://elsewhere"}])  # fmt: skip
def test_a_wrong_sensor_is_refused_at_the_start(sensors):
    """An unknown metric, or a path that is none."""
    with pytest.raises(ValueError, match=r"redfish\.sensors"):
        RedfishCduCollector(CDU, "rack-0003", "http://127.0.0.1:1", Redfish(sensors=sensors))


def test_a_leak_is_told_at_once_and_once(tmp_path):
    """With the detector's name, at the tick; again only when it was dry in between."""
    with cdu(tmp_path) as one:
        one.tick()
        one.collector.happenings()
        one.values["leak"] = 1.0
        assert 1.0 == one.tick()["leak"]
        (leak,) = one.collector.happenings()
        assert ("leak", CDU, 2000, "Moisture rope: Critical") == (leak.kind, leak.subject, leak.t_ms, leak.text)  # fmt: skip
        one.run(3)
        assert [] == one.collector.happenings()
        one.values["leak"] = 0.0
        assert 0.0 == one.tick()["leak"]
        one.values["leak"] = 1.0
        one.tick()
        assert ["leak"] == [h.kind for h in one.collector.happenings()]


def test_a_detector_that_does_not_tell_makes_leak_absent(tmp_path):
    """Dry is only what every detector says; wet is what one says."""
    with cdu(tmp_path, values=VALUES | {"leak": float("nan")}) as one:
        assert "leak" not in one.tick()


def test_detectors_without_groups_are_read_one_by_one(tmp_path):
    """Older services list them without their states."""
    with cdu(tmp_path, patch={f"{UNIT}/LeakDetection": {"LeakDetectorGroups": []}}) as one:
        assert 0.0 == one.tick()["leak"]
        one.values["leak"] = 1.0
        assert 1.0 == one.tick()["leak"]


def test_what_the_unit_is_is_told_once_and_on_change(tmp_path):
    """Maker, model, serial number and firmware; a new firmware is told with the next look-through."""
    with cdu(tmp_path, inventory_s=100.0) as one:
        one.run(3)
        (facts,) = one.collector.happenings()
        assert "facts" == facts.kind
        assert {"manufacturer": "coldplate", "serial": "CDU-0001", "firmware": "1.0.0"}.items() <= facts.data.items()  # fmt: skip
        one.patch[UNIT] = {"FirmwareVersion": "1.0.1"}
        one.run(110)
        (facts,) = one.collector.happenings()
        assert "1.0.1" == facts.data["firmware"]


def test_a_lost_controller_is_told_and_told_back(tmp_path, caplog):
    """After ten seconds without a value, and with the first one after; logged once each way."""
    away = threading.Event()

    def before(handler):
        return away.is_set() and reset(handler)

    with cdu(tmp_path, before=before) as one:
        one.tick()
        one.collector.happenings()
        away.set()
        one.run(30)
        (lost,) = one.collector.happenings()
        assert ("source_lost", CDU) == (lost.kind, lost.subject)
        assert 11000 == lost.t_ms
        assert "the connection broke" in lost.text
        assert not one.health.ok
        away.clear()
        one.run(70)
        (back,) = one.collector.happenings()
        assert "source_back" == back.kind
        assert 30 <= back.data["away_s"] <= 100
        assert one.health.ok
    told = [r.getMessage() for r in caplog.records if r.name.endswith("reader")]
    assert 2 == len(told), told


def test_a_service_that_stops_expanding_is_read_member_by_member(tmp_path):
    """After a look-through that follows within two minutes."""
    stops = threading.Event()

    def before(handler):
        if stops.is_set() and "$expand" in handler.path:
            handler.answer(501)
            return True
        return False

    with cdu(tmp_path, before=before, expands=True) as one:
        one.tick()
        stops.set()
        one.run(120)
        assert 2900.0 == one.run(4)["pump1_rpm"]
        assert one.health.ok


def test_a_controller_that_was_never_there_is_lost(tmp_path):
    """It is asked less and less often, and every value is absent."""
    with cdu(tmp_path, before=reset) as one:
        assert {} == one.run(200)
        assert ["source_lost"] == [h.kind for h in one.collector.happenings()]
        assert sum(one.service.asked.values()) < 30


def test_a_tick_never_waits_beyond_its_budget(tmp_path):
    """A controller that hangs, and one that takes longer than a tick, cost a tick its budget at most."""
    with cdu(tmp_path, before=gone, budget_s=0.05, timeout_s=0.5, hangs=True) as one:
        for _ in range(5):
            began_s = time.monotonic()
            assert {} == one.tick()
            assert time.monotonic() - began_s < 0.3


def test_a_slow_controller_is_read_all_round(tmp_path):
    """At one answer in several ticks each part gets its turn, and the look-through ends."""

    def before(handler):
        time.sleep(0.03)
        return False

    with cdu(tmp_path, before=before, budget_s=0.01, slow_ticks=2) as one:
        deadline_s = time.monotonic() + 30.0
        told = {}
        while set(VALUES) - set(told) and time.monotonic() < deadline_s:
            told |= one.tick()
        assert set(VALUES) == set(told)


def test_an_answer_that_is_too_old_is_dropped_and_counted(tmp_path):
    """It would stand in a tick that it does not belong to; a leak in it is told all the same."""
    slow = threading.Event()

    def before(handler):
        if slow.is_set():
            one.clock.ahead_s += 5.0
        return False

    with cdu(tmp_path, before=before, timeout_s=60.0) as one:
        one.tick()
        one.collector.happenings()
        slow.set()
        one.values["leak"] = 1.0
        assert {} == one.tick()
        assert one.health.counts["late"] >= 1
        assert "longer than redfish.late_s" in one.health.text
        assert "leak" in [h.kind for h in one.collector.happenings()]


@pytest.mark.parametrize("status", [500, 404, 403])
def test_one_resource_that_fails_leaves_the_others(tmp_path, status):
    """Its metrics are absent, it is asked less often, and health says which it is."""

    def before(handler):
        if handler.path.startswith(f"{UNIT}/Pumps/1"):
            handler.answer(status)
            return True
        return False

    with cdu(tmp_path, before=before) as one:
        one.run(3)
        told = one.run(20)
        assert "pump1_rpm" not in told
        assert VALUES.keys() - {"pump1_rpm", "pump1_ratio", "pump1_w", "pump2_rpm", "pump2_ratio", "pump2_w"} <= told.keys()  # fmt: skip


def test_one_resource_that_hangs_costs_the_others_little(tmp_path, caplog):
    """It is given up after its time-out, and left alone longer each time."""
    hang = threading.Event()

    def before(handler):
        return hang.is_set() and handler.path == f"{UNIT}/Reservoirs/1" and gone(handler)

    with cdu(tmp_path, before=before, budget_s=0.2, timeout_s=0.1, hangs=True) as one:
        one.tick()
        hang.set()
        told = [one.run(1, 3.0) for _ in range(60)]
    assert sum("flow_lpm" in t for t in told) > 45
    assert 1 == sum("Reservoirs/1" in r.getMessage() for r in caplog.records), caplog.text
    assert one.service.asked[f"{UNIT}/Reservoirs/1"] < 8


def test_several_cdus_of_one_controller_are_told_apart(tmp_path):
    """One must be named; its own parts are read."""
    other = UNIT.removesuffix("1") + "2"
    patch = {
        UNIT.rpartition("/")[0]: {"Members": [{"@odata.id": UNIT}, {"@odata.id": other}]},
        other: {"@odata.id": other, "Id": "2", "SecondaryCoolantConnectors": {"@odata.id": f"{other}/S"}},
        f"{other}/S": {"@odata.id": f"{other}/S", "Members": [{"@odata.id": f"{other}/S/1"}]},
        f"{other}/S/1": {"@odata.id": f"{other}/S/1", "FlowLitersPerMinute": {"Reading": 55.0}},
    }  # fmt: skip
    with cdu(tmp_path, patch=patch) as one:
        assert {} == one.run(3)
        assert "There are: 1, 2" in one.health.text
    with cdu(tmp_path, patch=patch, unit="2") as one:
        assert {"flow_lpm": 55.0} == one.tick()


def test_origins_name_the_property(tmp_path):
    """And what a reading costs."""
    with cdu(tmp_path) as one:
        one.tick()
        origin = one.collector.origins()[CDU]["flow_lpm"]
    assert "redfish SecondaryCoolantConnectors/1 FlowLitersPerMinute" == origin.source
    assert origin.cost_us is not None
    assert 0 < origin.cost_us < 1e6


def test_it_is_a_collector(tmp_path):
    """One device, one source, an array of the catalogue's length; closing twice is no harm."""
    with cdu(tmp_path) as one:
        collector = one.collector
        assert {Kind.CDU: (CDU,)} == collector.devices
        assert [(CDU, "rack-0003")] == [(s.name, s.rack) for s in collector.sources]
        first = collector.sample(1000)
        assert np.float64 == first[Kind.CDU].dtype
        kept = first[Kind.CDU].copy()
        collector.sample(2000)
        np.testing.assert_array_equal(kept, first[Kind.CDU])
        assert collector.conditions() is None
        collector.close()
        collector.close()
        assert {} == one.service.tokens


def test_a_twin_is_read_over_redfish():
    """What the twin's CDU tells comes back from its mock, to the digits that it gives."""
    small = replace(load("healthy"), racks=2, nodes=2, gpus=2)
    twin = TwinCollector(Hall(small))
    taken = twin.sample(1_790_000_000_000)[Kind.CDU]
    docs = {f"/cdu-{i}": (lambda i=i: tree(values_of(taken[:, i]))) for i in range(2)}
    with serve(Service(docs)) as address:
        for i in range(2):
            one = RedfishCduCollector(f"rack-{i:04d}/cdu", f"rack-{i:04d}", f"http://{address}/cdu-{i}", Redfish(budget_s=5.0))  # fmt: skip
            got = one.sample(1000)[Kind.CDU][:, 0]
            one.close()
            # Redfish has no property for coolant made up.
            told = [m.number for m in CATALOGUE[Kind.CDU] if m.name != "makeup_l_total"]
            np.testing.assert_allclose(taken[told, i], got[told], rtol=1e-5, atol=1e-3)


def test_closing_does_not_wait_for_a_controller_that_is_away(tmp_path):
    """A plant's agent has hundreds to close."""
    away = threading.Event()

    def before(handler):
        return away.is_set() and gone(handler)

    with cdu(tmp_path, before=before, budget_s=0.3, timeout_s=0.2, hangs=True) as one:
        one.tick()
        away.set()
        one.run(2)
        began_s = time.monotonic()
        one.collector.close()
        assert time.monotonic() - began_s < 0.5


def test_every_option_has_a_meaning():
    """One line each."""
    assert set(Redfish.__struct_fields__) == set(MEANINGS)


def test_the_log_is_quiet_while_all_is_well(tmp_path, caplog):
    """Nothing is logged at a healthy controller but that its password is in the clear."""
    with caplog.at_level(logging.INFO), cdu(tmp_path) as one:
        one.run(12)
    assert [] == [r.getMessage() for r in caplog.records if "in the clear" not in r.getMessage()]
