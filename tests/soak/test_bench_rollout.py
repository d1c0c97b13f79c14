"""Agents, workers and sinks are restarted in turn while frames flow and pumps stop: nothing is lost, nothing is there twice."""

import json
import subprocess
import sys

import pytest

from coldplate.console.benching.outcome import read_ledger

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "rollout", "--json")


@pytest.mark.e2e
def test_two_restarts_lose_and_double_nothing(tmp_path):
    """An agent and a worker; each has caught up again, and both faults have one incident."""
    run = subprocess.run(
        (*BENCH, "--restarts", "2", "--out", str(tmp_path)), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert 0 == run.returncode, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert (0, 0, 0) == tuple(result[k] for k in ("lost", "duplicated", "incidents_duplicated"))
    assert {"agent", "worker"} == set(result["away_s"])
    assert result["incidents"] >= result["faults"] == 2
    assert result["max_lag_s"] > 0
    sent = [read_ledger(path) for path in (tmp_path / "run").glob("*.ledger")]
    assert result["frames"] == sum(len(seqs) for one in sent for seqs in one.values())
    # The agent that came back is another boot of the same node.
    boots = {boot for one in sent for source, boot in one if source == "agents/node-0"}
    assert 2 == len(boots)
