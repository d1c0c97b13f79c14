"""A worker that is killed while an incident is open: the next one goes on with it, under the same id."""

import os
import signal

import pytest
from e2e.chains import running

from coldplate.console.stack.part import Status

pytestmark = pytest.mark.e2e

SCENARIO = """
racks = 1
supply_c = 40.0

[[faults]]
kind = "pump-stop"
subject = "rack-0000/cdu"
at_s = 15.0
end_s = 50.0
spare_ratio = 0.3
"""


def test_an_incident_outlives_the_worker_that_opened_it(tmp_path, monkeypatch):
    """It neither closes while the pump is dead, nor comes twice; it closes when the pump is back."""
    file = tmp_path / "pump.toml"
    file.write_text(SCENARIO)
    with running(tmp_path / "state", str(file), 80, monkeypatch) as live:

        def incidents():
            return live.ask("SELECT id, state, kind, step FROM incidents_now")

        opened = live.until(lambda: [i for i in incidents() if i[1] == "open"], 60, "the incident")
        os.kill(live.state("worker").pid, signal.SIGKILL)
        live.until(lambda: live.state("worker").restarts > 0, 10, "the worker to be missed")
        live.until(lambda: live.state("worker").status is Status.HEALTHY, 60, "the next worker")
        assert live.stats("twin")["ticks"] < 50, "too slow a machine: the pump is back already"
        live.everything_stored()
        live.until(lambda: all(i[1] == "closed" for i in incidents()), 30, "its end")
        assert [(opened[0][0], "closed", "pump-stop")] == [i[:3] for i in incidents()]
        closed = live.ask("SELECT toUnixTimestamp64Milli(closed_at) FROM incidents_now")[0][0]
        started = live.stats("twin")["started_ms"]
        assert 50_000 < closed - started < 80_000
