"""What detectors have learnt outlives their worker: written down, given back, and judged by as if nothing had been."""

import pickle

import numpy as np
import pytest
from frames import record_bytes
from msgspec.structs import replace
from racks import T0

from coldplate.streams.detectors import FlowLoss, PumpStop, defaults
from coldplate.streams.detectors.apart import ReadingDrift
from coldplate.streams.detectors.branch import NodeFlow
from coldplate.streams.detectors.filter import FilterClog
from coldplate.streams.detectors.supplies import PsuLoss
from coldplate.streams.detectors.thermal_path import ThermalPath
from coldplate.streams.engine import Engine
from coldplate.streams.keeping import Keeping, kept, unit_of
from coldplate.wire.baseline import VALUES_MAX, Baselines, check
from coldplate.wire.codec import SMALL_RECORD_BYTES_MAX, decode, encode
from coldplate.wire.frame import decode_frame
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

RACK, CDU = "rack-0000", "rack-0000/cdu"
LEARN_S, HOUR_S, TAIL_S = 6 * 3600, 3600, 120
JUDGES = (
    PumpStop(1), FlowLoss(), FilterClog(), NodeFlow(), PsuLoss(), ThermalPath(), ReadingDrift(),
)  # fmt: skip
INVENTORY = generate(1, 4, 2)
NODES = [d.id for d in INVENTORY.of_kind("node")]
GPUS = [d.id for d in INVENTORY.of_kind("gpu")]

FAULTS = {
    "pump1-stop": (300, 480), "flow-loss": (600, 900), "filter-clog": (1000, 1300), "node-flow": (1400, 1600),
    "psu-loss": (1700, 2000), "thermal-path": (2000, 3000), "gpu-reading-drift": (3100, 3400),
}  # fmt: skip
"""By the detector that must see it: seconds of the hour from and to which something fails."""


def world(start_s, seconds, tick_s, ill):
    """Values by metric, (ticks, devices), of a rack whose load swings; `ill` by detector: from and to when."""
    random = np.random.default_rng(start_s)
    t_s = start_s + np.arange(0, seconds, tick_s)[:, None]

    def fails(name):
        first, last = ill.get(name, (0, 0))
        return (t_s >= first) & (t_s < last)

    def noisy(level, sd, devices):
        return level + sd * random.standard_normal((len(t_s), devices))

    power = noisy(500.0 + 150.0 * np.sin(t_s / 97.0), 3.0, len(GPUS))
    first_gpu = np.arange(len(GPUS)) == 0
    k_per_w = (
        0.04
        + 0.002 * np.linspace(-1.0, 1.0, len(GPUS))
        + 0.02 * (fails("thermal-path") & first_gpu)
    )
    gpu_c = np.rint(40.0 + k_per_w * power)
    margin = 87.0 - gpu_c
    stands = fails("pump1-stop")
    flow = np.where(stands, 40.0, noisy(64.0, 0.3, 1) * np.where(fails("flow-loss"), 0.7, 1.0))
    node_flow, node_w = noisy(8.0, 0.05, len(NODES)), noisy(400.0, 4.0, len(NODES))
    node_w += 1.05 * power.reshape(len(t_s), len(NODES), -1).sum(2)
    node_flow[:, :1] *= np.where(fails("node-flow"), 0.7, 1.0)
    node_w[:, :1] *= np.where(fails("psu-loss"), 1.03, 1.0)
    return {
        Kind.GPU: {
            "power_w": power, "power_instant_w": power, "margin_c": margin, "mem_util_ratio": 0.2 + 0.0 * power,
            "gpu_c": gpu_c + 4.0 * (fails("gpu-reading-drift") & first_gpu),
        },
        Kind.NODE: {"node_power_w": node_w, "node_flow_lpm": node_flow},
        Kind.CDU: {
            "supply_c": noisy(40.0, 0.02, 1), "return_c": noisy(48.0, 0.02, 1), "flow_lpm": flow,
            "supply_kpa": 150.0 + 100.0 * (flow / 64.0) ** 2, "return_kpa": noisy(150.0, 0.2, 1),
            "pump1_rpm": np.where(stands, 0.0, noisy(3000.0, 8.0, 1)), "pump2_rpm": 0.0 * flow,
            "filter_kpa_delta": noisy(20.0, 0.1, 1) * np.where(fails("filter-clog"), 3.0, 1.0),
        },
    }  # fmt: skip


def frames(start_s, seconds, tick_s=5, ill=None):
    """The world as frames of a dozen ticks, the nodes' and then the coolant unit's."""
    values = world(start_s, seconds, tick_s, ill or {})
    for first in range(0, seconds // tick_s, 12):
        cut = {
            kind: (tuple(ids), {n: v[first : first + 12] for n, v in values[kind].items()})
            for kind, ids in ((Kind.GPU, GPUS), (Kind.NODE, NODES), (Kind.CDU, [CDU]))
        }
        tick, ticks = (T0 + start_s) // tick_s + first, min(12, seconds // tick_s - first)
        for source, kinds in (("nodes", (Kind.GPU, Kind.NODE)), ("cdu", (Kind.CDU,))):
            parts = {kind: cut[kind] for kind in kinds}
            yield decode_frame(
                record_bytes(source, RACK, tick, ticks, parts, seq=tick, tick_ms=1000 * tick_s)
            )


def judge(engine, some, keeping=None):
    """Changes over frames, two at a time."""
    out = []
    for frame in some:
        engine.write(frame)
        if keeping:
            keeping.meet(frame)
        if frame.head.source == "cdu":
            out += engine.step(0)
    assert not engine.failed
    return out


def changes(anomalies):
    return [(a.detector, a.subject, a.t_ms // 1000 - T0, a.on) for a in anomalies]


@pytest.fixture(scope="module")
def learnt():
    """An engine after six hours of health, pickled."""
    engine = Engine("test", INVENTORY, detectors=JUDGES)
    # A long tick is as good to learn from, and takes the test half the time.
    assert not [a for a in judge(engine, frames(0, LEARN_S - TAIL_S, tick_s=10)) if a.on]
    judge(engine, frames(LEARN_S - TAIL_S, TAIL_S))
    return pickle.dumps(engine)


def taken_over(learnt):
    """An engine that begins with what that one knew, by way of bytes."""
    records = [decode(Baselines, encode(r)) for r in Keeping(pickle.loads(learnt)).all()]
    engine = Engine("test", INVENTORY, detectors=JUDGES)
    keeping = Keeping(engine)
    keeping.expect(records)
    return engine, keeping


def test_who_took_over_judges_as_if_nothing_had_been(learnt):
    """Over the next hour the same detectors fire and clear on the same devices at the same ticks."""
    engine, keeping = taken_over(learnt)
    judge(engine, frames(LEARN_S - TAIL_S, TAIL_S), keeping)
    ill = {name: (LEARN_S + a, LEARN_S + b) for name, (a, b) in FAULTS.items()}
    hour = list(frames(LEARN_S, HOUR_S, ill=ill))
    never_stopped = judge(pickle.loads(learnt), hour)
    assert set(FAULTS) <= {a.detector for a in never_stopped if a.on}
    found = judge(engine, hour)
    assert changes(never_stopped) == changes(found)
    for one, other in zip(never_stopped, found, strict=True):
        assert one.evidence.threshold == pytest.approx(other.evidence.threshold, rel=0.01)


@pytest.mark.parametrize("detector", ["flow-loss", "thermal-path"])
def test_without_it_a_fault_that_lasts_is_taken_for_normal(learnt, detector):
    """It began while no worker ran: who knows what is usual says so at once, who does not never does."""
    ill = {detector: (0, LEARN_S + HOUR_S)}
    engine, keeping = taken_over(learnt)
    assert detector in {a.detector for a in judge(engine, frames(LEARN_S, 600, ill=ill), keeping)}
    assert [] == judge(Engine("test", INVENTORY, detectors=JUDGES), frames(LEARN_S, 600, ill=ill))


def test_what_is_given_back_is_what_was_kept(learnt):
    """Every array that is kept, to the last bit, of every device; the others begin anew."""
    before, (engine, keeping) = pickle.loads(learnt), taken_over(learnt)
    for frame in frames(LEARN_S, 60):
        engine.write(frame)
        keeping.meet(frame)
    seen = 0
    for kind, state in before.states.items():
        for one, other in zip(state.judges, engine.states[kind].judges, strict=True):
            names = kept(tuple(one.detector.remembers))
            for name, initial in one.detector.remembers.items():
                family = [n for n in names if name in (n, f"{n}_age_s", f"{n}_last_ms")]
                wanted = one.memory[name] if family else np.full_like(one.memory[name], initial)
                assert np.array_equal(wanted, other.memory[name], equal_nan=True), name
                seen += bool(family) * len(wanted)
    assert 100 < seen


def test_it_tells_age_and_samples(learnt):
    """Six hours of a mean, a tick every ten seconds of most of them; of a line, the observations it rests on."""
    (record,) = Keeping(pickle.loads(learnt)).all()
    entries = {(e.detector, e.name): (block, e) for block in record.blocks for e in block.learnt}
    block, flow = entries["flow-loss", "flow_lpm"]
    assert ((CDU,), "l/min", "cdu") == (block.devices, flow.unit, block.kind)
    assert 64.0 == pytest.approx(flow.array("value")[0], abs=0.2)
    assert LEARN_S == pytest.approx(flow.array("age_s")[0], abs=20)
    assert record.t_ms == flow.array("learnt_ms")[0] == (T0 + LEARN_S - 5) * 1000
    _, slope = entries["thermal-path", "slope"]
    assert (len(GPUS),) == slope.array("samples").shape
    assert (slope.array("samples") > 1000).all()


def test_the_newest_of_a_rack_is_taken(learnt):
    """Whichever source tells of it, in whatever order; twice the same is once."""
    (newest,) = Keeping(pickle.loads(learnt)).all()
    older = replace(newest, t_ms=newest.t_ms - 1000, blocks=newest.blocks[:1])
    for calls in (
        [[older, newest]],
        [[newest, older]],
        [[older], [newest]],
        [[newest], [older]],
        [[newest], [newest]],
    ):
        engine = Engine("test", INVENTORY, detectors=JUDGES)
        keeping = Keeping(engine)
        for records in calls:
            keeping.expect(records)
        judge(engine, frames(LEARN_S, 60), keeping)
        told = [e.array("value") for b in newest.blocks for e in b.learnt]
        assert sum(np.isfinite(v).sum() for v in told) == keeping.counts["recalled"]


def test_racks_take_turns():
    """Each once in the time given, and only when it has told something since."""
    inventory = generate(6, 1, 1)
    engine = Engine("test", inventory)
    keeping = Keeping(engine)
    racks = [f"rack-{n:04d}" for n in range(6)]

    def tell(tick, some):
        engine.feed([
            decode_frame(record_bytes(f"{r}/node-0", r, tick, 1, {
                Kind.NODE: ((f"{r}/node-0",), {"node_flow_lpm": 8.0}),
            }, seq=tick)) for r in some
        ], 0)  # fmt: skip

    def turn(first_s):
        return [
            (s, b.rack) for s in range(first_s, first_s + 60) for b in keeping.due(1000 * s, 60.0)
        ]

    tell(T0, racks)
    tell(T0 + 1, racks)
    assert [] == keeping.due(0, 60.0)
    whole = turn(1)
    # The hall has its turn too, and has told nothing.
    assert racks == [rack for _, rack in whole]
    assert {8, 9} >= set(np.diff([second for second, _ in whole]))
    tell(T0 + 60, racks[:2])
    assert racks[:2] == [rack for _, rack in turn(61)]
    assert [] == list(keeping.all())


def test_a_large_rack_comes_in_several_records():
    """All of one tick, none too large to be taken, and together they hold every device."""
    count = 700
    engine = Engine("test")
    gpus = tuple(f"r/n/{g}" for g in range(count))
    for tick in range(T0, T0 + 60):
        values = {"gpu_c": 60.0, "margin_c": 27.0, "power_w": 500.0 + tick % 7}
        for first in range(0, count, 100):
            some = gpus[first : first + 100]
            frame = record_bytes(f"n{first}", "r", tick, 1, {Kind.GPU: (some, values)}, seq=tick)
            engine.feed([decode_frame(frame)], 0)
    records = list(Keeping(engine).all())
    assert 1 < len(records)
    assert {records[0].t_ms} == {r.t_ms for r in records}
    assert list(gpus) == [d for r in records for b in r.blocks for d in b.devices]
    for record in records:
        check(record)
        assert VALUES_MAX >= sum(len(b.devices) * len(b.learnt) for b in record.blocks)
        assert len(encode(record)) < SMALL_RECORD_BYTES_MAX


def test_what_this_program_does_not_know_is_passed_over(learnt):
    """A detector or a name of another version, a device that is gone, a rack that never comes."""
    (record,) = Keeping(pickle.loads(learnt)).all()
    raw = (
        encode(record)
        .replace(b"flow-loss", b"flow-lots")
        .replace(b"node_flow_lpm", b"node_flow_xyz")
    )
    other = decode(Baselines, raw.replace(b"rack-0000/node-3", b"rack-0000/node-9"))
    engine = Engine("test", INVENTORY, detectors=JUDGES)
    keeping = Keeping(engine)
    keeping.expect([other])
    judge(engine, frames(LEARN_S, 10), keeping)
    whole, whole_keeping = taken_over(learnt)
    judge(whole, frames(LEARN_S, 10), whole_keeping)
    assert 0 < keeping.counts["recalled"] < whole_keeping.counts["recalled"]
    assert not engine.fleet.strangers


def test_nothing_of_a_block_or_hold_is_kept():
    """Sums that are not over, and what the tick before was, come back with the topic's tail."""
    for detector in defaults():
        names = kept(tuple(detector.remembers))
        assert not {"n", "score", "growth", "spikes"} & set(names)
        assert not {n for n in names if n.endswith(("_age_s", "_last_ms"))}
        assert set(names) <= set(detector.remembers)


def test_units_are_the_catalogues_or_the_names():
    """A share, and a name that does not end in a unit, have none."""
    told = [
        unit_of(Kind.CDU, n) for n in ("flow_lpm", "valve_ratio", "supply_mean", "limit_c", "x_kpa")
    ]
    assert ["l/min", "", "", "degC", "kPa"] == told
