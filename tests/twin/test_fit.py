"""How far the twin's GPU follows a recorded one, and that the fit would do as well on other recordings."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from coldplate.twin.effects import Effects
from coldplate.twin.fit import draw, fit
from coldplate.twin.gpu import STEP_S, GpuArray
from coldplate.twin.power import ASLEEP, AWAKE, COPY, MATMUL, Steps
from coldplate.twin.trace import read

H200 = Path(__file__).parent.parent / "recordings" / "h200"


def recorded():
    with (H200 / "trace-10hz.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def written(folder, rows):
    with (folder / "trace.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows(rows)
    return folder


def twin_rows(supply_c, r_die_factor, steps):
    """What a recorder would have written of a GPU of the twin under known loads."""
    gpus, effects = GpuArray(1, np.random.default_rng(5), supply_c, 1.0, 0.0), Effects(1, 1, 1)
    effects.r_die_factor[:] = r_die_factor
    one, rows, number = np.ones(1, np.float32), [], 0
    phases = (("rest", None, 10), ("train", MATMUL, 40), ("rest", None, 25), ("beat", steps, 30), ("stream", COPY, 20), ("rest", None, 20))  # fmt: skip
    for name, what, seconds in phases:
        for k in range(round(seconds / STEP_S)):
            at_s = k * STEP_S - 3.5
            work = ASLEEP
            if what is not None and at_s >= 0.0:
                work = what
                if isinstance(what, Steps):
                    work = what.compute if what.at(np.array(at_s)) else what.pause
                if at_s >= seconds - 4.0:
                    work = AWAKE
            gpus.step(STEP_S, one * np.float32(work.load_ratio), one * np.float32(work.mem_ratio), supply_c * one, one, effects)  # fmt: skip
            number += 1
            if number % 2 == 0:
                busy = work not in (ASLEEP, AWAKE)
                rows.append({
                    "t": round(number * STEP_S, 3), "phase": name,
                    "power_average": round(1000 * float(gpus.mean_w[0])),
                    "power_instant": round(1000 * float(gpus.power_w[0])),
                    "memory_temp": round(float(gpus.hbm_c[0])),
                    "gpu_temp_c": round(float(gpus.die_c[0])),
                    "gpu_util": 100 * busy, "mem_util": round(100 * work.mem_ratio),
                })  # fmt: skip
    return rows


@pytest.fixture(scope="module")
def result():
    return fit(H200)


def test_the_model_follows_the_recorded_gpu(result):
    """On the halves that it was not fitted to: 1.0 degC, 15 W, and the steps' figures within 15 %."""
    assert result.rms_temp_c <= 1.0
    assert result.rms_power_w <= 15.0
    assert result.swing_error_ratio <= 0.15
    assert result.swing_error_ratio == pytest.approx(
        max(abs(model / seen - 1.0) for seen, model in result.swing.values())
    )


def test_what_it_found_is_what_the_gpu_is(result):
    """Coolant, resistance, and the step period of the recording's notes."""
    found = result.parameters
    assert 36.5 == pytest.approx(found["supply_c"], abs=1.5)
    die_w = 691 - found["hbm_idle_w"] - 0.25 * (found["hbm_full_w"] - found["hbm_idle_w"])
    plate_k = 691 * (1.0 / found["g_w_per_k"] + found["r_slow_k_per_w"])
    rise_k = plate_k + found["r_die_k_per_w"] * die_w
    assert 0.0355 == pytest.approx(rise_k / 691, rel=0.05)
    assert 1.5 == pytest.approx(found["load1_steps_period_s"], abs=0.01)
    assert 79 == pytest.approx(found["idle_w"], abs=2)
    assert 691 == pytest.approx(found["load0_matmul_w"], abs=3)


def test_loads_are_found_where_they_ran_and_not_where_labels_say():
    """Onsets 3 to 5 s after the label, one load a phase, and only the steps step."""
    trace = read(H200)
    assert ["matmul", "steps", "copy", "zeros"] == [trace.phases[x.phase].name for x in trace.loads]
    assert [16.7, 130.3, 174.4, 208.3] == pytest.approx([x.start_s for x in trace.loads], abs=0.15)
    assert [91.6, 170.6, 204.5, 228.3] == pytest.approx([x.end_s for x in trace.loads], abs=0.15)
    assert [False, True, False, False] == [x.stepping for x in trace.loads]
    assert 700.0 == trace.limit_w


def test_nothing_of_the_scored_parts_reaches_the_constants(tmp_path, result):
    """Temperatures and averages of the second halves made wrong: the same constants, and a bad score."""
    rows, trace = recorded(), read(H200)
    for row, first in zip(rows, trace.first, strict=True):
        if not first:
            for name in ("gpu_temp_c", "memory_temp"):
                row[name] = float(row[name]) + 7.0
            row["power_average"] = float(row["power_average"]) + 50_000.0
    other = fit(written(tmp_path, rows))
    assert result.parameters == other.parameters
    assert other.rms_temp_c > 5.0
    assert other.rms_power_w > 40.0


@pytest.mark.parametrize(("every", "shift_s", "noise_k"), [(2, 0.0, 0.5), (1, 3.0, 0.0)])
def test_a_poorer_recording_of_the_same_gpu_is_followed_too(tmp_path, every, shift_s, noise_k):
    """Half as many rows with half a kelvin of noise; and labels three seconds late."""
    rows, random = recorded(), np.random.default_rng(1)
    t_s, labels = np.array([float(r["t"]) for r in rows]), [r["phase"] for r in rows]
    for row, at in zip(rows, np.searchsorted(t_s, t_s - shift_s), strict=True):
        row["phase"] = labels[at]
        for name in ("gpu_temp_c", "memory_temp"):
            row[name] = float(row[name]) + noise_k * random.standard_normal()
    found = fit(written(tmp_path, rows[::every]))
    assert found.rms_temp_c <= 1.0
    assert found.rms_power_w <= 15.0
    assert found.swing_error_ratio <= 0.15


def test_another_gpu_with_another_work_is_found_for_what_it_is(tmp_path):
    """One of the twin's own, with bad paste, warm water and steps of 0.8 s: its constants come back."""
    rows = twin_rows(42.0, 1.3, Steps(period_s=0.8, compute_s=0.5))
    found = fit(written(tmp_path, rows))
    assert 42.0 == pytest.approx(found.parameters["supply_c"], abs=0.5)
    assert 1.3 * 0.0214 == pytest.approx(found.parameters["r_die_k_per_w"], rel=0.05)
    assert 0.8 == pytest.approx(found.parameters["load1_beat_period_s"], abs=0.005)
    assert found.rms_temp_c <= 0.8
    assert found.rms_power_w <= 8.0
    assert found.swing_error_ratio <= 0.08


def test_a_recording_without_steps_has_no_swing(tmp_path):
    """And says so by None, not by a number."""
    rows = [r for r in recorded() if float(r["t"]) < 120.0]
    found = fit(written(tmp_path, rows))
    assert found.swing_error_ratio is None
    assert {} == found.swing
    assert found.rms_temp_c <= 1.0


def test_figures_are_json_and_the_picture_is_one(tmp_path, result):
    """Everything but the traces, and a PNG."""
    figures = json.loads(json.dumps(result.figures()))
    assert {"rms_temp_c", "rms_power_w", "swing_error_ratio", "parameters"} <= set(figures)
    assert 7 == len(figures["phases"])
    draw(result, tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", ["empty", "column", "idle"])
def test_what_cannot_be_fitted_is_said(tmp_path, what):
    """An empty folder, a missing column, a GPU that never worked."""
    rows = [r for r in recorded() if float(r["t"]) < 10.0]
    if what == "column":
        rows = [{k: v for k, v in r.items() if k != "gpu_temp_c"} for r in rows]
    if what != "empty":
        written(tmp_path, rows)
    with pytest.raises(ValueError, match={"empty": "no CSV", "column": "gpu_temp_c", "idle": "no load"}[what]):  # fmt: skip
        fit(tmp_path)
