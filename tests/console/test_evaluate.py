"""`coldplate evaluate`: a hall as if live, and the recording of the same."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from coldplate.console.main import cli

SCENARIO = """
racks = 2
load = "steps"
duration_s = 90.0

[[faults]]
kind = "pump-stop"
subject = "rack-0001/cdu"
at_s = 30.0
end_s = 60.0
spare_ratio = 0.0

[[faults]]
kind = "xid-79"
subject = "rack-0000/node-1/gpu-3"
at_s = 200.0
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "pump.toml"
    path.write_text(SCENARIO)
    return path


def run(*args: object) -> dict:
    result = CliRunner().invoke(
        cli, ["evaluate", *map(str, args), "--json"], catch_exceptions=False
    )
    assert 0 == result.exit_code, result.output
    return json.loads(result.output.splitlines()[-1])


def test_a_hall_is_judged_as_if_live(scenario: Path, tmp_path: Path) -> None:
    """A stopped pump is found within seconds, before harm, once; what begins later is not asked for."""
    out = run("twin", "--scenario", scenario, "--out", tmp_path / "out")
    assert (1, 1, 1.0, 0) == (
        out["n"],
        out["found"],
        out["cause_correct_ratio"],
        out["false_pages"],
    )
    assert 0 < out["delay_p90_s"] <= 5.0
    assert {"pump-stop"} == set(out["kinds"])
    assert 12 == len(out["parameters_sha"])
    assert pytest.approx(128 * 90 / 86400, abs=1e-3) == out["gpu_days"]
    lines = (tmp_path / "out" / "matching.jsonl").read_text().splitlines()
    assert ["pump-stop"] == [json.loads(line)["said"]["kind"] for line in lines]
    assert (tmp_path / "out" / "incidents.jsonl").read_text()


def test_its_recording_gives_the_same(scenario: Path, tmp_path: Path) -> None:
    """Written down and read again, the same figures; what it lacks is named."""
    folder = tmp_path / "recording"
    CliRunner().invoke(
        cli, ["twin", "record", str(scenario), "--out", str(folder)], catch_exceptions=False
    )
    live, again = run("twin", "--scenario", scenario), run("recording", folder)
    told = ("n", "found", "delay_p50_s", "false_pages", "gpu_days", "parameters_sha")
    assert {k: live[k] for k in told} == {k: again[k] for k in told}
    assert "conductivity_us_cm" in again["missing"]["cdu"]


H200 = Path(__file__).parents[1] / "recordings/h200"


def test_a_fault_put_into_a_real_gpu_is_found(tmp_path: Path) -> None:
    """A third more thermal resistance: a ticket with the right cause; `--out` has what was put in."""
    out = run("recording", H200, "--inject", "cold-plate:1.3@150", "--out", tmp_path / "out")
    assert (1, 1, 1.0, 0) == (
        out["n"],
        out["found"],
        out["cause_correct_ratio"],
        out["false_pages"],
    )
    line = json.loads((tmp_path / "out" / "matching.jsonl").read_text())
    assert ("cold-plate-fouling", "rack-0000/node-0/gpu-0") == (line["label"]["kind"], line["label"]["cause"])  # fmt: skip
    assert 1_800_000_150_000 == line["label"]["onset_ms"]


def test_a_healthy_real_gpu_is_never_paged() -> None:
    """Nor is anything found in it, from whichever place of the recording on."""
    out = run("recording", H200, "--runs", 2, "--seconds", 150)
    assert (0, 0) == (out["n"], out["false_pages"])
    assert pytest.approx(2 * 150 / 86400, abs=1e-4) == out["gpu_days"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--inject", "pump:2@3"), "expected cold-plate"),
        (("--inject", "cold-plate:1.3@9000"), "after the end"),
        (("--inject", "cold-plate:1.3@90:rack-7"), "no GPU of this recording"),
    ],
)
def test_what_cannot_be_put_in_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """In one line, before anything is run."""
    result = CliRunner().invoke(cli, ["evaluate", "recording", str(H200), *arguments])
    assert said in str(result.exception)


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    """One line that names the file; exit code 2."""
    result = CliRunner().invoke(cli, ["evaluate", "recording", str(tmp_path)])
    assert "recording.toml" in str(result.exception)
