"""The benchmark of the whole pipeline: what it counts is true, and it leaves nothing behind."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from coldplate.console.benching.looks import Due, Looks
from coldplate.console.benching.outcome import read_events, read_ledger
from coldplate.console.benching.pipeline import Sinks, plan
from coldplate.console.benching.production import Cycle
from coldplate.console.failure import Failure
from coldplate.wire.frame import decode_frame

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "pipeline", "--json")
KEYS = {
    "gpus", "seconds", "frames_per_s", "values_per_s", "realtime_ratio", "lag_max_s", "lag_end_s",
    "frame_to_row_p50_s", "frame_to_row_p99_s", "lost", "duplicated", "rows", "cpu_s", "cores_used",
    "rss_mb", "rss_total_mb", "metrics", "disk_bytes_per_value", "kafka_bytes_per_value",
    "false_incidents", "versions", "machine", "production", "injected_faults", "missed_faults",
    "fault_to_incident_p50_s", "fault_to_incident_p99_s", "event_to_incident_p99_s", "faults", "events_lost",
    "workers", "cpu_s_per_million_values",
}  # fmt: skip
PROCESSES = {"producer", "kafka", "worker", "sink", "clickhouse"}


@pytest.mark.e2e
def test_every_frame_of_a_small_hall_is_stored_once_and_its_faults_are_found(
    tmp_path: Path,
) -> None:
    """The result has the promised keys, nothing is lost, and ledger, rows read back, incidents, counts and logs are kept."""
    out = tmp_path / "out"
    arguments = (
        *("--gpus", "64", "--racks", "4", "--seconds", "8", "--workers", "2", "--flush-s", "1.5"),
        *("--state", str(tmp_path / "s"), "--out", str(out)),
    )
    # A user's own settings are not the benchmark's.
    env = {**os.environ, "COLDPLATE_SINK__GROUP": "mine", "COLDPLATE_WORKER__GROUP": "mine"}
    run = subprocess.run((*BENCH, *arguments), env=env, capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert set() == KEYS - result.keys()
    assert (64, 8.0, 2, 0, 0, 0, 0) == tuple(
        result[k] for k in ("gpus", "seconds", "workers", "lost", "duplicated", "events_lost", "false_incidents")
    )  # fmt: skip
    assert (1.5, 60.0) == (result["flush_s"], result["rollup_s"])
    assert (2, 0) == (result["injected_faults"], result["missed_faults"]), result["faults"]
    assert "racks" in result["production"]["faults_limited_by"]
    assert result["fault_to_incident_p50_s"] <= result["fault_to_incident_p99_s"]
    assert (
        PROCESSES | {"worker-2", "cluster-detector"}
        == result["cpu_s"].keys()
        == result["rss_mb"].keys()
    )
    assert 0 < result["disk_bytes_per_value"] < 100
    assert 0 < result["kafka_bytes_per_value"] < 100
    ledgers = [out / "run" / "producer.ledger", out / "stored.ledger"]
    sent, stored = (sorted(ledger.read_text("utf-8").splitlines()) for ledger in ledgers)
    assert sent == stored
    assert result["sent"] == sum(map(len, read_ledger(ledgers[0]).values()))
    assert result["events_sent"] == len(read_events(ledgers[0])) > 0
    assert result == {**json.loads((out / "result.json").read_text("utf-8"))}
    opened = {json.loads(line)["id"] for line in (out / "incidents.jsonl").read_text("utf-8").splitlines()}  # fmt: skip
    assert {f["incident"] for f in result["faults"]} <= opened
    assert {f"{p}.log" for p in PROCESSES} <= {f.name for f in (out / "logs").iterdir()}
    assert "behind" in run.stderr


@pytest.mark.parametrize(("gpus", "sinks"), [
    (9_999, Sinks(1, 2.0, 60.0)), (10_000, Sinks(1, 5.0, 120.0)), (30_000, Sinks(2, 5.0, 120.0)),
])  # fmt: skip
def test_a_large_hall_has_sinks_of_its_kind(gpus: int, sinks: Sinks) -> None:
    """And whatever is told is taken, 0 too."""
    assert sinks == Sinks.of(gpus)
    assert Sinks(3, 1.0, 0.0) == Sinks.of(gpus, 3, 1.0, 0.0)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """It may be the state of a stack that somebody needs."""
    kept = tmp_path / "kept"
    kept.write_text("mine")
    run = subprocess.run(
        (*BENCH, "--gpus", "8", "--state", str(tmp_path)), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert 2 == run.returncode
    assert "not empty" in run.stderr
    assert "mine" == kept.read_text()


def test_a_cycle_sent_again_has_new_ids_and_ticks_and_the_same_values() -> None:
    """Every source's sequence numbers and ticks go on without a gap; no frame leaves before its last tick."""
    load = plan(24, None, 5, "full", 60)
    cycle = Cycle(load, "c", 7)
    per_cycle = load.sources * 2
    frames = [decode_frame(cycle.frame(n, 1000)[1].record) for n in range(2 * per_cycle)]
    for source in {f.head.source for f in frames}:
        heads = [f.head for f in frames if f.head.source == source]
        assert [0, 1, 2, 3] == [h.seq for h in heads]
        assert [5, 5, 5] == [b.tick - a.tick for a, b in itertools.pairwise(heads)]
    for number, (first, again) in enumerate(zip(frames, frames[per_cycle:], strict=False)):
        assert [bytes(p.body) for p in first.parts] == [bytes(p.body) for p in again.parts]
        assert 0 <= cycle.due_s(number) - (first.head.tick + 4 - 1000) < 1
        assert first.head.tick + 4 <= 1000 + cycle.delay_s + number * cycle.gap_s + 1e-9


def test_a_load_is_of_whole_nodes_and_every_device_sends() -> None:
    """100,000 GPUs are 12,500 nodes in 1,563 racks; the last rack is half empty."""
    load = plan(100_000, None, 5, "full", 60)
    assert (12_500, 1_563, 2_812.6) == (load.nodes, load.racks, load.frames_per_s)
    counts = plan(260, None, 5, "fast", 60).inventory().counts()
    assert (5, 33, 264) == (counts["rack"], counts["node"], counts["gpu"])
    assert 4 == plan(64, 4, 5, "fast", 60).inventory().counts()["cdu"]
    with pytest.raises(Failure, match="at least one"):
        plan(64, 9, 5, "fast", 60)


def looks(*seen: tuple[float, int]) -> Looks:
    """Of a reader, 10 frames a second from time 100 to 110."""
    return Looks(Due.steady(10.0, 100, 100.0), list(seen))


def test_a_reader_that_stays_a_second_behind_keeps_up() -> None:
    """The ratio is 1 whatever the constant delay, and the end of the data does not spoil it."""
    steady = looks(*((100.0 + t, 10 * (t - 1)) for t in range(1, 12)), (112.0, 100))
    assert 1.0 == pytest.approx(steady.ratio(102.0))
    assert [1.0] * 9 == steady.lag_s(102.0, 110.0)


def test_a_reader_that_falls_behind_is_seen_to() -> None:
    """At four fifths of the rate the ratio is 0.8, and two seconds of data are left at the end."""
    slow = looks(*((100.0 + t, 8 * t) for t in range(13)))
    assert 0.8 == pytest.approx(slow.ratio(100.0))
    assert 2.0 == pytest.approx(slow.lag_at_s(110.4))
