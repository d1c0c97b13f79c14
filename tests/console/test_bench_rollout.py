"""Agents, workers and sinks are restarted in turn while frames flow and pumps stop: nothing is lost, nothing is there twice."""

import subprocess
import sys

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "rollout", "--json")


def test_a_recording_that_is_none_is_refused(tmp_path):
    """Before anything is started, and it is said what was expected."""
    run = subprocess.run(
        (*BENCH, "--recording", str(tmp_path)), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert run.returncode != 0
    assert "has no trace-10hz.csv" in run.stderr
