"""Bad records in the thousands with good ones around them: all good ones are taken, all bad ones counted."""

import random
import time
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from frames import record, record_bytes

from coldplate.streams.pipeline import Pipeline, Record
from coldplate.wire.codec import encode
from coldplate.wire.event import Event
from coldplate.wire.frame import RECORD_BYTES_MAX, Head, block, decode_frame, encode_frame, seal
from coldplate.wire.inventory import generate
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, Kind, metric

T0 = 1_790_000_000
NODE, RACK = "rack-0000/node-0", "rack-0000"
GPUS = tuple(f"{NODE}/gpu-{g}" for g in range(8))


def good(t_s: int, **values: object) -> bytes:
    chosen = values or {"gpu_c": 60.0, "margin_c": 27.0, "power_w": 700.0}
    return record_bytes(NODE, RACK, T0 + t_s, 1, {Kind.GPU: (GPUS, chosen)}, seq=abs(t_s))


def bad(kind: int, value: bytes, luck: random.Random) -> tuple[str, bytes]:
    """A bad record of the kind, with the reason that it must get."""
    head, body = b"\x90", b""
    makers = (
        lambda: ("not-messagepack", value[: luck.randrange(len(value))]),
        lambda: ("not-messagepack", b"\xc1" + luck.randbytes(60)),
        lambda: ("not-messagepack", b""),
        lambda: ("bad-crc", value[:-1] + bytes([value[-1] ^ 1 << luck.randrange(8)])),
        lambda: ("unknown-schema", seal(head, body, schema=luck.randrange(2, 200))),
        lambda: ("not-messagepack", seal(luck.randbytes(20), body)),
        lambda: ("bad-shape", _broken(ticks=61)),
        lambda: ("bad-layout", _broken(layout=b"\xff\xff")),
        lambda: ("tick-ahead", good(3600)),
        lambda: ("tick-old", good(-7 * 86400)),
        lambda: ("wrong-cluster", record_bytes(NODE, RACK, T0, 1, {Kind.GPU: (GPUS, {"gpu_c": 1.0})}, cluster="x")),
    )  # fmt: skip
    return makers[kind % len(makers)]()


def _broken(ticks: int = 1, layout: bytes | None = None) -> bytes:
    made = Layout.of([metric(Kind.GPU, "gpu_c")])
    entry = block(made, GPUS, None)
    if layout is not None:
        entry = type(entry)(entry.kind, entry.devices, layout)
    head = Head("test", NODE, RACK, 1, 0, T0, 1000, ticks, (entry,))
    return encode_frame(head, [np.zeros((1, 1, 8), "<i2")])


def records(*values: bytes) -> list[Record]:
    return [record(v, timestamp_ms=T0 * 1000, offset=i) for i, v in enumerate(values)]


def test_ten_thousand_bad_records_in_a_row_stop_nobody() -> None:
    """Every good frame before, among and after them is taken; each bad one has its reason, in bounded time."""
    luck, mixed, expected = random.Random(5), [], Counter()
    for i in range(10_000):
        reason, value = bad(i, good(i % 40), luck)
        expected[reason] += 1
        mixed.append(value)
        if not i % 100:
            mixed.append(good(i // 100 % 50))
    pipeline, rejects, started_s = Pipeline("test", generate(1)), [], time.monotonic()
    for first in range(0, len(mixed), 1000):
        rejects += pipeline.frames(records(*mixed[first : first + 1000]), T0 * 1000).rejects
    assert 100 == pipeline.engine.counts["frames"]
    assert expected == pipeline.rejected
    assert expected == Counter(r.reason for r in rejects)
    assert 256 >= max(len(r.head) for r in rejects)
    # A second measured on one core; a machine busy with other tests has five times that.
    assert 10.0 > time.monotonic() - started_s


def test_what_is_too_large_is_not_even_looked_at() -> None:
    """Its reason and its first bytes are kept."""
    effects = Pipeline("test").frames(records(good(0) + bytes(RECORD_BYTES_MAX)), 0)
    assert ["too-large"] == [r.reason for r in effects.rejects]
    assert good(0)[:100] == effects.rejects[0].head[:100]


def test_a_reject_says_where_the_record_lies() -> None:
    """Topic, partition and offset, so that it can be fetched whole."""
    made = Record("coldplate.frames", 3, 77, T0 * 1000, b"junk")
    (reject,) = Pipeline("test").frames([made], 0).rejects
    assert ("coldplate.frames", 3, 77, 4, "worker") == (
        reject.topic, reject.partition, reject.offset, reject.size, reject.by,
    )  # fmt: skip


def nan_frame(t_s: int) -> bytes:
    """A CDU's frame of NaN and infinities, sent as if all of it were there."""
    layout = Layout.of(CATALOGUE[Kind.CDU])
    shape = (1, 1)
    groups = [
        np.full((len(r.numbers), *shape), np.nan if r.dtype.kind == "f" else 0, r.dtype)
        for r in layout.runs
    ]
    entry = block(layout, [f"{RACK}/cdu"], None)
    return encode_frame(
        Head("test", f"{RACK}/cdu", RACK, 1, t_s, T0 + t_s, 1000, 1, (entry,)), groups
    )


def test_a_frame_of_nan_is_taken_and_says_nothing() -> None:
    """It neither fires nor clears nor stands as a value; its sender is heard."""
    pipeline, out = Pipeline("test", generate(1)), []
    cdu = (f"{RACK}/cdu",)
    for t in range(40):
        value = record_bytes(cdu[0], RACK, T0 + t, 1, {Kind.CDU: (cdu, {"flow_lpm": 64.0})})
        out += pipeline.frames(records(nan_frame(t) if t > 20 else value), 0).anomalies
    assert [] == out
    assert 40 == pipeline.engine.counts["frames"]
    assert np.isnan(pipeline.engine.latest(Kind.CDU, "flow_lpm", [0])[0])


def test_a_node_that_is_not_in_the_inventory_is_watched() -> None:
    """Its GPUs get rows, fire, and are counted as strangers."""
    pipeline, out = Pipeline("test", generate(1)), []
    gpus = ("rack-0000/node-77/gpu-0",)
    for t in range(5):
        value = record_bytes("rack-0000/node-77", RACK, T0 + t, 1, {Kind.GPU: (gpus, {"margin_c": 1.0})})  # fmt: skip
        out += pipeline.frames(records(value), 0).anomalies
    assert ("margin", gpus[0]) in [(a.detector, a.subject) for a in out]
    assert {gpus[0]: RACK} == pipeline.engine.fleet.strangers


@pytest.mark.parametrize("sequence", [[5, 4, 3, 2, 1, 0], [0, 0, 0, 0, 0, 0], [9, 0, 9, 0, 9, 0]])
def test_sequence_numbers_that_go_back_change_nothing(sequence: list[int]) -> None:
    """The tick decides: a restarted or confused agent is judged like any other."""
    pipeline, out = Pipeline("test"), []
    for t, seq in enumerate(sequence):
        values = {Kind.GPU: (GPUS, {"margin_c": 1.0})}
        made = record_bytes(NODE, RACK, T0 + t, 1, values, seq=seq)
        out += pipeline.frames(records(made), 0).anomalies
    assert [(T0 + 2) * 1000] * 8 == [a.t_ms for a in out]


def test_duplicates_change_nothing() -> None:
    """A batch read three times gives the effects of one reading."""
    batch = records(*[good(t, margin_c=1.0 if t > 5 else 27.0) for t in range(12)])
    once, thrice = Pipeline("test"), Pipeline("test")
    expected = once.frames(batch, 0)
    assert expected == thrice.frames(batch, 0)
    assert ([], []) == (thrice.frames(batch, 0).anomalies, thrice.frames(batch, 0).incidents)


def test_ever_new_layouts_and_orders_of_devices_cost_no_memory() -> None:
    """A sender whose frames never look alike twice does not fill the worker."""
    luck, pipeline = random.Random(5), Pipeline("test", generate(1))
    names = [m.name for m in CATALOGUE[Kind.GPU]]

    def send(count: int) -> None:
        for _ in range(count):
            chosen = dict.fromkeys(luck.sample(names, 20), 1.0)
            devices = tuple(luck.sample(GPUS, 8))
            made = record_bytes(NODE, RACK, T0, 1, {Kind.GPU: (devices, chosen)})
            pipeline.frames(records(made), 0)

    tracemalloc.start()
    # Bounded caches fill first, and what they drop later was counted when it came.
    send(1200)
    before = tracemalloc.get_traced_memory()[0]
    send(800)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    # Caches fill and are emptied: some 600 kB up and down; without a bound it would be 4 MB.
    assert 1_500_000 > grown


def event(**changed: object) -> bytes:
    fields = {
        "kind": "xid", "subject": GPUS[0], "rack": RACK, "t_ms": T0 * 1000, "cluster": "test", "source": NODE,
        "boot": 1, "seq": 0, "code": 79,
    }  # fmt: skip
    return encode(Event(**{**fields, **changed}))


def test_bad_events_are_rejected_and_good_ones_arrive() -> None:
    """Each bad one has its reason, those of another cluster too."""
    pipeline = Pipeline("test")
    batch = records(b"\xc1", event()[:-3], event(cluster="other"), event())
    effects = pipeline.events(batch)
    assert ["not-messagepack", "not-messagepack", "wrong-cluster"] == [
        r.reason for r in effects.rejects
    ]
    assert ["gpu-lost"] == [i.kind for i in effects.incidents]


def test_the_frames_of_these_tests_are_good() -> None:
    """What is cut and flipped above is taken when it is left alone."""
    assert RACK == decode_frame(good(0)).head.rack
    assert 1 == len(decode_frame(nan_frame(0)).parts)
