"""Two workers and a cluster detector: what each sees of a hall without water is one incident, whoever is killed meanwhile."""

import time

import pytest
from e2e.chains import running

from coldplate.console.chain import CLUSTER_DETECTOR
from coldplate.console.stack.part import Status

pytestmark = pytest.mark.e2e

WATER_ENDS_S = 55.0
SCENARIO = f"""
racks = 4
supply_c = 40.0

[[faults]]
kind = "facility-water-loss"
subject = "hall"
at_s = 20.0
end_s = {WATER_ENDS_S}
severity = 1.0
"""


def test_a_hall_without_water_is_one_incident_of_two_workers(tmp_path, monkeypatch):
    """The cluster detector is killed while it is open, and one of the workers: it closes under the id that it opened with.

    Whom nobody killed works on, also when Kafka was away; and nobody is told to be silent because his worker changed.
    """
    file = tmp_path / "faults.toml"
    file.write_text(SCENARIO)
    with running(tmp_path / "state", str(file), 110, monkeypatch, workers=2) as live:

        def incidents():
            return live.ask(
                "SELECT id, state, kind, subject FROM incidents_now WHERE kind != 'unknown'"
            )

        def shared():
            return {live.stats(n)["partitions"] for n in ("worker", "worker-2")} == {2}

        for name in ("worker", "worker-2", CLUSTER_DETECTOR):
            live.until(lambda n=name: live.state(n).status is Status.HEALTHY, 30, f"the {name}")
        live.until(shared, 15, "both workers to have partitions")
        joined = live.until(
            lambda: live.stats(CLUSTER_DETECTOR).get("joined"), 60, "both to find it"
        )
        assert 1 == joined
        live.until(incidents, 20, "it to be in the history")
        opened = {i[0] for i in incidents()}
        assert 1 == len(opened)
        live.kill(CLUSTER_DETECTOR)
        live.kill("worker-2")
        live.until(lambda: {i[1] for i in incidents()} == {"closed"}, 110, "it to close")
        assert opened == {i[0] for i in incidents()}
        assert [] == live.ask("SELECT id FROM incidents GROUP BY id HAVING countIf(step = 0) != 1")
        live.kill("kafka")
        back_s = time.time()
        live.until(
            lambda: (
                (stats := live.stats(CLUSTER_DETECTOR)).get("at_work") and stats["at"] > back_s + 5
            ),
            60,
            "it to be at work again",
        )
        assert [1, 0, 1] == [
            live.state(name).restarts for name in (CLUSTER_DETECTOR, "worker", "worker-2")
        ]
