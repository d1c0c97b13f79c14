"""What the storage benchmark feeds to both sides: the same values, none repeated, the same every time."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from coldplate.console.benching import day, victoria
from coldplate.console.benching.storage import measure
from coldplate.sinks.rollups import STORED_TIERS
from coldplate.sinks.rows import sample_columns
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import Kind, metric

RECORDING = Path(__file__).parents[1] / "recordings/h200"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The recording's part of the input; no hour of the twin, which takes most of a minute."""
    found = day.Day(tmp_path_factory.mktemp("day"), RECORDING, hours=0)
    found.make()
    return found


def test_the_input_is_the_same_every_time(made, tmp_path):
    """Its hash is of the frames: made anew elsewhere it is equal, and what is there is not made again."""
    again = day.Day(tmp_path, RECORDING, hours=0)
    again.make()
    assert made.sha256() == again.sha256()
    before = [path.stat().st_mtime_ns for path in again.files()]
    again.make()
    assert before == [path.stat().st_mtime_ns for path in again.files()]


def test_the_recording_is_one_series_each(made):
    """2,582 rows of the recorded GPU, once through, and every frame another."""
    (frames,) = made.frames()
    columns = sample_columns([decode_frame(f) for f in frames]).tables["gpu_samples"]
    assert 2570 < len(columns["t"]) == len(set(columns["t"].tolist())) < 2590
    assert 1 == len(set(columns["device"].tolist()))
    assert [1] == sorted(set(Counter(frames).values()))


def test_the_peer_gets_every_value_that_is_present(made):
    """At the resolution of the history, in the metric's unit, under the tick's own time."""
    (frames,) = made.frames()
    samples = sample_columns([decode_frame(f) for f in frames])
    series = [json.loads(line) for line in victoria.lines(samples.tables)]
    assert samples.values.sum() == sum(len(s["values"]) for s in series)
    assert len(series) == len({(s["metric"]["__name__"], s["metric"]["device"]) for s in series})
    (power,) = [s for s in series if s["metric"]["__name__"] == "gpu_power_w"]
    # Frames of one shape stand together in the columns, so time goes forward only within a shape.
    order = np.argsort(samples.tables["gpu_samples"]["t"])
    columns = {name: c[order] for name, c in samples.tables["gpu_samples"].items()}
    there = columns["present"] & np.uint64(1 << metric(Kind.GPU, "power_w").number) != 0
    assert columns["power_w_steps"][there].tolist() == power["values"]
    assert columns["t"][there].tolist() == power["timestamps"]


def test_a_day_that_is_not_kept_is_measured_whole():
    """Its folder is gone afterwards: what the result says of the input is found before."""
    found = measure(None, RECORDING, hours=0, peer=False)
    assert 64 == len(found["input_sha256"])
    assert 0 == found["hours"]
    assert 0 < found["bytes_per_value"] < 4
    assert all(
        0 < found["with_rollups"][f"{tier.word}_bytes_per_value"] < 4 for tier in STORED_TIERS
    )
