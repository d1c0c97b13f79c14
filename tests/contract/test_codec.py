"""Every kind of record against every check of the wire: round trip, newer writers, cut bytes, size."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest
from frames import record_bytes

from coldplate.wire.baseline import Baselines, Block, Learnt, packed
from coldplate.wire.codec import SMALL_RECORD_BYTES_MAX, decode, encode
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.event import Event
from coldplate.wire.frame import RECORD_BYTES_MAX, decode_frame, encode_frame, seal
from coldplate.wire.incident import Anomaly, Evidence, Incident, Severity, State
from coldplate.wire.metric import CATALOGUE, Kind
from coldplate.wire.reject import Reject

pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode


@dataclass(frozen=True)
class Case:
    """One kind of record.

    Parameters
    ----------
    data
        A valid record with every field set.
    read
        Bytes to something that compares equal to what was written.
    write
        What `read` gave, to bytes again.
    newer
        The record as a writer would send it that knows a field more.
    required
        Fields of a map without which it is none; a frame's array cannot lack one without being cut.
    bytes_max
        The largest that is taken.
    """

    data: bytes
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]
    newer: Callable[[bytes], bytes]
    required: tuple[str, ...]
    bytes_max: int


def read_frame(data):
    """Head, and by part and run the raw values and the presence, as plain lists."""
    frame = decode_frame(data)
    arrays = [[raw.tolist() for _, raw in part.arrays()] for part in frame.parts]
    there = [None if (p := part.present()) is None else p.tolist() for part in frame.parts]
    return frame.head, arrays, there


def write_frame(read):
    """The same bytes from what was read: layouts say the dtypes."""
    head, arrays, _ = read
    parts = decode_frame(FRAME).parts
    groups = [
        np.array(values, run.dtype)
        for part, lists in zip(parts, arrays, strict=True)
        for run, values in zip(part.layout.runs, lists, strict=True)
    ]
    return encode_frame(head, groups)


def newer_frame(data):
    _, _, head, body = unpack(data)
    return seal(pack([*unpack(head), {"firmware": "1.2"}]), body)


def newer_map(data):
    return pack({"new_field": [1, {"deep": None}], **unpack(data), "other": b"\0" * 9})


def small(record, *required):
    kind = type(record)
    return Case(
        encode(record), partial(decode, kind), encode, newer_map, required, SMALL_RECORD_BYTES_MAX
    )


FRAME = record_bytes(
    "r/n", "r", 1_790_000_000, 3,
    {
        Kind.GPU: (("r/n/gpu-0", "r/n/gpu-1"), {m.name: np.array([[7 * m.scale, np.nan]]) for m in CATALOGUE[Kind.GPU]}),
        Kind.NODE: (("r/n",), {m.name: 20.5 for m in CATALOGUE[Kind.NODE]}),
    },
)  # fmt: skip
EVIDENCE = Evidence("flow_loss", "r/cdu", "flow_lpm", 1_790_000_000_000, 19.2, 38.4, 64.0, "low")
CASES = {
    "frame": Case(FRAME, read_frame, write_frame, newer_frame, (), RECORD_BYTES_MAX),
    "event": small(
        Event(
            "xid", "r/n/gpu-0", "r", 1_790_000_000_000, "c", "r/n", 1, 2, 79, "NVRM: Xid 79",
            {"pid": 4711, "share": 0.5, "name": "é", "fatal": True, "none": None},
        ),
        "kind", "subject", "rack", "t_ms", "cluster", "source", "boot", "seq",
    ),
    "anomaly": small(
        Anomaly("c", "flow_loss", "flow-loss", "r/cdu", "r", 1, False, Severity.CRITICAL, EVIDENCE, 9, 8),
        "cluster", "detector", "kind", "subject", "rack", "t_ms", "on", "severity", "evidence",
    ),
    "incident": small(
        Incident(
            "c", "0123456789ab", 3, State.CLOSED, "pump-stop", "r/cdu", "r", Severity.WARNING, 1, 2,
            "Pump 1 stands", 1, 9, ("r/n/gpu-0", "r/n/gpu-1"), (EVIDENCE, EVIDENCE), 5, 6, "closed",
        ),
        "cluster", "id", "step", "state", "kind", "subject", "severity", "opened_ms", "cause",
    ),
    "reject": small(
        Reject("bad-crc", "of 3 + 4 bytes", "coldplate.frames", 3, 4711, 7, b"\x94\xff", "worker"),
        "reason", "detail", "topic", "partition", "offset", "size", "head", "by",
    ),
    "baselines": small(
        Baselines("c", "r", 1_790_000_000_000, (
            Block("cdu", ("r/cdu",), (
                Learnt("flow-loss", "flow_lpm", "l/min", packed([64.0]), packed([3600.0]), packed([1.79e12]), packed([720])),
            )),
            Block("gpu", ("r/n/0", "r/n/1"), (Learnt("links", "most", "", packed([16.0, float("nan")])),)),
        )),
        "cluster", "rack", "t_ms", "blocks",
    ),
}  # fmt: skip

every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def refusal(case, data):
    with pytest.raises(WireError) as caught:
        case.read(data)
    return caught.value.reason


@every
def test_what_is_written_is_read_back(case):
    """All fields, and the same bytes when written again."""
    record = case.read(case.data)
    assert case.data == case.write(record)
    assert record == case.read(case.write(record))


@every
def test_what_a_newer_writer_adds_is_skipped(case):
    """Nothing else changes."""
    newer = case.newer(case.data)
    assert len(newer) > len(case.data)
    assert case.read(case.data) == case.read(newer)


@every
def test_cut_bytes_are_refused(case):
    """At every place where a record may end too early."""
    for end in range(len(case.data)):
        assert Reason.NOT_MESSAGEPACK is refusal(case, case.data[:end])


@every
def test_bytes_behind_the_record_are_refused(case):
    """A record is one value, not the first of several."""
    assert Reason.NOT_MESSAGEPACK is refusal(case, case.data + b"\xc0")


@every
def test_what_is_too_large_is_refused_unread(case):
    """By its size alone; one byte less is read and judged."""
    assert Reason.TOO_LARGE is refusal(case, b"\xc0" * (case.bytes_max + 1))
    assert Reason.NOT_MESSAGEPACK is refusal(case, b"\xc0" * case.bytes_max)


@every
def test_other_forms_are_refused(case):
    """Nothing, a number, text, an empty map or array, and the other kinds' records."""
    others = [other.data for other in CASES.values() if other is not case]
    for data in (b"", b"\x01", pack("text"), pack({}), pack([]), *others):
        assert Reason.NOT_MESSAGEPACK is refusal(case, data)


@pytest.mark.parametrize(
    ("case", "name"),
    [pytest.param(c, n, id=f"{k}-{n}") for k, c in CASES.items() for n in c.required],
)
def test_a_missing_field_is_refused(case, name):
    """Only fields with a default may be missing."""
    fields = unpack(case.data)
    del fields[name]
    assert Reason.NOT_MESSAGEPACK is refusal(case, pack(fields))


@every
def test_a_refusal_does_not_hold_the_record(case):
    """Its words are for logs and the rejects topic: short, whatever was sent."""
    with pytest.raises(WireError) as caught:
        case.read(pack("secret" * 1000))
    assert len(str(caught.value)) < 200
    assert "secret" not in str(caught.value)
