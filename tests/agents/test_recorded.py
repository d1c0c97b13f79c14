"""The recorded H200 as a collector: what a once-a-second reading would hide is in the statistics of the tick."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.wire.metric import Kind, metric

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"
T0_MS = 1_790_000_000_000
# By the recording's README: seconds of each phase, without its first, in which the load starts.
IDLE, MATMUL, STEPS, COPY = slice(104, 127), slice(30, 90), slice(136, 166), slice(180, 203)
# When the ten seconds of a swing's window are all of steps.
SWINGING = slice(138, 171)


@pytest.fixture(scope="module")
def taken() -> NDArray[np.float64]:
    """Two rounds of the recording, (ticks, metrics)."""
    collector = RecordedCollector(RECORDING, "r/n", "r")
    return np.stack([collector.sample(T0_MS + 1000 * t)[Kind.GPU][:, 0] for t in range(520)])


def of(taken: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    return taken[:, metric(Kind.GPU, name).number]


def test_training_steps_show_their_real_swing(taken: NDArray[np.float64]) -> None:
    """0.66 Hz at every tick, and 304 W within a tenth: not the false 0.34 Hz of the mean, nor 0.75."""
    hz, watts = of(taken, "swing_hz")[SWINGING], of(taken, "swing_w")[SWINGING]
    np.testing.assert_allclose(hz, 0.66, atol=0.015)
    assert 0.665 == pytest.approx(float(np.median(hz)), abs=0.005)
    assert 304.0 == pytest.approx(float(np.median(watts)), rel=0.1)


def test_peaks_above_the_limit_are_seen(taken: NDArray[np.float64]) -> None:
    """In the steps instant power passes 700 W in every second or two, while the mean stays at 410 W."""
    peaks, lows = of(taken, "power_max_w")[STEPS], of(taken, "power_min_w")[STEPS]
    assert 948.65 >= peaks.max() > 900.0
    assert 0.9 < (peaks > 700.0).mean()
    assert 130.0 > np.median(lows)
    assert 700.0 == np.nanmax(of(taken, "power_limit_w"))
    assert 250.0 < np.median(of(taken, "power_std_w")[STEPS])


def test_an_idle_gpu_has_no_swing(taken: NDArray[np.float64]) -> None:
    """An amplitude of noise, and no frequency of it."""
    assert np.isnan(of(taken, "swing_hz")[IDLE]).all()
    assert np.isnan(of(taken, "swing_hz")[MATMUL]).all()
    assert 3.0 > of(taken, "swing_w")[IDLE].max()


def test_statistics_enclose_the_instant(taken: NDArray[np.float64]) -> None:
    """Least, instant and greatest in this order at every tick."""
    low, now, high = (of(taken, n) for n in ("power_min_w", "power_instant_w", "power_max_w"))
    assert ((low <= now) & (now <= high)).all()


@pytest.mark.parametrize(
    ("phase", "watts", "gpu_c", "hbm_c"),
    [(IDLE, 79, 39, 40), (MATMUL, 691, 61, 52), (COPY, 472, 49, 60)],
    ids=["idle", "matmul", "copy"],
)  # fmt: skip
def test_phases_are_as_recorded(
    taken: NDArray[np.float64], phase: slice, watts: float, gpu_c: float, hbm_c: float
) -> None:
    """Mean power, GPU and HBM temperature of the README."""
    assert watts == pytest.approx(np.median(of(taken, "power_w")[phase]), rel=0.02)
    assert gpu_c == pytest.approx(np.median(of(taken, "gpu_c")[phase]), abs=1)
    assert hbm_c == pytest.approx(np.median(of(taken, "hbm_c")[phase]), abs=2)


def test_the_margin_is_to_the_devices_own_limit(taken: NDArray[np.float64]) -> None:
    """87 degC by the recorded margin of 47 K at 40 degC, at every tick."""
    assert {87.0} == set(of(taken, "margin_c") + of(taken, "gpu_c"))


def test_energy_goes_on_rising_in_the_second_round(taken: NDArray[np.float64]) -> None:
    """The recording starts again, the counter does not; each round uses the same."""
    energy = of(taken, "energy_j")
    assert (np.diff(energy) >= 0).all()
    assert energy[258] - energy[0] == pytest.approx(energy[517] - energy[259], rel=0.01)


def test_the_second_round_begins_idle_again(taken: NDArray[np.float64]) -> None:
    """After 258.6 s, as the first did."""
    assert np.median(of(taken, "power_w")[:10]) == pytest.approx(
        np.median(of(taken, "power_w")[260:269]), rel=0.02
    )


def test_slow_metrics_are_those_that_nvml_said() -> None:
    """PCIe 5 x16, 700 W, no errors; with the first tick, then every ten."""
    collector = RecordedCollector(RECORDING, "r/n", "r")
    first, second = (collector.sample(T0_MS + 1000 * t)[Kind.GPU][:, 0] for t in (0, 1))
    expected = {"pcie_gen": 5.0, "pcie_width": 16.0, "power_limit_w": 700.0, "ecc_uncorrected_total": 0.0,
                "remap_failed": 0.0, "recovery_action": 0.0}  # fmt: skip
    for name, value in expected.items():
        assert value == first[metric(Kind.GPU, name).number]
        assert np.isnan(second[metric(Kind.GPU, name).number])


def test_several_gpus_of_a_node_are_spread_over_the_recording() -> None:
    """Each is where the one alone is an eighth of the recording later, its swing included."""
    eight = RecordedCollector(RECORDING, "r/n", "r", gpus=8)
    assert tuple(f"r/n/gpu-{i}" for i in range(8)) == eight.devices[Kind.GPU]
    taken = np.stack([eight.sample(T0_MS + 1000 * t)[Kind.GPU] for t in range(30)])
    power = metric(Kind.GPU, "power_w").number
    assert 8 == len(set(taken[0, power]))
    # At 0.5 of the recording the steps have just begun.
    hz = taken[15:, metric(Kind.GPU, "swing_hz").number, 4]
    np.testing.assert_allclose(hz, 0.66, atol=0.02)
    assert (np.diff(taken[:, metric(Kind.GPU, "energy_j").number], axis=0) >= 0).all()


@pytest.mark.parametrize(
    ("trace", "message"),
    [(None, "trace-10hz.csv"), ("t,phase\n0,idle\n1,idle\n", "no column"), ("t\n", "no rows")],
)
def test_a_broken_recording_says_what_is_wrong(
    tmp_path: Path, trace: str | None, message: str
) -> None:
    """The file, and the columns that it lacks."""
    (tmp_path / "nvml-facts.json").write_text(json.dumps({"calls": [], "fields_supported": {}}))
    if trace is not None:
        (tmp_path / "trace-10hz.csv").write_text(trace)
    with pytest.raises(ValueError, match=message):
        RecordedCollector(tmp_path, "r/n", "r")
