"""What the collector tells of a recorded H200: values, units, cadence, and what is absent."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from waiting import await_that

from coldplate.agents.options.nvml import Nvml
from coldplate.wire.metric import CATALOGUE, Kind, metric

RECORDING = Path(__file__).parents[2] / "recordings" / "h200"
COLUMNS = {
    "power_w": ("power_average", 1e-3), "power_instant_w": ("power_instant", 1e-3),
    "hbm_c": ("memory_temp", 1), "gpu_c": ("gpu_temp_c", 1), "sm_clock_mhz": ("sm_clock_mhz", 1),
    "mem_clock_mhz": ("mem_clock_mhz", 1), "clock_event_reasons": ("clock_event_reasons", 1),
    "gpu_util_ratio": ("gpu_util", 0.01), "mem_util_ratio": ("mem_util", 0.01), "pstate": ("pstate", 1),
}  # fmt: skip
FACTS = {
    "power_limit_w": 700.0, "pcie_gen": 5.0, "pcie_width": 16.0, "pcie_gen_max": 5.0,
    "pcie_width_max": 16.0, "pcie_tx_bytes_total": 3281794768.0, "pcie_rx_bytes_total": 2112260872.0,
    "mem_used_bytes": 644939776.0, "gpu_max_c": 87.0, "slowdown_c": 89.0, "shutdown_c": 95.0,
    "hbm_max_c": 95.0, "slowdown_margin_c": -2.0, "recovery_action": 0.0, "needs_reset": 0.0,
    "ecc_corrected_total": 0.0, "ecc_uncorrected_aggregate_total": 0.0, "pcie_fatal_total": 0.0,
    "power_violation_s_total": 0.0, "sw_thermal_s_total": 0.0, "remap_pending": 0.0,
}  # fmt: skip
UNSUPPORTED = {
    "nvlink_errors_total", "nvlink_tx_bytes_total", "nvlink_rx_bytes_total", "nvlink_active_links",
    "retired_pages_total", "fan_ratio",
}  # fmt: skip


def row(name):
    return metric(Kind.GPU, name).number


def names(values):
    """Metrics with a value of every GPU."""
    return {m.name for m in CATALOGUE[Kind.GPU] if np.isfinite(values[m.number]).all()}


def test_every_row_of_the_recording_comes_out_in_the_catalogues_units(rig_of):
    """Milliwatts as watts, percent as ratios, the margin as Kelvin to the device's own limit of 87 degC."""
    with (RECORDING / "trace-10hz.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rig = rig_of(gpus=1)
    rig.make()
    told = []
    for line in rows:
        # The clock stands within the row, as times are not exact in binary.
        rig.clock.t_s = 1_790_000_000.0 + float(line["t"]) + 1e-3
        told.append(rig.sample(step_s=0)[:, 0])
    told = np.array(told)
    for name, (column, factor) in COLUMNS.items():
        expected = [float(line[column]) * factor for line in rows]
        np.testing.assert_allclose(expected, told[:, row(name)], err_msg=name)
    expected = [87 - float(line["gpu_temp_c"]) for line in rows]
    np.testing.assert_array_equal(expected, told[:, row("margin_c")])
    energy_j = told[:, row("energy_j")]
    read = np.isfinite(energy_j)
    expected = np.array([float(line["total_energy_consumption"]) / 1000 for line in rows])[read]
    np.testing.assert_allclose(expected, energy_j[read])
    assert len(rows) // 4 <= read.sum()


def test_what_stands_still_is_what_the_facts_say(rig_of):
    """Everything comes with the first sample; counters in seconds and bytes."""
    rig = rig_of(gpus=2)
    rig.make()
    told = rig.sample()
    for name, expected in FACTS.items():
        np.testing.assert_array_equal([expected] * 2, told[row(name)], err_msg=name)


def test_all_of_the_catalogue_is_told_but_what_this_gpu_does_not_have(rig_of):
    """The recorded H200 has no NVLink, no fan and no retired pages; who owns the GPU NVML does not know."""
    rig = rig_of()
    collector = rig.make()
    told = set().union(*(names(rig.sample()) for _ in range(12)))
    swings = {"swing_hz", "swing_w"}
    assert UNSUPPORTED | {"job"} == {m.name for m in CATALOGUE[Kind.GPU]} - told - swings
    origins = collector.origins()["rack-0/node-0/gpu-2"]
    assert {m.name for m in CATALOGUE[Kind.GPU]} - {"job"} == set(origins)
    assert UNSUPPORTED == {n for n, o in origins.items() if o.absent == "unsupported"}
    assert UNSUPPORTED == {n for n, o in origins.items() if o.absent}


def test_other_fields_in_other_units(rig_of):
    """Nanoseconds as seconds, KiB as bytes, several fields as their sum, 227 as drain and reset."""
    rig = rig_of(gpus=1)
    rig.library.gpus[0].fields |= {
        74: 2_500_000_000, 271: 1_000_000, 138: 3, 38: 1, 52: 2, 59: 4, 29: 5, 30: 6, 179: 7, 180: 8,
        227: 1, 226: 1, 142: 9, 5: 10,
    }  # fmt: skip
    rig.library.gpus[0].calls["nvmlDeviceGetFanSpeed", ()] = "35"
    rig.library.gpus[0].calls["nvmlDeviceGetNvLinkState", (0,)] = "1"
    rig.make()
    told = dict(zip([m.name for m in CATALOGUE[Kind.GPU]], rig.sample()[:, 0], strict=True))
    expected = {
        "power_violation_s_total": 2.5, "power_brake_s_total": 0.001, "nvlink_tx_bytes_total": 3072,
        "nvlink_errors_total": 7, "retired_pages_total": 11, "pcie_fatal_total": 15, "needs_reset": 2,
        "remap_corrected_total": 9, "ecc_corrected_aggregate_total": 10, "fan_ratio": 0.35,
        "nvlink_active_links": 36,
    }  # fmt: skip
    assert pytest.approx(expected) == {name: told[name] for name in expected}


def test_cheap_metrics_come_every_tick_and_dear_ones_in_turns(rig_of):
    """Every slow one within its period and none repeated; never all at one tick, never all GPUs at once."""
    rig = rig_of()
    rig.make()
    first = names(rig.sample())
    ticks = np.isfinite(np.array([rig.sample() for _ in range(48)]))
    always = {m.name for m in CATALOGUE[Kind.GPU] if ticks[:, m.number].all()}
    assert set(COLUMNS) | {"margin_c", "mem_used_bytes"} == always - {
        "power_min_w", "power_max_w", "power_std_w", "swing_hz", "swing_w"
    }  # fmt: skip
    slow = [row(n) for n in first - always]
    # Six times the slow period at most, and well within the 60 ticks that a reader waits for.
    assert (ticks[:24, slow].any(axis=0) & ticks[24:, slow].any(axis=0)).all()
    energy = ticks[:, row("energy_j")]
    assert (energy.sum(axis=0) == 12).all()
    assert not energy.all(axis=1).any()
    assert ticks[:, slow].all(axis=2).sum(axis=1).max() < len(slow) / 2


def test_the_dearest_call_is_never_made_and_what_is_unsupported_once(rig_of):
    """Asking for PCIe throughput takes 21 ms; asking again for a fan brings none."""
    rig = rig_of(gpus=1)
    rig.make()
    for _ in range(30):
        rig.sample()
    assert 0 == rig.library.calls["nvmlDeviceGetPcieThroughput"]
    assert 1 == rig.library.calls["nvmlDeviceGetFanSpeed"]
    assert 31 > rig.library.calls["nvmlDeviceGetMarginTemperature"] > 29


def test_a_driver_without_the_newer_ways_is_asked_by_the_older(rig_of):
    """Power, energy, temperature and reasons have two; the origin says which one it was."""
    rig = rig_of(gpus=1)
    rig.library.missing |= {
        "nvmlDeviceGetTemperature", "nvmlDeviceGetCurrentClocksEventReasons"
    }  # fmt: skip
    rig.library.gpus[0].faults.unsupported |= {185, 191}
    collector = rig.make()
    told = rig.sample(step_s=0.001)[:, 0]
    expected = [102.848, 39.0, 1.0]
    names = ("power_w", "gpu_c", "clock_event_reasons")
    assert pytest.approx(expected) == told[[row(n) for n in names]]
    assert np.isfinite(told[row("energy_j")])
    origins = collector.origins()["rack-0/node-0/gpu-0"]
    assert "nvmlDeviceGetPowerUsage" == origins["power_w"].source
    assert "nvmlDeviceGetTotalEnergyConsumption" == origins["energy_j"].source
    assert "nvmlDeviceGetCurrentClocksThrottleReasons" == origins["clock_event_reasons"].source
    assert "nvmlDeviceGetTemperatureV" == origins["gpu_c"].source
    assert "" == origins["gpu_c"].absent


def test_swings_and_peaks_between_ticks_are_found(rig_of):
    """Training steps: 0.66 Hz, and peaks far above the limit of 700 W, at one look a second."""
    rig = rig_of(gpus=2, begin_s=124.0)
    rig.make()
    told = np.array([rig.sample()[:, 0] for _ in range(30)])[12:]
    assert pytest.approx(0.66, abs=0.03) == np.nanmedian(told[:, row("swing_hz")])
    assert 900 < told[:, row("power_max_w")].max() < 960
    assert 110 < told[:, row("power_min_w")].min() < 200
    assert np.nanmedian(told[:, row("swing_w")]) > 200


def test_where_the_driver_has_no_buffer_power_is_polled(rig_of):
    """The first tick finds out; which way it is stands in the origins."""
    rig = rig_of(gpus=1)
    rig.library.gpus[0].faults.unsupported.add("nvmlDeviceGetSamples")
    collector = rig.make(options=Nvml(poll_hz=50, budget_ratio=1.0, deadline_s=5.0, events=False))
    await_that(lambda: np.isfinite(rig.sample()[row("power_min_w"), 0]), 5, "polled power")
    origin = collector.origins()["rack-0/node-0/gpu-0"]["power_max_w"]
    assert ("NVML field 186 at 50 Hz", "") == (origin.source, origin.absent)
    rig.library.lose(0)
    rig.sample()
    rig.library.lose()
    await_that(lambda: np.isfinite(rig.sample()[row("power_min_w"), 0]), 10, "it after a loss")


def test_power_between_ticks_can_be_left_out(rig_of):
    """Then it is disabled, and the buffer is not read."""
    rig = rig_of(gpus=1)
    collector = rig.make(options=Nvml(burst="off", deadline_s=5.0, events=False))
    assert np.isnan(rig.sample()[row("power_max_w"), 0])
    origin = collector.origins()["rack-0/node-0/gpu-0"]["power_max_w"]
    assert "disabled" == origin.absent
    assert 0 == rig.library.calls["nvmlDeviceGetSamples"]


def test_a_clock_that_was_set_back_does_not_silence_the_buffer(rig_of):
    """The driver dates its readings by the wall clock; an hour back, they are taken again from the start."""
    rig = rig_of(gpus=1, begin_s=3600.0 * 2)
    rig.make()
    for _ in range(3):
        rig.sample()
    rig.clock.t_s -= 3600
    told = [rig.sample()[row("power_max_w"), 0] for _ in range(4)]
    assert np.isfinite(told[-2:]).all()


def test_what_a_gpu_is_comes_once_as_its_facts(rig_of):
    """With versions and limits; again when the driver's power limits or modes change, and not before."""
    rig = rig_of(gpus=1)
    collector = rig.make()
    for _ in range(70):
        rig.sample()
    (facts,) = collector.happenings()
    assert ("facts", "rack-0/node-0/gpu-0") == (facts.kind, facts.subject)
    recorded = json.loads((RECORDING / "nvml-facts.json").read_text())
    expected = {
        "driver": recorded["driver"], "nvml": recorded["nvml"], "cuda": "13.0", "name": "NVIDIA H200",
        "serial": "1650000000000", "module_id": 1, "pci_bus": "0000:10:00", "nvml_index": 0,
        "persistence": True, "mig": False, "power_limit_default_w": 700.0, "power_limit_min_w": 200.0,
        "power_limit_max_w": 700.0,
    }  # fmt: skip
    assert expected == {k: facts.data[k] for k in expected}
    assert {"0000:10:00": "rack-0/node-0/gpu-0"} == collector.buses


def test_who_uses_a_gpu_is_told_when_asked(rig_of):
    """Pid, name and bytes, by GPU."""
    rig = rig_of(gpus=2)
    rig.library.gpus[1].processes = [(4711, 3 << 30)]
    collector = rig.make()
    told = collector.processes()
    assert [] == told["rack-0/node-0/gpu-0"]
    (process,) = told["rack-0/node-0/gpu-1"]
    assert (4711, "p4711", 3 << 30) == (process.pid, process.name, process.memory_bytes)


def test_costs_are_those_of_the_recorded_machine_when_charged(rig_of):
    """The margin is dear, and what it costs stands in the origins; the stand-in sums NVML's time."""
    rig = rig_of(gpus=1, charge="sleep")
    collector = rig.make()
    for _ in range(12):
        rig.sample()
    origins = collector.origins()["rack-0/node-0/gpu-0"]
    assert 850 < origins["margin_c"].cost_us
    assert origins["pstate"].cost_us < origins["margin_c"].cost_us
    assert 12 * 0.85e-3 < rig.library.nvml_s
