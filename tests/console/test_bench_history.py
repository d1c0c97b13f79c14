"""The benchmark of questions: a small fleet is built, built on, and asked; nothing repeats."""

import numpy as np
import pytest

from coldplate.console.benching import history
from coldplate.console.benching.fleet_day import FAST, OF_CDU, START_S, FleetDay
from coldplate.sinks.tables import raw_column

HOUR_S = 3600


def column(columns, name):
    return columns[raw_column(next(m for m in FAST.metrics if m.name == name))]


@pytest.fixture(scope="module")
def rack():
    """An hour of a rack: its blocks by table."""
    out = {}
    for table, columns in FleetDay(64, 1).rack(0):
        out.setdefault(table, []).append(columns)
    return out


def test_every_gpu_has_its_own_day_in_the_order_of_the_table(rack):
    """64 GPUs of 3,600 ticks, device by device; no two alike; the unit's water with them."""
    devices = np.concatenate([c["device"] for c in rack[FAST.name]])
    assert [64 * HOUR_S] == [len(devices)]
    assert (np.diff(devices.astype(object)) >= 0).all()
    power = np.concatenate([column(c, "power_w") for c in rack[FAST.name]]).reshape(64, HOUR_S)
    assert 64 == len(np.unique(power, axis=0))
    (water,) = rack[OF_CDU.name]
    assert [HOUR_S] == [len(water["device"])]
    assert START_S * 1000 == water["t"][0]


def test_the_physics_is_the_twins(rack):
    """At full load a GPU is as far above its water as the fitted resistance says; energy is the sum of power."""
    columns = rack[FAST.name][0]
    power, hot = (column(columns, n).reshape(16, HOUR_S) for n in ("power_w", "gpu_c"))
    at = np.s_[:, -600:]
    assert power[at].mean() > 500
    r = (hot[at] / 10 - 30.0).mean() / power[at].mean()
    assert 0.03 < r < 0.04
    energy = column(columns, "energy_j").reshape(16, HOUR_S)
    np.testing.assert_allclose(energy[:, -1], power.sum(axis=1), rtol=0.01)


def test_a_rack_is_the_same_whenever_it_is_made(rack):
    """Begun again, the build goes on with the same rows; another seed or rack gives others."""
    again = next(FleetDay(128, 1).rack(0))[1]
    assert all((again[n] == c).all() for n, c in rack[FAST.name][0].items())
    other = next(FleetDay(64, 1, seed=2).rack(0))[1]
    assert (column(other, "power_w") != column(again, "power_w")).any()


@pytest.mark.e2e
def test_questions_are_answered_and_the_build_is_kept(tmp_path, monkeypatch):
    """Every question has its times; a second run builds nothing; what misses its target says why."""
    monkeypatch.setattr(history, "COLD", 1)
    monkeypatch.setattr(history, "WARM", 2)
    monkeypatch.setattr(history, "_spread", lambda ms: {"median": 1e9, "p95": max(ms)})
    day = FleetDay(64, 1)
    built = history.measure(day, tmp_path, build_only=True, peer_gpus=0)
    assert 64 * HOUR_S == built["rows"]
    result = history.measure(day, tmp_path, build_only=False, peer_gpus=0)
    assert built["rows"] == result["rows"]
    assert {
        "gpu_day", "hottest_100", "rack_6h_10s", "fleet_percentiles", "energy_by_job", "resistance_drift",
    } == result["questions"].keys()  # fmt: skip
    for found in result["questions"].values():
        assert found["cold_ms"]["p95"] > 0
        assert found["server_rss_mb"] > 50
        assert ("plan" in found) != found["met"]
        assert "not asked for" == found["victoriametrics"]["why"]
