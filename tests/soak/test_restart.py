"""A worker that is ended and killed while incidents are open: the next one goes on with them, under the same ids."""

import os
import signal

import pytest
from e2e.chains import running

from coldplate.console.stack.part import Status

pytestmark = pytest.mark.e2e

CDU, GPU, NODE, OTHER_GPU = (
    "rack-0000/cdu", "rack-0001/node-2/gpu-3", "rack-0001/node-5", "rack-0001/node-0/gpu-1",
)  # fmt: skip
PUMP_ENDS_S, PLATE_ENDS_S, NODE_ENDS_S = 70.0, 68.0, 72.0

SCENARIO = f"""
racks = 2
supply_c = 40.0

[[faults]]
kind = "silent-node"
subject = "{NODE}"
at_s = 25.0
end_s = {NODE_ENDS_S}

[[faults]]
kind = "pump-stop"
subject = "{CDU}"
at_s = 30.0
end_s = {PUMP_ENDS_S}
spare_ratio = 0.3

[[faults]]
kind = "cold-plate-fouling"
subject = "{GPU}"
at_s = 30.0
end_s = {PLATE_ENDS_S}
severity = 1.0
ramp_s = 5.0
recovery_s = 2.0

[[faults]]
kind = "xid"
subject = "{OTHER_GPU}"
at_s = 32.0
code = 31
"""
FAULTS = {
    "pump-stop": CDU, "cold-plate-fouling": GPU, "silent-node": NODE, "xid-31": OTHER_GPU,
}  # fmt: skip


def test_incidents_outlive_the_worker_that_opened_them(tmp_path, monkeypatch):
    """What was learnt is taken over; nothing closes while it is wrong, opens anew or comes twice; all close after it."""
    file = tmp_path / "faults.toml"
    file.write_text(SCENARIO)
    with running(tmp_path / "state", str(file), 130, monkeypatch) as live:

        def incidents():
            # A ticket about something unusual may come beside a fault; what pages may not.
            return live.ask(
                "SELECT id, state, kind, subject FROM incidents_now WHERE kind != 'unknown'"
            )

        def ids():
            return {(kind, subject, id_) for id_, _, kind, subject in incidents()}

        def closed():
            return {kind for _, state, kind, _ in incidents() if state == "closed"}

        def restarted(how, times):
            os.kill(live.state("worker").pid, how)
            live.until(
                lambda: live.state("worker").restarts >= times, 20, "the worker to be missed"
            )
            live.until(lambda: live.state("worker").status is Status.HEALTHY, 60, "the next worker")

        # Well before the first fault: an orderly end writes down what was learnt, and the next worker knows it.
        live.until(lambda: live.stats("twin").get("ticks", 0) >= 10, 60, "ticks to learn from")
        assert 0 == live.stats("worker")["baselines_recalled"]
        restarted(signal.SIGTERM, 1)
        live.until(
            lambda: live.stats("worker")["baselines_recalled"] > 1000, 20, "it to be recalled"
        )
        learnt = "SELECT uniqExact(rack) FROM baselines_now WHERE kind = 'cdu' AND age_s > 3"
        live.until(lambda: live.ask(learnt) == [(2,)], 20, "it to be in the history")

        faults = set(FAULTS.items())
        live.until(lambda: faults == {i[:2] for i in ids()}, 60, "every incident")
        opened = ids()
        assert len(FAULTS) == len(opened)
        assert not closed()
        restarted(signal.SIGKILL, 2)
        assert live.stats("twin")["ticks"] < PLATE_ENDS_S, "too slow a machine: the faults are over"

        over = {
            "pump-stop": PUMP_ENDS_S,
            "cold-plate-fouling": PLATE_ENDS_S,
            "silent-node": NODE_ENDS_S,
        }
        live.until(lambda: closed() == set(over), 90, "them to close")
        assert opened == ids()
        started = live.stats("twin")["started_ms"]
        for kind, end_s in over.items():
            ends = live.ask(
                f"SELECT toUnixTimestamp64Milli(closed_at) FROM incidents WHERE kind = '{kind}' AND state = 'closed'"
            )
            assert [True] == [closed_ms >= started + 1000 * end_s for (closed_ms,) in ends], kind
        # One that has no end of its own: told once, and as open as before.
        assert [("open", 0)] == live.ask("SELECT state, step FROM incidents WHERE kind = 'xid-31'")
        assert [] == live.ask("SELECT id FROM incidents GROUP BY id HAVING countIf(step = 0) != 1")
