"""That one source cannot speak for another: codes, keys, and what readers make of them."""

import pytest
from frames import record_bytes
from hypothesis import given
from hypothesis import strategies as st

from coldplate.sinks.batch import Batch
from coldplate.sinks.batch import Record as SinkRecord
from coldplate.sinks.prepare import prepare
from coldplate.streams.pipeline import Pipeline, Record
from coldplate.wire.codec import encode
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
from coldplate.wire.metric import Kind
from coldplate.wire.signature import (
    HEADER,
    KEY_BYTES,
    Seals,
    Signer,
    cluster_key_of_text,
    key_of,
    keys_of_text,
    sign,
    signature_of,
)
from coldplate.wire.topic import Topics

CLUSTER_KEY = bytes(range(KEY_BYTES))
NODE, OTHER = "rack-0000/node-0", "rack-0000/node-1"
TICK = 1_790_000_000
NOW_MS = TICK * 1000 + 500
TOPICS = Topics()


def frame(source):
    return record_bytes(
        source, "rack-0000", TICK, 1, {Kind.GPU: ((f"{source}/gpu-0",), {"gpu_c": 50.0})}
    )


def event(source):
    return encode(
        Event("xid", f"{source}/gpu-0", "rack-0000", NOW_MS, "test", source, 1, 1, code=31)
    )


def refusal(seals, source, record, signature):
    try:
        seals.check(source, record, signature)
    except WireError as error:
        return error.reason
    return None


@given(st.binary(max_size=100), st.text(max_size=20), st.text(max_size=20))
def test_only_the_key_of_its_source_signs_a_record(record, mine, other):
    """Whatever the bytes and the names."""
    seals = Seals(CLUSTER_KEY, unsigned=True)
    signature = sign(key_of(CLUSTER_KEY, mine), record)
    assert refusal(seals, mine, record, signature) is None
    assert refusal(seals, mine, record + b"x", signature) is Reason.BAD_SIGNATURE
    if mine != other:
        assert refusal(seals, other, record, signature) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(("unsigned", "expected"), [(True, None), (False, Reason.NOT_SIGNED)])
def test_what_is_not_signed_is_taken_only_while_keys_are_rolled_out(unsigned, expected):
    """A wrong signature is refused either way."""
    seals = Seals(CLUSTER_KEY, unsigned=unsigned)
    assert refusal(seals, NODE, b"r", b"") is expected
    assert refusal(seals, NODE, b"r", b"wrong") is Reason.BAD_SIGNATURE


def test_an_agent_signs_for_its_own_sources_alone():
    """Frames and events; nothing of a source whose key it lacks, of another topic, or that is no record."""
    key = key_of(CLUSTER_KEY, NODE)
    signer = Signer({NODE: key}.get, TOPICS.frames, TOPICS.events)
    for topic, made in ((TOPICS.frames, frame), (TOPICS.events, event)):
        assert [(HEADER, sign(key, made(NODE)))] == signer.headers(topic, made(NODE))
        assert [] == signer.headers(topic, made(OTHER))
        assert [] == signer.headers(topic, b"junk")
    assert [] == signer.headers(TOPICS.incidents, frame(NODE))


def test_a_node_that_speaks_for_another_is_refused_by_worker_and_sink_alike():
    """Its own frame and event are taken; those it made up in another's name are counted with their reason."""
    seals, key = Seals(CLUSTER_KEY, unsigned=False), key_of(CLUSTER_KEY, NODE)
    worker = Pipeline("test", seals=seals)
    for topic, made, take in (
        (TOPICS.frames, frame, lambda r: worker.frames(r, NOW_MS)),
        (TOPICS.events, event, worker.events),
    ):
        values = [made(NODE), made(OTHER)]
        records = [(v, sign(key, v)) for v in values] + [(values[0], b"")]
        effects = take([Record(topic, 0, n, NOW_MS, v, s) for n, (v, s) in enumerate(records)])
        assert ["bad-signature", "not-signed"] == [r.reason for r in effects.rejects]
        batch = Batch(
            topic,
            0,
            0,
            2,
            tuple(SinkRecord(topic, 0, n, NOW_MS, v, s) for n, (v, s) in enumerate(records)),
        )
        stored = prepare(batch, TOPICS, "test", frozenset(), seals)
        assert {"bad-signature": 1, "not-signed": 1} == stored.rejected
        assert {"sink_rejects"} < {table for table, _ in stored.inserts}


def test_keys_are_read_from_lines():
    """Comments and empty lines are left out; a mistake names its line and not the key."""
    key = key_of(CLUSTER_KEY, NODE).hex()
    assert {NODE: bytes.fromhex(key)} == keys_of_text(f"# of one node\n\n{NODE} {key}\n")
    for wrong in (f"{NODE}", f"{NODE} {key[:-2]}", f"{NODE} {key} more", f"{NODE} zz{key[2:]}"):
        with pytest.raises(ValueError, match=r"line 2: expected SOURCE and 64") as raised:
            keys_of_text(f"\n{wrong}\n")
        assert key[:8] not in str(raised.value)


def test_a_clusters_key_is_whole_or_refused():
    """64 hexadecimal digits, with white space around them."""
    assert CLUSTER_KEY == cluster_key_of_text(f" {CLUSTER_KEY.hex()}\n")
    for wrong in ("", "abc", CLUSTER_KEY.hex() + "00"):
        with pytest.raises(ValueError, match="expected 64"):
            cluster_key_of_text(wrong)


def test_the_header_is_found_among_others():
    """And absent where there are none."""
    assert b"s" == signature_of((("trace", b"t"), (HEADER, b"s")))
    assert b"" == signature_of(()) == signature_of(None) == signature_of([(HEADER, None)])
