"""The worker's work without Kafka: a failing pump, a silent node, an XID, bad records."""

import math

import numpy as np
from frames import record, record_bytes

from coldplate.streams.pipeline import Effects, Pipeline
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.incident import Incident, Severity, State
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
RACK = "rack-0003"
NODES = tuple(f"{RACK}/node-{n}" for n in range(8))
STOP_S, BACK_S = 30, 75


def flow_lpm(t_s: float) -> float:
    """Pump 1 stops at 30 s and coasts down, its spare holds 30 %, pump 1 is back at 75 s."""
    if STOP_S <= t_s < BACK_S:
        return 64.0 * max(0.3, math.exp(-(t_s - STOP_S) / 1.5))
    return 64.0


def cdu(t_s: int) -> bytes:
    stopped = STOP_S <= t_s < BACK_S
    values = {
        "flow_lpm": flow_lpm(t_s), "supply_c": 40.0, "return_c": 50.0,
        "pump1_rpm": 3000.0 * math.exp(-(t_s - STOP_S) / 1.5) if stopped else 3000.0,
        "pump2_rpm": 1500.0 if stopped else 0.0,
    }  # fmt: skip
    return record_bytes(
        f"{RACK}/cdu", RACK, T0 + t_s, 1, {Kind.CDU: ((f"{RACK}/cdu",), values)}, seq=t_s
    )


def gpu_c(t_s: float) -> float:
    """Rises from 65 towards 89 degC with a time constant of 10 s while flow is missing."""
    if t_s < STOP_S:
        return 65.0
    if t_s < BACK_S:
        return 89.0 - 24.0 * math.exp(-(t_s - STOP_S) / 10.0)
    return 65.0 + 23.0 * math.exp(-(t_s - BACK_S) / 4.0)


def node(name: str, t_s: int, ticks: int = 5) -> bytes:
    temps = np.array([[round(gpu_c(t_s + k))] for k in range(ticks)], float)
    values = {
        "gpu_c": temps, "margin_c": 87.0 - temps, "power_w": 700.0,
        "clock_event_reasons": np.where(temps >= 87.0, 0x24, 0x4),
    }  # fmt: skip
    gpus = tuple(f"{name}/gpu-{g}" for g in range(8))
    return record_bytes(name, RACK, T0 + t_s, ticks, {Kind.GPU: (gpus, values)}, seq=t_s)


def pump_case(pipeline: Pipeline, until_s: int = 100, ticks: int = 5) -> list[Incident]:
    """Run the case second by second; nodes send every `ticks` seconds."""
    out: list[Incident] = []
    for t in range(until_s):
        values = [cdu(t)]
        if t % ticks == ticks - 1:
            values += [node(name, t - ticks + 1, ticks) for name in NODES]
        now_ms = (T0 + t + 1) * 1000
        out += pipeline.frames([record(v, timestamp_ms=now_ms) for v in values], now_ms).incidents
        out += pipeline.passing_time(now_ms).incidents
    return out


def test_a_dead_pump_is_one_incident_that_names_the_cdu() -> None:
    """Two CDU detectors and 64 GPUs fire; one incident opens within 4 s, names the pump, and closes."""
    records = pump_case(Pipeline("test"))
    assert {r.id for r in records} == {records[0].id}
    opened, closed = records[0], records[-1]
    assert ("pump-stop", f"{RACK}/cdu", State.OPEN) == (opened.kind, opened.subject, opened.state)
    assert opened.opened_ms - (T0 + STOP_S) * 1000 <= 4000
    assert "Pump 1 of rack-0003/cdu" in opened.cause
    assert closed.state is State.CLOSED
    assert (T0 + BACK_S) * 1000 < (closed.closed_ms or 0) <= (T0 + 95) * 1000
    assert 64 == len(closed.affected)
    assert 64 <= len(closed.evidence)


def test_the_countdown_to_throttling_comes_true() -> None:
    """The forecast made as the incident opens is within 4 s of the throttling that is then seen."""
    records = pump_case(Pipeline("test"))
    first = next(r.throttle_at_ms for r in records if r.throttle_at_ms)
    seen = next(r.throttle_seen_ms for r in records if r.throttle_seen_ms)
    assert abs(first - seen) <= 6000
    assert all(r.severity is Severity.CRITICAL for r in records if r.throttle_at_ms)


def test_the_answer_does_not_depend_on_how_ticks_are_framed() -> None:
    """Frames of 1, 5 or 10 ticks open the same incident (same id) for the same cause."""
    ids = {pump_case(Pipeline("test"), 60, ticks)[0].id for ticks in (1, 5, 10)}
    assert len(ids) == 1


def test_a_healthy_rack_is_quiet() -> None:
    """Nothing fires while nothing is wrong."""
    assert [] == pump_case(Pipeline("test"), STOP_S)


def test_a_repeat_is_the_same_incident() -> None:
    """Reading the same records again from the start gives the same ids and opening ticks."""
    once, again = pump_case(Pipeline("test")), pump_case(Pipeline("test"))
    assert once == again


def test_a_worker_that_starts_in_the_middle_keeps_the_open_incident() -> None:
    """Restored from the incidents topic, it does not close while the pump is dead, then closes the same id."""
    before = pump_case(Pipeline("test"), 50)
    later = Pipeline("test")
    later.correlator.restore([before[-1]])
    out: list[Incident] = []
    for t in range(50, 100):
        values = [cdu(t), *[node(n, t - 4) for n in NODES if t % 5 == 4]]
        now_ms = (T0 + t + 1) * 1000
        out += later.frames([record(v, timestamp_ms=now_ms) for v in values], now_ms).incidents
        out += later.passing_time(now_ms).incidents
    assert {before[0].id} == {r.id for r in out}
    closed = [r for r in out if r.state is State.CLOSED]
    assert 1 == len(closed)
    assert (closed[0].closed_ms or 0) > (T0 + BACK_S) * 1000


def test_a_node_that_stops_sending_is_told_and_comes_back() -> None:
    """The others of its partition go on; it pages once and closes once it sends again."""
    pipeline = Pipeline("test")
    out: list[Incident] = []
    for t in range(4, 120, 5):
        silent = 30 <= t < 80
        values = [node(n, t - 4) for n in NODES[1:]] + ([] if silent else [node(NODES[0], t - 4)])
        now_ms = (T0 + t) * 1000
        out += pipeline.frames([record(v, timestamp_ms=now_ms) for v in values], now_ms).incidents
        out += pipeline.passing_time(now_ms).incidents
    out = [r for r in out if r.kind == "silent-node"]
    assert [State.OPEN, State.CLOSED] == [r.state for r in out]
    assert NODES[0] == out[0].subject


def test_an_xid_of_the_application_informs_and_a_lost_gpu_pages() -> None:
    """XID 31 is info, XID 79 a warning; each names its GPU."""
    pipeline = Pipeline("test")
    gpu = f"{NODES[0]}/gpu-2"
    events = [
        Event("xid", gpu, RACK, T0 * 1000, "test", NODES[0], 1, s, code=c)
        for s, c in ((0, 31), (1, 79))
    ]
    records = [record(encode(e), timestamp_ms=T0 * 1000) for e in events]
    out = pipeline.events(records).incidents
    assert [Severity.INFO, Severity.WARNING] == [r.severity for r in out]
    assert {gpu} == {r.subject for r in out}


def test_bad_records_are_rejected_with_their_reason_and_good_ones_arrive() -> None:
    """Cut, wrong CRC, unknown schema, no MessagePack, an hour ahead, a week old, wrong cluster."""
    good = cdu(0)
    flipped = bytearray(good)
    flipped[-1] ^= 1
    bad = [
        good[:-7], bytes(flipped), good.replace(good[:2], bytes([good[0], 9]), 1), b"\xc1 not a record",
        record_bytes(f"{RACK}/cdu", RACK, T0 + 3600, 1, {Kind.CDU: (("c",), {"flow_lpm": 1.0})}),
        record_bytes(f"{RACK}/cdu", RACK, T0 - 7 * 86400, 1, {Kind.CDU: (("c",), {"flow_lpm": 1.0})}),
        record_bytes(f"{RACK}/cdu", RACK, T0, 1, {Kind.CDU: (("c",), {"flow_lpm": 1.0})}, cluster="x"),
    ]  # fmt: skip
    pipeline = Pipeline("test")
    mixed = [v for b in bad for v in (b, good)]
    effects: Effects = pipeline.frames(
        [record(v, timestamp_ms=T0 * 1000) for v in mixed], T0 * 1000
    )
    expected = [
        "not-messagepack", "bad-crc", "unknown-schema", "not-messagepack", "tick-ahead", "tick-old", "wrong-cluster",
    ]  # fmt: skip
    assert expected == [r.reason for r in effects.rejects]
    assert len(bad) == pipeline.engine.counts["frames"]
