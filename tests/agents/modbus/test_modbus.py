"""The Modbus collector against a real server: values, refusals, slowness, outages."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from pymodbus.constants import ExcCodes
from waiting import await_that

from coldplate.agents.collector import Happening
from coldplate.agents.collectors.modbus import ModbusCollector
from coldplate.agents.modbus.map import load, read
from coldplate.agents.modbus.place import Place
from coldplate.agents.modbus.registers import RegisterMap
from coldplate.wire.metric import Kind, metric

CDU = "rack-0003/cdu"


@pytest.fixture
def make() -> Iterator[Callable[..., ModbusCollector]]:
    """Collectors that are closed at the end."""
    made: list[ModbusCollector] = []

    def collector(
        port: int, registers: RegisterMap | None = None, *, wait_s: float = 5.0, **place: object
    ) -> ModbusCollector:
        at = Place(CDU, "127.0.0.1", port, **{"timeout_s": 0.3, **place})
        made.append(ModbusCollector([(at, registers or load("example-cdu"))], wait_s=wait_s))
        return made[-1]

    yield collector
    for one in made:
        one.close()


def simple(*addresses: int, **file: object) -> RegisterMap:
    """Temperatures as tenths of a degree in holding registers."""
    names = ("supply_c", "return_c", "room_c", "dew_point_c", "facility_supply_c")
    entries = [
        {"metric": n, "address": a, "scale": 0.1, "unit": "degC"}
        for n, a in zip(names, addresses, strict=False)
    ]
    return read({"name": "simple", "source": "x", "register": entries, **file}, "x")


def cdu(samples: dict, name: str) -> float:
    return float(samples[Kind.CDU][metric(Kind.CDU, name).number, 0])


def absent(value: float) -> bool:
    return bool(np.isnan(value))


def test_every_type_and_order_of_the_example_comes_through(device, make, now_ms) -> None:
    """Floats, words, bits and both orders of words, in the catalogue's units."""
    for address, form, value in (
        (0, ">f", 30.25), (2, ">f", 41.5), (4, ">f", 6.0), (6, ">f", 2.0), (8, ">f", -9999.0),
        (10, ">f", 0.25), (20, ">H", 2950), (21, ">H", 0), (22, ">H", 655), (24, ">H", 1200),
    ):  # fmt: skip
        device.put(address, form, value)
    device.holding[26:28] = [0x86A0, 0x0001]  # 100,000, the low word first
    device.holding[28:30] = [0x04D2, 0x0000]
    device.put(100, ">h", 185, "input")
    device.put(101, ">h", 0x7FFF, "input")
    device.put(102, ">h", 770, "input")
    found = make(device.port).sample(now_ms)
    expected = {
        "supply_c": 30.25, "return_c": 41.5, "flow_lpm": 100.0, "supply_kpa": 301.325,
        "filter_kpa_delta": 25.0, "pump1_rpm": 2950.0, "pump2_rpm": 0.0, "pump1_ratio": 0.655,
        "heat_w": 100_000.0, "makeup_l_total": 123.4, "facility_supply_c": 18.5, "room_c": 25.0,
        "leak": 0.0,
    }  # fmt: skip
    assert expected == pytest.approx({name: cdu(found, name) for name in expected}, abs=1e-3)
    # A sensor's own 'invalid', one in another type, and a valve that is 120 % open.
    for name in ("return_kpa", "facility_return_c", "valve_ratio"):
        assert absent(cdu(found, name))


def test_what_lies_together_is_asked_for_together(device, make, now_ms) -> None:
    """The example's 20 registers, gaps of eight among them, take one request a table."""
    make(device.port).sample(now_ms)
    assert [(2, 0, 1), (3, 0, 31), (4, 100, 3)] == sorted(device.requests)


def test_an_address_that_the_device_lacks_is_unsupported_and_the_rest_goes_on(
    device, make, now_ms, caplog
) -> None:
    """Found within the first poll, said once, and not asked for again."""
    for address, tenths in ((0, 301), (1, 402), (2, 251), (3, 120)):
        device.put(address, ">h", tenths)
    device.refused[2] = ExcCodes.ILLEGAL_ADDRESS
    collector = make(device.port, simple(0, 1, 2, 3))
    for tick in range(3):
        found = collector.sample(now_ms + 1000 * tick)
        assert [30.1, 40.2] == pytest.approx([cdu(found, n) for n in ("supply_c", "return_c")])
        assert absent(cdu(found, "room_c"))
        assert 12.0 == pytest.approx(cdu(found, "dew_point_c"))
    origins = collector.origins()[CDU]
    assert ("unsupported", "") == (origins["room_c"].absent, origins["supply_c"].absent)
    assert origins["supply_c"].cost_us is not None
    assert [(3, 0, 2), (3, 3, 1)] == sorted(device.requests[-2:])
    assert 1 == sum("room_c is unsupported" in m for m in caplog.messages)
    assert collector.health()[0].ok


def test_a_device_that_takes_few_registers_a_request_is_asked_for_few(device, make, now_ms) -> None:
    """It answers `illegal value`, as some do, and gets smaller requests."""
    device.count_max = 2
    device.put(5, ">h", 190)
    found = make(device.port, simple(0, 2, 5)).sample(now_ms)
    assert 19.0 == pytest.approx(cdu(found, "room_c"))
    assert 0.0 == cdu(found, "supply_c")


def test_a_register_that_fails_for_now_is_asked_again(device, make, now_ms) -> None:
    """`Device failure` is an error of the moment, not a register that is missing."""
    device.put(100, ">h", 250)
    device.refused[100] = ExcCodes.DEVICE_FAILURE
    collector = make(device.port, simple(0, 100))
    found = collector.sample(now_ms)
    assert 0.0 == cdu(found, "supply_c")
    assert "error" == collector.origins()[CDU]["return_c"].absent
    device.refused.clear()
    assert 25.0 == pytest.approx(cdu(collector.sample(now_ms + 1000), "return_c"))
    assert "" == collector.origins()[CDU]["return_c"].absent


def test_a_busy_device_is_left_in_peace(device, make, now_ms) -> None:
    """It gets longer rests, is counted as busy, and its values are absent."""
    device.refused[0] = ExcCodes.DEVICE_BUSY
    collector = make(device.port, simple(0))
    asked = []
    for tick in range(8):
        before = len(device.requests)
        assert absent(cdu(collector.sample(now_ms + 1000 * tick), "supply_c"))
        asked.append(len(device.requests) > before)
    assert [True, True, False, True, False, False, False, True] == asked
    health = collector.health()[0]
    assert not health.ok
    assert 4 == health.counts["busy"]


def test_a_gateway_whose_device_is_away_is_a_device_that_is_away(device, make, now_ms) -> None:
    """The connection stands, and yet nothing is told."""
    device.refused[0] = ExcCodes.GATEWAY_NO_RESPONSE
    collector = make(device.port, simple(0, 100))
    assert absent(cdu(collector.sample(now_ms), "return_c"))
    assert "gateway got no answer" in collector.health()[0].text
    assert 1 == len(device.requests)


def test_a_map_of_another_device_is_said_to_be_so(device, make, now_ms) -> None:
    """When nothing of it is there."""
    device.refused = dict.fromkeys(range(10), ExcCodes.ILLEGAL_ADDRESS)
    collector = make(device.port, simple(0, 1))
    collector.sample(now_ms)
    assert not collector.health()[0].ok
    collector.sample(now_ms + 1000)
    assert "is it the right one?" in collector.health()[0].text


def test_a_slow_device_delays_no_second_tick_and_is_told_when_it_answers(
    device, make, now_ms
) -> None:
    """One request in flight; its value is in one sample, the next after it came."""
    device.put(0, ">h", 333)
    device.slow_s = 0.5
    collector = make(device.port, simple(0), wait_s=0.1, timeout_s=5.0)
    assert absent(cdu(collector.sample(now_ms), "supply_c"))
    began_s = time.monotonic()
    assert absent(cdu(collector.sample(now_ms + 1000), "supply_c"))
    assert time.monotonic() - began_s < 0.09
    await_that(lambda: collector.health()[0].counts.get("answered"), 5.0, "the slow answer")
    found = [cdu(collector.sample(now_ms + 2000), "supply_c")]
    found.append(cdu(collector.sample(now_ms + 2001), "supply_c"))
    assert 33.3 == pytest.approx(found[0])
    assert absent(found[1])
    assert 1 == device.in_flight_max


def test_a_device_that_is_fast_again_is_waited_for_again(device, make, now_ms) -> None:
    """After one poll that was in time."""
    device.slow_s = 0.3
    collector = make(device.port, simple(0), wait_s=0.2, timeout_s=5.0)
    collector.sample(now_ms)
    await_that(lambda: collector.health()[0].counts.get("answered"), 5.0, "the slow answer")
    device.slow_s = 0.0

    def in_time(tick: int) -> bool:
        return not absent(cdu(collector.sample(now_ms + 1000 * tick), "supply_c"))

    ticks = iter(range(1, 200))
    await_that(lambda: in_time(next(ticks)), 5.0, "a first value")
    await_that(lambda: in_time(next(ticks)) and in_time(next(ticks)), 5.0, "two in a row")


def test_a_device_that_dies_and_returns_is_told_and_read_again(device, make, now_ms) -> None:
    """Lost after three failures in a row, back with the time it was away; what it lacked is asked for again."""
    device.put(1, ">h", 222)
    device.refused[1] = ExcCodes.ILLEGAL_ADDRESS
    collector = make(device.port, simple(0, 1))
    assert 0.0 == cdu(collector.sample(now_ms), "supply_c")
    device.stop()
    told: list[Happening] = []
    ticks = iter(range(now_ms + 1000, now_ms + 600_000, 1000))

    def tell() -> list[Happening]:
        tick = next(ticks)
        found = collector.sample(tick)
        told.extend(collector.happenings())
        if told and told[-1].kind == "source_lost":
            assert absent(cdu(found, "supply_c"))
        return told

    await_that(lambda: len(tell()) == 1, 10.0, "the loss")
    assert ("source_lost", CDU) == (told[0].kind, told[0].subject)
    assert not collector.health()[0].ok
    device.refused.clear()
    device.start()
    await_that(lambda: len(tell()) == 2, 20.0, "the return")
    assert "source_back" == told[1].kind
    assert (told[1].t_ms - now_ms) / 1000 == told[1].data["away_s"]
    health = collector.health()[0]
    assert health.ok
    assert health.counts["unreachable"] >= 3
    found = [cdu(collector.sample(next(ticks)), "return_c") for _ in range(2)]
    assert 22.2 == pytest.approx(found[-1])


def test_a_request_without_an_answer_times_out_and_the_next_has_a_connection_of_its_own(
    device, make, now_ms
) -> None:
    """A late answer to the first is never taken for the second."""
    device.put(0, ">h", 111)
    device.slow_s = 0.6
    collector = make(device.port, simple(0))
    assert absent(cdu(collector.sample(now_ms), "supply_c"))
    assert "timeout" == collector.origins()[CDU]["supply_c"].absent
    assert 1 == collector.health()[0].counts["timeout"]
    device.slow_s = 0.0
    device.put(0, ">h", 222)
    assert 22.2 == pytest.approx(cdu(collector.sample(now_ms + 1000), "supply_c"))


def test_water_is_told_at_once_and_once(device, now_ms) -> None:
    """By the callback, before the sample is over; again only after it was dry."""
    at_once: list[Happening] = []
    place = Place(CDU, "127.0.0.1", device.port)
    collector = ModbusCollector(
        [(place, load("example-cdu"))], wait_s=5.0, on_happening=at_once.append
    )
    try:
        for tick, (rope, tray) in enumerate([(0, 0), (1, 0), (1, 8), (0, 8), (0, 0), (0, 8)]):
            device.discrete = {0} if rope else set()
            device.holding[30] = tray
            found = collector.sample(now_ms + 1000 * tick)
            assert float(bool(rope or tray)) == cdu(found, "leak")
        assert [("leak", now_ms + 1000), ("leak", now_ms + 5000)] == [
            (h.kind, h.t_ms) for h in at_once
        ]
        assert at_once == collector.happenings()
        assert "discrete 0, holding 30" in at_once[0].text
    finally:
        collector.close()


def test_water_does_not_wait_for_what_hangs(device, now_ms) -> None:
    """Leak detectors are asked for first, and told before the poll is over."""
    at_once: list[Happening] = []
    device.slow_s, device.slow_functions, device.discrete = 1.0, (3,), {0}
    place = Place(CDU, "127.0.0.1", device.port)
    collector = ModbusCollector(
        [(place, load("example-cdu"))], wait_s=0.0, on_happening=at_once.append
    )
    try:
        collector.sample(now_ms)
        await_that(lambda: at_once, 0.8, "the leak")
        assert "asked" not in collector.health()[0].counts
    finally:
        collector.close()


def test_one_dead_device_among_many_costs_the_others_nothing(more_devices, now_ms, caplog) -> None:
    """Twenty on one thread: the living have their values in the same sample."""
    caplog.set_level(logging.ERROR)
    dead, alive = more_devices(), more_devices()
    dead.stop()
    places = [
        (Place(f"rack-{i:04d}/cdu", "127.0.0.1", (dead if i == 7 else alive).port), simple(0))
        for i in range(20)
    ]
    threads = threading.active_count()
    collector = ModbusCollector(places, wait_s=5.0)
    try:
        assert threads + 1 == threading.active_count()
        found = collector.sample(now_ms)[Kind.CDU][metric(Kind.CDU, "supply_c").number]
        assert [7] == np.flatnonzero(np.isnan(found)).tolist()
        assert [7] == [i for i, h in enumerate(collector.health()) if not h.ok]
    finally:
        collector.close()


def test_a_cadence_of_its_own_is_kept_and_a_clock_set_back_is_no_silence(
    device, make, now_ms
) -> None:
    """Every 2 s: values in every second sample, and again after the clock went back by an hour."""
    collector = make(device.port, simple(0), every_ms=2000)
    found = [absent(cdu(collector.sample(now_ms + 1000 * t), "supply_c")) for t in range(4)]
    assert [False, True, False, True] == found
    assert not absent(cdu(collector.sample(now_ms - 3_600_000), "supply_c"))


def test_a_hall_point_is_a_source_of_its_own(device, now_ms) -> None:
    """Under the names that it is given."""
    place = Place("hall-1", "127.0.0.1", device.port, source="hall-1/plant", rack="hall-1")
    device.put(492, ">h", 171, "input")
    collector = ModbusCollector([(place, load("liebert-hpc"))], wait_s=5.0)
    try:
        found = collector.sample(now_ms)[Kind.HALL]
        assert 17.1 == pytest.approx(found[metric(Kind.HALL, "facility_supply_c").number, 0])
        assert ("hall-1/plant", "hall-1") == (collector.sources[0].name, collector.sources[0].rack)
    finally:
        collector.close()


def test_two_devices_of_one_name_and_polls_that_are_too_fast_are_refused() -> None:
    """Before anything is asked."""
    place = Place(CDU, "127.0.0.1")
    with pytest.raises(ValueError, match="two Modbus devices are called rack-0003/cdu"):
        ModbusCollector([(place, simple(0))] * 2)
    with pytest.raises(ValueError, match="give 1000 ms or more"):
        Place(CDU, "127.0.0.1", every_ms=500)


def test_closing_in_the_midst_of_a_poll_and_twice_is_no_harm(device, make, now_ms) -> None:
    """No thread and no connection are left."""
    device.slow_s = 1.0
    collector = make(device.port, simple(0), wait_s=0.0)
    collector.sample(now_ms)
    await_that(lambda: device.requests, 5.0, "the request")
    collector.close()
    collector.close()
    assert "modbus" not in [t.name for t in threading.enumerate()]
