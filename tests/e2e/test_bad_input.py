"""Ten thousand bad records in a row between good frames, through the real worker and sink."""

import time
import warnings
from collections import Counter
from contextlib import closing

import pytest
from e2e.chains import running
from frames import record_bytes

from coldplate.console.running import read_stats
from coldplate.wire.codec import decode
from coldplate.wire.errors import Reason
from coldplate.wire.metric import Kind
from coldplate.wire.reject import Reject
from coldplate.wire.topic import rack_key

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning")]

RACK, NODE = "rack-0000", "rack-0000/node-0"
BAD = 10_000


def frame(seq, tick, **more):
    values = {Kind.GPU: ((f"{NODE}/gpu-0",), {"gpu_c": 50.0, "margin_c": 37.0, "power_w": 600.0})}
    return record_bytes(NODE, RACK, tick, 1, values, seq=seq, boot=77, cluster="coldplate", **more)


def bad_records(tick):
    """One of each kind, with the reason it must be refused for."""
    good = frame(9, tick)
    flipped = bytearray(good)
    flipped[-1] ^= 1
    return [
        (good[:-5], Reason.NOT_MESSAGEPACK),
        (bytes(flipped), Reason.BAD_CRC),
        (good.replace(good[:2], bytes([good[0], 9]), 1), Reason.UNKNOWN_SCHEMA),
        (b"\xc1 no record", Reason.NOT_MESSAGEPACK),
        (b"", Reason.NOT_MESSAGEPACK),
        (frame(9, tick + 3600), Reason.TICK_AHEAD),
        (frame(9, tick - 7 * 86_400), Reason.TICK_OLD),
        (record_bytes(NODE, RACK, tick, 1, {Kind.GPU: (("x",), {"gpu_c": 1.0})}), Reason.WRONG_CLUSTER),
    ]  # fmt: skip


def test_every_bad_record_is_refused_by_its_reason_and_every_good_one_arrives(
    tmp_path, monkeypatch
):
    """Worker and sink count the same reasons; each refused record is in the rejects topic; nothing stops."""
    with running(tmp_path / "state", "healthy", 40, monkeypatch) as live:
        tick = int(time.time())
        kinds = bad_records(tick)
        expected = Counter(kinds[i % len(kinds)][1].value for i in range(BAD))
        send(live, [*(frame(s, tick + s) for s in range(3)), *(kinds[i % len(kinds)][0] for i in range(BAD)),
                    *(frame(s, tick + s) for s in range(3, 6))])  # fmt: skip
        for name in ("worker", "sink"):
            counted = live.until(
                lambda name=name: _all_counted(live.parts.stats_file(name)), 60, f"{name} to count them"
            )  # fmt: skip
            assert expected == counted, name
        rejects = read_rejects(live)
        assert expected == Counter(r.reason for r in rejects)
        assert {"worker"} == {r.by for r in rejects}
        live.until(
            lambda: [(6,)] == live.ask("SELECT count() FROM frames WHERE boot = 77"), 30, "the good ones"
        )  # fmt: skip
        books = live.everything_stored()
        assert (0, 0) == (books.lost, books.duplicated)
        assert live.state("worker").restarts == live.state("sink").restarts == 0


def _all_counted(path):
    counted = Counter(read_stats(path).get("rejected", {}))
    return counted if counted.total() >= BAD else None


def send(live, values):
    with closing(KafkaProducer(**live.context.kafka.client_options())) as producer:
        for value in values:
            producer.send(live.context.topics.frames, value, rack_key(RACK))
        producer.flush(timeout=60)


def read_rejects(live):
    options = live.context.kafka.client_options()
    topic = live.context.topics.rejects
    out = []
    with closing(
        KafkaConsumer(topic, group_id=None, auto_offset_reset="earliest", **options)
    ) as consumer:
        live.until(
            lambda: (
                out.extend(
                    decode(Reject, r.value)
                    for records in consumer.poll(timeout_ms=500).values()
                    for r in records
                )
                or len(out) >= BAD
            ),
            60,
            "the rejects topic",
        )
    return out
