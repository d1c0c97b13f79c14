"""The benchmark of the pipeline, stopped in the middle: it leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import await_that

from coldplate.console.running import read_stats
from coldplate.console.stack.record import StackRecord

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "pipeline", "--json")
PROCESSES = {"producer", "kafka", "worker", "sink", "clickhouse"}


@pytest.mark.e2e
def test_a_stop_signal_ends_everything(tmp_path: Path) -> None:
    """Ctrl-C while it runs: exit status 130, no traceback, no process left."""
    state = tmp_path / "s"
    with subprocess.Popen(
        (*BENCH, "--gpus", "8", "--seconds", "600", "--state", str(state)),
        stderr=subprocess.PIPE, text=True,
    ) as run:  # fmt: skip
        counts = state / "run" / "producer.json"
        await_that(lambda: read_stats(counts).get("sent"), 120, "frames to be sent")
        os.kill(run.pid, signal.SIGINT)
        said = run.communicate(timeout=60)[1]
    assert 130 == run.returncode, said
    assert "Traceback" not in said
    parts = StackRecord.read(state / "stack.json").parts
    assert PROCESSES < {part.name for part in parts}
    assert {None} == {part.pid for part in parts}
