"""The benchmark of the agent beside its peer: what it measures is of the agent alone, and it leaves nothing behind."""

import json
import subprocess
import sys

import psutil
import pytest
from tree import ROOT

from coldplate.console.benching import telegraf

RECORDING = ROOT / "tests" / "recordings" / "h200"
BENCH = (sys.executable, "-m", "coldplate.console", "bench", "agent", "--json")
KEYS = {
    "source", "gpus", "seconds", "cpu_ratio", "nvml_ratio", "rss_mb", "frame_bytes_per_s",
    "tick_jitter_p99_ms", "ticks", "missed_ticks", "import_ms", "machine", "peer",
}  # fmt: skip


@pytest.mark.e2e
def test_the_agent_is_weighed_beside_its_peer() -> None:
    """Every key, in the range of a node's agent; a peer that is not there is said; no process is left."""
    arguments = (
        "--source",
        "recorded",
        "--seconds",
        "5",
        "--recording",
        str(RECORDING),
        "--peer",
        "telegraf",
    )
    before = set(psutil.Process().children(recursive=True))
    run = subprocess.run((*BENCH, *arguments), capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stderr
    out = json.loads(run.stdout.splitlines()[-1])
    assert set() == KEYS - out.keys()
    assert ("recorded", 8, 5.0, 0) == tuple(
        out[k] for k in ("source", "gpus", "seconds", "missed_ticks")
    )
    assert 10 <= out["ticks"] <= 14
    # Generous: other tests run beside.
    assert 0.0 < out["cpu_ratio"] < 0.02
    assert 30 < out["rss_mb"] < 75
    assert 100 < out["frame_bytes_per_s"] < 600
    assert out["tick_jitter_p50_ms"] <= out["tick_jitter_p99_ms"]
    peer = out["peer"]["telegraf"]
    if telegraf.program() is None:
        assert "go install" in peer
    else:
        assert 0.0 < peer["cpu_ratio"]
        assert 0.0 < peer["bytes_per_s"]
    after = {p for p in psutil.Process().children(recursive=True) if p.is_running()}
    assert set() == after - before
