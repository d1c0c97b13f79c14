"""The benchmark of peers: all get the same values, what is lost is seen, and who is not there is named."""

import json
import math
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coldplate.console.benching.go_tool import GoTool
from coldplate.console.benching.peers import run
from coldplate.console.benching.peers.peer import CONFIGURATION, Figures, NotHere, load_of
from coldplate.console.benching.peers.prometheus_write import snappy, varint, write_request
from coldplate.console.benching.peers.realtime import Followed
from coldplate.console.benching.peers.records import Records, binary_rows, json_rows, lines
from coldplate.console.benching.production import Cycle
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.sinks.rows import sample_columns
from coldplate.wire.frame import decode_frame

KEYS = {
    "name", "stage", "version", "values", "values_per_s", "values_per_core_s", "cpu_s", "rss_mb",
    "latency_p50_s", "latency_p99_s", "lost", "does_not", "objection", "configuration", "not_run",
}  # fmt: skip
FIRST_TICK = 1_800_000_000


@pytest.fixture(scope="module")
def cycle():
    """Frames of a node and its CDU, five ticks each, in a cycle of ten seconds."""
    return Cycle(load_of(8, 5.0), "c", 7)


@pytest.fixture(scope="module")
def expected(cycle):
    """Rows and values by table of a cycle and a half, as the sink makes them."""
    frames = [decode_frame(cycle.frame(n, FIRST_TICK)[1].record) for n in range(6)]
    return sample_columns(frames)


def sent(cycle, form=None):
    """The messages of a cycle and a half."""
    records = Records(cycle, form)
    return [m for n in range(6) for m in records.messages(n, FIRST_TICK)]


def test_an_unknown_peer_is_refused():
    """Before anything is started; the known ones are named."""
    with pytest.raises(Failure, match="clickhouse-kafka-jsoneachrow") as refused:
        run.measure(8, 5.0, ["nobody"])
    assert BAD_INPUT == refused.value.exit_code


def test_frames_are_counted_as_the_rows_they_become(cycle, expected):
    """Unchanged frames say how many rows and values the sink makes of them."""
    frames = sent(cycle)
    assert sum(len(c["t"]) for c in expected.tables.values()) == sum(m.rows for m in frames)
    assert expected.values.sum() == sum(m.values for m in frames)


def test_json_has_the_columns_of_the_sink(cycle, expected):
    """Each row under its table, with the time in milliseconds."""
    rows = {name: [] for name in expected.tables}
    for m in sent(cycle, json_rows):
        rows[m.about] += [json.loads(line) for line in m.payload.splitlines()]
    for name, columns in expected.tables.items():
        order = np.lexsort((columns["t"], columns["device"]))
        got = sorted(rows[name], key=lambda r: (r["device"], r["t"]))
        assert columns["device"][order].tolist() == [r["device"] for r in got]
        assert columns["t"][order].tolist() == [r["t"] for r in got]
        assert columns["present"][order].tolist() == [r["present"] for r in got]
        assert columns.keys() == got[0].keys()


def test_binary_rows_are_the_columns_of_the_sink(cycle, expected):
    """All of them, packed in their order."""
    got = b"".join(m.payload for m in sent(cycle, binary_rows) if m.about == "gpu_samples")
    columns = expected.tables["gpu_samples"]
    rows = np.frombuffer(got, [(n, c.dtype) for n, c in columns.items()])
    # Sent again, rows keep the number of their frame.
    wrong = {n for n in columns if sorted(columns[n].tolist()) != sorted(rows[n].tolist())}
    assert {"seq"} == wrong


def test_lines_have_every_present_value_once(cycle, expected):
    """A line a device and tick; what is absent has no field."""
    messages = sent(cycle, lines)
    got = [line for m in messages for line in m.payload.decode().splitlines()]
    assert expected.values.sum() == sum(line.split(" ")[1].count("=") for line in got)
    assert sum(m.rows for m in messages) == len(got)
    times = {int(line.rpartition(" ")[2]) for line in got}
    assert set(np.unique(expected.tables["gpu_samples"]["t"]).tolist()) == times


def test_a_write_request_has_a_sample_for_each_value():
    """Read back field by field, with the time of its tick."""
    cycle = Cycle(load_of(8, 5.0, ticks=1), "c", 7)
    (message,) = Records(cycle, write_request).messages(0, FIRST_TICK)
    frame = decode_frame(cycle.frame(0, FIRST_TICK)[1].record)
    read = [_series(s) for _, s in _fields(message.payload)]
    assert sample_columns([frame]).values.sum() == len(read) == message.values
    assert {frame.head.tick * 1000} == {t for _, _, t in read}
    assert len(read) == len({labels for labels, _, _ in read})
    assert all(math.isfinite(value) for _, value, _ in read)


def test_a_request_of_several_ticks_is_refused(cycle):
    """Samples of one series would stand in two places of it."""
    with pytest.raises(ValueError, match="5 ticks"):
        write_request(decode_frame(cycle.frame(0, FIRST_TICK)[1].record))


def test_snappy_holds_the_bytes_as_they_are():
    """As another reader of the format has it."""
    from cramjam import snappy as reader

    body = bytes(range(256)) * 300
    assert body == bytes(reader.decompress_raw(snappy(body)))


def test_latency_is_until_the_look_that_has_as_many():
    """First in, first out; what never came out has none."""
    seen = [(10.5, 0), (11.0, 4), (12.0, 8)]
    followed = Followed([(10.0, 4), (10.2, 6), (10.4, 9)], seen)
    assert [1.0, pytest.approx(1.8)] == followed.latencies_s().tolist()
    assert (9, 8, 12.0) == (followed.units, followed.out, followed.end_s)


FIGURES = Figures(
    1000, 10.0, {"a": 1.5, "b": 0.5}, {"a": 7, "b": 3}, 0.1, 0.5, 1.0, "in to out", 0, 0, "rows"
)


def test_a_run_that_lost_anything_has_no_figures():
    """Only how much; a whole one has them."""
    assert (100, 500) == tuple(run.entry(FIGURES)[n] for n in ("values_per_s", "values_per_core_s"))
    for wrong in (replace(FIGURES, lost=3), replace(FIGURES, duplicated=3)):
        out = run.entry(wrong)
        assert {None} == {out[n] for n in ("values_per_s", "values_per_core_s", "latency_p99_s")}
        assert 3 == out["lost"] + out["duplicated"]


class Absent:
    """A peer that cannot be had."""

    name, stage, does_not, objection, configuration = "absent", "sink", ("run",), "nobody", ()

    def version(self, _):
        raise NotHere("no compiler")


class Progress:
    def show(self, *_):
        pass


class Ground:
    progress = Progress()


def test_who_is_not_there_is_named_with_the_reason(cycle):
    """It has the keys of everybody and no figures."""
    row = run._row(Absent(), Ground(), cycle)
    assert set() == KEYS - row.keys()
    assert ("no compiler", None, None) == (row["not_run"], row["values"], row["lost"])


def test_every_peer_says_what_it_leaves_out_and_was_set_up_by_a_committed_file():
    """And who would object."""
    for peer in run.PEERS:
        assert peer.does_not
        assert peer.objection
        assert [] == [f for f in peer.configuration if not (CONFIGURATION / f).is_file()]


def test_tags_are_told_to_go_and_have_a_place_of_their_own_in_the_cache():
    """Two builds of a version with other tags are two programs."""
    plain, tagged = (GoTool("example.org/cmd/peer", "v1.2.3", tags) for tags in ("", "a,b"))
    assert "peer-1.2.3" == plain.entry
    assert tagged.entry.startswith("peer-1.2.3-")
    assert tagged.entry != replace(tagged, tags="a").entry


def test_the_page_has_a_row_for_everybody():
    """Ours first; who lost something or was not run has no figures."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
    try:
        from performance_peers import page
    finally:
        sys.path.pop(0)
    words = {"stage": "sink", "does_not": ["fly"], "objection": "X.", "configuration": ["x.sql"]}
    good = {**words, **run.entry(FIGURES), "not_run": None, "version": "1"}
    text = page({
        "gpus": 8, "seconds": 5.0, "ticks_per_frame": 5,
        "machine": {"cpu": "A", "cores": 2, "memory_gb": 24.0},
        "coldplate": [{**good, "name": "ours"}],
        "peers": [
            {**good, **run.entry(replace(FIGURES, cpu_s={"a": 4.0})), "name": "slow"},
            {**words, **dict.fromkeys(run.FIGURES), "name": "none", "version": None, "not_run": "no | go"},
        ],
    })  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("| ") and "program" not in line]
    assert ["ours", "slow", "none"] == [row.split(" | ")[0].strip("| ") for row in rows]
    assert "| 250 | 0.50 |" in rows[1]
    assert r"not run: no \| go" in rows[2]
    assert "does not fly" in text


def _varint(data, at):
    shift = number = 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return number, at


def _fields(data):
    """Number and content of protobuf's fields with a length."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        assert 2 == tag & 7
        size, at = _varint(data, at)
        yield tag >> 3, data[at : at + size]
        at += size


def _series(data):
    labels, sample = [], b""
    for number, content in _fields(data):
        if number == 1:
            labels.append(tuple(v.decode() for _, v in _fields(content)))
        else:
            sample = content
    assert (0x09, 0x10) == (sample[0], sample[9])
    time_ms, end = _varint(sample, 10)
    assert len(sample) == end
    assert varint(time_ms) == sample[10:]
    return tuple(labels), struct.unpack("<d", sample[1:9])[0], time_ms
