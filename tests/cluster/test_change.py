"""Upgrade, rollback, drain and uninstall on a real control plane. Pods run nothing here: what is seen is which of them are replaced, and when."""

import contextlib
import math
import subprocess

import pytest
from cluster.api import MERGED
from cluster.nodes import GPU_NODES, PLAIN_NODES
from helm.charts import CHART
from waiting import await_that

pytestmark = pytest.mark.cluster

HALF = 'agent.maxUnavailable="50%"'
BARE = ("topics.create=false", "migrate.enabled=false")
"""Without hooks, where they are not what is looked at: a quarter of the time."""

NEWER = 'image.tag="9.9.9"'
SLOWER_SINK = 'sink.config={"flush_s": 5}'
NEWER_AGENT = 'agent.image.tag="9.9.9"'


def test_a_changed_configuration_rolls_the_pods_that_it_concerns(release):
    """The sink's own setting replaces sinks; agents, workers and the page keep their pods."""
    release.install("64", *BARE)
    before = release.identities()
    release.upgrade("64", *BARE, SLOWER_SINK)
    after = release.identities()
    assert before.pop("sink").isdisjoint(after.pop("sink"))
    assert before == after


def test_an_upgrade_that_changes_nothing_rolls_nothing(release):
    """Hooks run again and end again; no pod is replaced."""
    release.install("64")
    before = release.identities()
    release.upgrade("64")
    assert before == release.identities()


def test_a_rollback_brings_the_former_configuration_back(release):
    """Pods are as they were before the upgrade, and no hook runs: there is no migration backwards."""
    release.install("64")
    former = [pod["metadata"]["annotations"] for pod in release.pods("sink")]
    release.upgrade("64", SLOWER_SINK)
    assert former != [pod["metadata"]["annotations"] for pod in release.pods("sink")]
    jobs = f"{release.batch}/jobs"
    version = release.api.good("GET", jobs)["metadata"]["resourceVersion"]
    said = release.helm("rollback", "t", "1", "--wait", "--timeout", "60s")
    assert said.returncode == 0, said.stderr
    assert former == [pod["metadata"]["annotations"] for pod in release.pods("sink")]
    assert [] == [o["metadata"]["name"] for change, o in release.api.since(jobs, version) if change == "ADDED"]  # fmt: skip


def test_a_newer_agent_goes_over_the_nodes_by_the_share_that_is_allowed(release):
    """Of four nodes two at a time with 50 %, and never more."""
    release.install("64", *BARE, HALF)
    release.settled()
    path = f"{release.apps}/daemonsets"
    version = release.api.good("GET", path)["metadata"]["resourceVersion"]
    release.upgrade("64", *BARE, HALF, NEWER_AGENT)
    release.settled()
    seen = [o["status"] for change, o in release.api.since(path, version) if change == "MODIFIED"]
    away = [status["desiredNumberScheduled"] - status.get("numberAvailable", 0) for status in seen]
    assert math.ceil(len(GPU_NODES) / 2) == max(away)
    images = {pod["spec"]["containers"][0]["image"] for pod in release.pods("agent")}
    assert {"coldplate-agent:9.9.9"} == images


def test_workers_that_are_scaled_by_their_lag_from_now_on_stay_as_many(release):
    """Nobody scales here: three were there, and three stay, on the upgrade that hands them over and on the next one."""
    release.install("64", *BARE, "worker.replicas=3")
    before = release.identities()["worker"]
    for _ in range(2):
        release.upgrade("64", *BARE, 'worker.autoscale={"enabled": true, "maxReplicas": 8}')
        assert before == release.identities()["worker"]


def test_a_migration_that_fails_stops_the_upgrade_before_anything_else(release):
    """Workloads stay as they were, the failed job stays to be looked at, and the next try takes its place."""
    release.install("64")
    before, pods = release.generations(), release.identities()
    # A node that there is not: so the test says how the pod ends, and when.
    nowhere = 'jobs.nodeSelector={"nowhere": "true"}'
    words = release.words("upgrade", "64", NEWER, NEWER_AGENT, nowhere, "jobs.retries=0", "topics.create=false")  # fmt: skip
    command = release.plane.helm_words("--namespace", release.namespace, *words)
    with subprocess.Popen(command, cwd=CHART, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as upgrade:  # fmt: skip
        (pod,) = await_that(lambda: release.pods("migrate"), 60, "the migration's pod")
        release.fail(pod)
        _out, said = upgrade.communicate(timeout=60)
    assert upgrade.returncode != 0
    assert "t-coldplate-migrate" in said or "BackoffLimitExceeded" in said
    assert before == release.generations()
    assert pods == release.identities()
    assert ["t-coldplate-migrate"] == [j["metadata"]["name"] for j in release.api.items(f"{release.batch}/jobs")]  # fmt: skip
    release.upgrade("64")
    assert [] == release.api.items(f"{release.batch}/jobs")


def test_a_drain_takes_one_pod_of_a_part_at_a_time(release):
    """The second is refused by the budget until the first has come back elsewhere."""
    release.install("64", *BARE, "web.replicas=2")
    budget = f"/apis/policy/v1/namespaces/{release.namespace}/poddisruptionbudgets/t-coldplate-web"
    await_that(
        lambda: release.api.good("GET", budget)["status"].get("disruptionsAllowed") == 1, 30, "the budget"
    )  # fmt: skip
    first, second = (pod["metadata"]["name"] for pod in release.pods("web"))
    for name in PLAIN_NODES:
        release.api.good("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}}, MERGED)  # fmt: skip
    try:
        assert _evicted(release, first) < 300
        assert _evicted(release, second) == 429
    finally:
        for name in PLAIN_NODES:
            release.api.good("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": None}}, MERGED)  # fmt: skip
    await_that(lambda: _evicted(release, second) < 300, 60, "the second to be let go")


@pytest.mark.parametrize("name", ["64", "trial"])
def test_nothing_stays_when_the_release_goes(release, name):
    """Of every kind that the server knows, what is there afterwards was there before."""
    before = release.objects()
    release.install(name)
    assert release.objects() - before
    assert release.helm("uninstall", "t", "--wait").returncode == 0
    assert set() == _left(release, before)


def test_the_alerters_disk_stays_and_nothing_else(release):
    """What was not sent yet outlives the release; the rest of the largest example goes."""
    before = release.objects()
    release.install("production")
    assert release.helm("uninstall", "t", "--wait").returncode == 0
    disk = {("PersistentVolumeClaim", "state-t-coldplate-alerts-0")}
    assert disk == _left(release, before, disk)


def _left(release, before, stays=frozenset()):
    """What is there and was not, when the garbage collector has had its time for all but what stays."""
    with contextlib.suppress(AssertionError):
        await_that(lambda: release.objects() - before <= stays, 45, "all of the release to be gone")
    return release.objects() - before


def _evicted(release, name):
    """Ask for it as a drain does; the answer's status."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": release.namespace}}  # fmt: skip
    return release.api.call("POST", f"{release.core}/pods/{name}/eviction", body).status
