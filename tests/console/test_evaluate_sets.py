"""`coldplate evaluate skab|nab|hydraulic`: the keys, and the figures on the sets where they are at hand."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from coldplate.console.commands import evaluate_sets
from coldplate.console.failure import Failure

SHARED = Path(os.environ.get("COLDPLATE_SHARED") or Path(__file__).parents[3] / "shared") / "data"
SKAB = """datetime;Pressure;Flow;anomaly;changepoint
""" + "".join(
    f"2020-03-09 10:{s // 60:02d}:{s % 60:02d};{1 + s % 3 / 100};{30 + s % 2};{int(s >= 500)}.0;{int(s == 500)}.0\n"
    for s in range(600)
)  # fmt: skip


def run(command, *args: object) -> dict:
    result = CliRunner().invoke(command, [*map(str, args), "--json"], catch_exceptions=False)
    assert 0 == result.exit_code, result.output
    return json.loads(result.output.splitlines()[-1])


def sets(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"no {name} under {SHARED}: name its folder in COLDPLATE_SHARED")
    return folder


def test_skab_prints_every_key(tmp_path):
    """Pooled and per file; without a fault-free file its two figures are null."""
    (tmp_path / "valve").mkdir()
    (tmp_path / "valve" / "0.csv").write_text(SKAB)
    out = run(evaluate_sets.skab, "--data", tmp_path)
    keys = "f1 far mar nab_standard nab_low_fp nab_low_fn missed fp mean_delay_s all_ones_f1 rows_per_s files parameters revision"  # fmt: skip
    assert set(keys.split()) <= set(out)
    assert (None, None) == (out["fault_free_alarm_share"], out["fault_free_episodes_per_hour"])
    assert (1, ["valve/0.csv"]) == (out["files"], list(out["per_file"]))
    assert 2.4 == out["parameters"]["SKAB_FAULTS"]["limit"]


def test_nab_prints_every_key(tmp_path):
    """At the best threshold, or at one that is given."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "a").mkdir(parents=True)
    lines = [f"2014-04-01 {m // 60:02d}:{m % 60:02d}:00,{100 if m == 1000 else m % 7}" for m in range(1300)]  # fmt: skip
    (tmp_path / "data" / "a" / "x.csv").write_text("timestamp,value\n" + "\n".join(lines))
    window = ["2014-04-01 16:30:00.000000", "2014-04-01 17:30:00.000000"]
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps({"a/x.csv": [window]}))
    out = run(evaluate_sets.nab, "--data", tmp_path)
    keys = "standard low_fp low_fn tp fp fn threshold rows_per_s parameters"
    assert set(keys.split()) <= set(out)
    assert (1, 0) == (out["tp"], out["fn"])
    assert 0.9 == run(evaluate_sets.nab, "--data", tmp_path, "--threshold", 0.9)["threshold"]


def test_a_folder_without_the_set_is_refused(tmp_path):
    """One line that says what is expected."""
    with pytest.raises(Failure, match="SKAB"):
        CliRunner().invoke(evaluate_sets.skab, ["--data", str(tmp_path)], catch_exceptions=False)


@pytest.mark.sets
def test_the_coolers_change_and_nothing_else_is_found():
    """Within three cycles."""
    out = run(evaluate_sets.hydraulic, "--data", sets("hydraulic"))
    assert (1, 1, 0) == (out["changes"], out["found"], out["false_pages"])
    assert out["delay_cycles"] < 3


@pytest.mark.sets
def test_skab_in_one_run():
    """Faults found, few false alarms, and quiet on the fault-free run; change points by a detector of their own."""
    out = run(evaluate_sets.skab, "--data", sets("skab"))
    assert out["f1"] >= 0.86
    assert out["far"] <= 9.0
    assert out["fault_free_alarm_share"] <= 0.005
    assert out["fault_free_episodes_per_hour"] <= 1.0
    assert out["nab_standard"] >= 55.0


@pytest.mark.sets
def test_nab_ahead_of_the_published():
    """ARTime 70.9 on the same series."""
    assert run(evaluate_sets.nab, "--data", sets("nab"))["standard"] >= 71.0
