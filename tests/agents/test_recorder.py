"""Recordings that the agent makes, as `recorded` replays them."""

import csv
import threading

import numpy as np
import pytest

from coldplate.agents.collector import Source
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.recorder import record
from coldplate.wire.metric import CATALOGUE, Kind, metric

FACTS = {
    "power_limit_w": 700.0, "pcie_gen": 5.0, "pcie_width": 16.0, "pcie_replay_total": 3.0,
    "ecc_corrected_total": 4.0, "recovery_action": 0.0,
}  # fmt: skip


class Counting:
    """GPUs whose power and temperature say which sample and which GPU it is."""

    def __init__(self, gpus):
        self.devices = {Kind.GPU: tuple(f"n/gpu-{i}" for i in range(gpus))}
        self.sources = (Source("n", "r", {Kind.GPU: range(gpus)}),)
        self.ticks_ms = []

    def sample(self, tick_ms):
        out = np.full((len(CATALOGUE[Kind.GPU]), len(self.devices[Kind.GPU])), np.nan)
        step = len(self.ticks_ms)
        self.ticks_ms.append(tick_ms)
        values = {
            "power_w": 100.123 + step, "power_instant_w": 200.0, "gpu_c": 40.0, "hbm_c": 41.0,
            "margin_c": 47.0, "gpu_util_ratio": 0.57, "sm_clock_mhz": 1980.0, "mem_clock_mhz": 3201.0,
            "clock_event_reasons": 4.0, "mem_util_ratio": 0.0, "pstate": 0.0,
        }  # fmt: skip
        values |= {"energy_j": 5.25, **FACTS} if step == 0 else {}
        for name, value in values.items():
            out[metric(Kind.GPU, name).number] = value
        return {Kind.GPU: out}


class Clock:
    """Time that passes when it is waited for."""

    def __init__(self):
        self.now_s = 1_800_000_000.0

    def __call__(self):
        return self.now_s

    def wait(self, seconds):
        self.now_s += seconds
        return False


def made(gpus, folder, seconds=2.0):
    clock, collector = Clock(), Counting(gpus)
    return collector, record(collector, folder, seconds, clock, clock=clock)


def test_a_recording_is_replayed_as_it_was(tmp_path):
    """Every metric that the replay knows, in the catalogue's units; what was not read stays absent."""
    made(1, tmp_path / "one")
    played = RecordedCollector(tmp_path / "one", "rack-0/node-0", "rack-0")
    samples = [played.sample(1000 * t)[Kind.GPU][:, 0] for t in range(2)]
    got = {m.name: samples[0][m.number] for m in CATALOGUE[Kind.GPU]}
    for name, expected in {"power_w": 100.123, "gpu_util_ratio": 0.57, "margin_c": 47.0, **FACTS}.items():  # fmt: skip
        assert expected == pytest.approx(got[name])
    assert 110.123 == pytest.approx(samples[1][metric(Kind.GPU, "power_w").number])
    assert np.isnan(got["mem_used_bytes"])


def test_rows_come_every_100_ms_on_whole_steps(tmp_path):
    """The time of a row is its step's."""
    collector, (folder,) = made(1, tmp_path / "one")
    assert [100] * 19 == np.diff(collector.ticks_ms).tolist()
    with (folder / "trace-10hz.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [f"{i / 10:.1f}" for i in range(20)] == [row["t"] for row in rows]
    assert {"5250"} == {row["total_energy_consumption"] for row in rows}


def test_several_gpus_have_a_folder_each(tmp_path):
    """In the node's order."""
    _, folders = made(3, tmp_path / "three")
    assert [tmp_path / "three" / f"gpu-{i}" for i in range(3)] == folders
    assert [] == [f for f in folders if not (f / "nvml-facts.json").is_file()]


def test_a_recording_is_not_written_over(tmp_path):
    """Whoever wants another names another folder."""
    made(1, tmp_path)
    with pytest.raises(ValueError, match="another folder"):
        made(1, tmp_path)


def test_without_a_gpu_there_is_nothing_to_record(tmp_path):
    """And no folder."""
    with pytest.raises(ValueError, match="no GPU"):
        made(0, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_it_ends_when_it_is_told_to(tmp_path):
    """What was written until then is a recording."""
    stop = threading.Event()
    stop.set()
    (folder,) = record(Counting(1), tmp_path / "short", 60, stop)
    assert (folder / "trace-10hz.csv").is_file()
