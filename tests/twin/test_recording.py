"""Recordings: what is written is read back, and readers take what is there."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from coldplate.agents.collector import Conditions, Happening, Source
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.record import record
from coldplate.twin.recorder import Recorder
from coldplate.twin.recording import Header, Label, Recording, RecordingError, to_ms
from coldplate.twin.scenario import load
from coldplate.wire.inventory import generate, save_csv
from coldplate.wire.metric import CATALOGUE, Kind, metric

START = datetime(2026, 9, 21, 12, tzinfo=UTC)
T0 = to_ms(START)
SMALL = replace(load("demo"), nodes=2, gpus=2, faults=load("demo").faults[:1])
HEADER = Header("small", "external", START)
POWER = metric(Kind.GPU, "power_w").number


def made(folder, seconds=20, scenario=SMALL):
    return record(scenario, folder, name="small", start_ms=T0, seconds=seconds)


TWO = {Kind.GPU: ("rack-0000/node-0/gpu-0", "rack-0000/node-1/gpu-0")}
TWO_SOURCES = [
    Source(f"rack-0000/node-{i}", "rack-0000", {Kind.GPU: range(i, i + 1)}) for i in (0, 1)
]


class Heard:
    """A collector of two GPUs in two nodes, of which some are silent or have a wrong clock."""

    def __init__(self, silent=(False, False), shift_ticks=(0, 0)):
        self.devices, self.sources = TWO, TWO_SOURCES
        self.now = Conditions(np.array(silent), np.array(shift_ticks))

    def conditions(self):
        return self.now


def table(folder, rows, **columns):
    """A recording of one rack with four GPUs, of these rows of (second, id)."""
    folder.mkdir()
    (folder / "recording.toml").write_text('name = "x"\norigin = "external"\nstart = "2026-09-21T12:00:00Z"')  # fmt: skip
    save_csv(generate(1, 2, 2), folder / "inventory.csv")
    t = pa.array([T0 + 1000 * s for s, _ in rows]).cast(pa.timestamp("ms", "UTC"))
    ids = pa.array([f"rack-0000/{d}" for _, d in rows])
    pq.write_table(pa.table({"t": t, "id": ids, **columns}), folder / "gpu.parquet")
    return folder


def test_what_is_recorded_is_read_back(tmp_path):
    """Every value of every kind and tick, to half its resolution; what is absent stays so."""
    assert {"ticks": 20, "rows": 20 * (16 + 8 + 4 + 4 + 1), "events": 0, "labels": 1} == made(
        tmp_path / "r"
    )
    collector = TwinCollector(Hall(SMALL))
    found = Recording(tmp_path / "r", batch_rows=7)
    for i, tick in enumerate(found.ticks()):
        assert T0 + 1000 * i == tick.t_ms
        for kind, values in collector.sample(tick.t_ms).items():
            assert found.devices[kind] == collector.devices[kind]
            for entry in CATALOGUE[kind]:
                np.testing.assert_allclose(
                    tick.samples[kind][entry.number], values[entry.number],
                    rtol=1e-6, atol=0.501 * entry.scale, err_msg=entry.name,
                )  # fmt: skip
    assert T0 + 19_000 == tick.t_ms == found.end_ms()


def test_a_recording_has_the_promised_form(tmp_path):
    """Names, kinds of columns, and numbers as exact as their metric's resolution."""
    made(tmp_path / "r")
    files = {f.name for f in (tmp_path / "r").iterdir()}
    assert {
        "recording.toml", "inventory.csv", "scenario.toml", "events.jsonl", "labels.jsonl",
        "gpu.parquet", "node.parquet", "cdu.parquet", "rack.parquet", "hall.parquet",
    } <= files  # fmt: skip
    schema = pq.read_schema(tmp_path / "r" / "gpu.parquet")
    assert ["t", "id", *(m.name for m in CATALOGUE[Kind.GPU])] == schema.names
    assert pa.timestamp("ms", "UTC") == schema.field("t").type
    assert pa.uint32() == schema.field("clock_event_reasons").type
    told = pq.read_table(tmp_path / "r" / "gpu.parquet", columns=["power_w"])["power_w"].to_numpy()
    np.testing.assert_array_equal(
        np.rint(told * np.float64(10)).astype("f4") / np.float32(10), told
    )
    header = Recording(tmp_path / "r").header
    assert ("small", "twin", START, 1.0) == (
        header.name,
        header.origin,
        header.start,
        header.tick_s,
    )


def test_the_same_run_is_recorded_as_the_same_bytes(tmp_path):
    """Seed and scenario decide; another seed is another run."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        made(tmp_path / name, scenario=replace(SMALL, seed=seed))
    names = sorted(f.name for f in (tmp_path / "a").iterdir())
    a, b, c = ({n: (tmp_path / r / n).read_bytes() for n in names} for r in "abc")
    assert a == b
    assert a["gpu.parquet"] != c["gpu.parquet"]


def test_the_scenario_beside_it_can_be_run_again(tmp_path):
    """It is the one that was run, sizes and seed included."""
    made(tmp_path / "r", seconds=2)
    assert SMALL == load(str(tmp_path / "r" / "scenario.toml"))


def test_a_fault_is_labelled(tmp_path):
    """No pump, 40 degC supply: when it came, when it could be seen, when GPUs throttled, when it went."""
    fault = replace(SMALL.faults[0], spare_ratio=0.0, end_s=45.0)
    made(tmp_path / "r", seconds=60, scenario=replace(SMALL, faults=(fault,)))
    (label,) = Recording(tmp_path / "r").labels()
    assert ("pump-stop", "rack-0003/cdu") == (label.kind, label.cause)
    assert "rack-0003/node-1/gpu-1" in label.affected
    assert not [a for a in label.affected if not a.startswith("rack-0003")]
    at_s = [(to_ms(t) - T0) / 1000 for t in (label.onset, label.visible, label.harm, label.end)]
    assert (30.0, 45.0) == (at_s[0], at_s[3])
    assert 30 <= at_s[1] <= 32
    assert 7 == pytest.approx(at_s[2] - 30, abs=2)


def test_what_happened_and_what_was_wrong_stand_beside(tmp_path):
    """Events in order of time, labels as they are."""
    label = Label("f1", "pump-stop", "rack-0000/cdu", ("rack-0000/node-0/gpu-0",), START, end=START)
    with Recorder(tmp_path / "r", HEADER, generate(1), Heard()) as recorder:
        recorder.add(T0, {Kind.GPU: np.ones((len(CATALOGUE[Kind.GPU]), 2))})
        recorder.event(Happening("xid", "rack-0000/node-0/gpu-0", T0 + 500, 79, "lost", {"n": 1}))
        recorder.event(Happening("leak", "rack-0000/cdu", T0))
        recorder.labels([label])
    found = Recording(tmp_path / "r")
    assert [label] == found.labels()
    assert [("leak", T0, None), ("xid", T0 + 500, 79)] == [(e.kind, to_ms(e.t), e.code) for e in found.events()]  # fmt: skip
    line = json.loads((tmp_path / "r" / "events.jsonl").read_text().splitlines()[0])
    assert {"t", "id", "kind", "code", "text", "data"} == line.keys()
    assert "2026-09-21T12:00:00.500000Z" == line["t"]


def rows_of(folder):
    rows = pq.read_table(folder / "gpu.parquet")
    t_s = [to_ms(t) / 1000 - T0 / 1000 for t in rows["t"].to_pylist()]
    return list(zip(t_s, rows["id"].to_pylist(), rows["power_w"].to_pylist(), strict=True))


def test_what_is_not_known_has_no_row(tmp_path):
    """A device without a value, or of a source that is silent, is absent, which is not 0."""
    values = np.full((len(CATALOGUE[Kind.GPU]), 2), np.nan)
    values[POWER, 1] = 0.0
    collector = Heard()
    with Recorder(tmp_path / "r", HEADER, generate(1, 2, 1), collector) as recorder:
        recorder.add(T0, {Kind.GPU: values})
        collector.now = Heard(silent=(False, True)).now
        recorder.add(T0 + 1000, {Kind.GPU: values})
    assert [(0.0, "rack-0000/node-1/gpu-0", 0.0)] == rows_of(tmp_path / "r")
    assert [None] == pq.read_table(tmp_path / "r" / "gpu.parquet")["gpu_c"].to_pylist()


def test_rows_stand_at_the_time_that_their_clock_tells(tmp_path):
    """And in order of it: two seconds ahead and one behind, each with the values of its tick."""
    a, b = TWO[Kind.GPU]
    with Recorder(
        tmp_path / "r", HEADER, generate(1, 2, 1), Heard(shift_ticks=(2, -1))
    ) as recorder:
        for s in range(3):
            recorder.add(T0 + 1000 * s, {Kind.GPU: np.full((len(CATALOGUE[Kind.GPU]), 2), 100.0 + s)})  # fmt: skip
    expected = [(-1, b, 100), (0, b, 101), (1, b, 102), (2, a, 100), (3, a, 101), (4, a, 102)]
    assert expected == rows_of(tmp_path / "r")


def test_readers_take_what_is_there(tmp_path):
    """Missing files and columns, strange columns, devices of no inventory, other units of time."""
    rows = [(0, "node-0/gpu-0"), (0, "node-9/gpu-9"), (2, "node-1/gpu-1")]
    folder = table(tmp_path / "r", rows, power_w=pa.array([1, 2, None]), mood=pa.array(["a"] * 3))
    found = Recording(folder)
    assert ("mood",) == found.passed_over[Kind.GPU]
    assert "gpu_c" in found.missing[Kind.GPU]
    assert "power_w" not in found.missing[Kind.GPU]
    assert ([], []) == (found.events(), found.labels())
    ticks = list(found.ticks())
    assert [T0, T0 + 2000] == [t.t_ms for t in ticks]
    assert [1.0] == [v for v in ticks[0].samples[Kind.GPU][POWER] if not np.isnan(v)]
    assert np.isnan(ticks[1].samples[Kind.GPU]).all()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: (f / "recording.toml").unlink(), "recording.toml"),
        (lambda f: (f / "recording.toml").write_text("name = 'x'"), "missing required field `origin`"),
        (lambda f: (f / "inventory.csv").write_text("kind,id\n"), "line 1"),
        (lambda f: (f / "gpu.parquet").unlink(), "no samples"),
        (lambda f: (f / "gpu.parquet").write_bytes(b"text"), "gpu.parquet"),
        (lambda f: pq.write_table(pa.table({"t": [1]}), f / "gpu.parquet"), "no column id"),
        (lambda f: pq.write_table(pa.table({"t": [1], "id": ["a"]}), f / "gpu.parquet"), "int64, not a timestamp"),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_refused_with_its_file(tmp_path, spoil, said):
    """One sentence: which file, and what is wrong with it."""
    folder = table(tmp_path / "r", [(0, "node-0/gpu-0")])
    spoil(folder)
    with pytest.raises(RecordingError, match=said):
        Recording(folder)


def test_what_is_wrong_further_in_is_said_when_it_is_read(tmp_path):
    """Rows out of order, and a line that is no event."""
    folder = table(tmp_path / "r", [(2, "node-0/gpu-0"), (0, "node-0/gpu-0")])
    (folder / "events.jsonl").write_text('{"t": "2026-09-21T12:00:00Z", "id": "a", "kind": "b"}\n{}\n')  # fmt: skip
    with pytest.raises(RecordingError, match="not in order"):
        list(Recording(folder).ticks())
    with pytest.raises(RecordingError, match=r"events.jsonl: line 2: .*missing required field `t`"):
        Recording(folder).events()


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    """It may be somebody's recording."""
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(RecordingError, match="not empty"):
        made(tmp_path)
    assert ["kept"] == [f.name for f in Path(tmp_path).iterdir()]


def test_a_run_that_is_stopped_leaves_what_it_has(tmp_path):
    """Samples and labels up to there: it can be read, and does not look as if nothing had been wrong."""

    def stop(share):
        if share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(SMALL, tmp_path / "r", name="x", start_ms=T0, seconds=80, tell=stop)
    found = Recording(tmp_path / "r")
    assert 40 == sum(1 for _ in found.ticks())
    (label,) = found.labels()
    assert 31_000 == pytest.approx(to_ms(label.visible) - T0, abs=1000)
