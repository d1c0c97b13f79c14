"""`helm install --wait` of the smallest preset on a real control plane. Nodes are played: pods are placed, started and ended, and run nothing."""

import pytest
from cluster.nodes import GPU_NODES, PLAIN_NODES

pytestmark = pytest.mark.cluster

HOOKS = ("topics", "migrate")


def test_agents_are_on_gpu_nodes_and_on_no_other(small):
    """One each, through the taint that keeps others away."""
    assert sorted(GPU_NODES) == sorted(pod["spec"]["nodeName"] for pod in small.pods("agent"))


@pytest.mark.parametrize("part", ["worker", "sink", "web"])
def test_other_parts_are_up_and_on_no_gpu_node(small, part):
    """As many as the preset says, ready, and not where GPUs are."""
    found = small.ready(part)
    assert 1 == len(found)
    assert {pod["spec"]["nodeName"] for pod in found} <= set(PLAIN_NODES)


@pytest.mark.parametrize("part", ["worker", "sink"])
def test_a_pod_is_called_what_its_membership_is_called(small, part):
    """A StatefulSet's ordinal, told to the program as the pod's own name."""
    (pod,) = small.pods(part)
    assert f"t-coldplate-{part}-0" == pod["metadata"]["name"]
    env = {e["name"]: e for e in pod["spec"]["containers"][0]["env"]}
    told = env[f"COLDPLATE_{part.upper()}__INSTANCE"]["valueFrom"]["fieldRef"]
    assert "metadata.name" == told["fieldPath"]


def test_pods_as_admitted_hold_no_token_and_preempt_nobody(small):
    """After every admission plugin: no projected token, the release's own priority, never preempting."""
    for pod in small.pods():
        names = [volume["name"] for volume in pod["spec"]["volumes"]]
        assert [] == [name for name in names if name.startswith("kube-api-access")]
        assert 100000 == pod["spec"]["priority"]
        assert "Never" == pod["spec"]["preemptionPolicy"]


def test_every_budget_knows_its_pods(small):
    """Their selectors find what they are for, and one pod may go."""
    found = {
        b["metadata"]["name"]: b["status"]
        for b in small.api.items(f"/apis/policy/v1/namespaces/{small.namespace}/poddisruptionbudgets")
    }  # fmt: skip
    assert {"t-coldplate-worker", "t-coldplate-sink", "t-coldplate-web"} == set(found)
    assert {1} == {status["expectedPods"] for status in found.values()}


def test_policies_are_there_and_select_pods_of_the_release(small):
    """Every policy that stays selects a pod that there is; nothing here enforces them."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{small.namespace}/networkpolicies"
    labels = [pod["metadata"]["labels"].items() for pod in small.pods()]
    policies = small.api.items(path)
    assert len(policies) > 10
    for policy in policies:
        wanted = policy["spec"]["podSelector"]["matchLabels"].items()
        assert any(wanted <= have for have in labels), policy["metadata"]["name"]


def test_hooks_ran_in_order_before_everything_else_and_are_gone(release):
    """Accounts and policies, then topics, then the migration, then the first workload; nothing of the hooks stays."""
    lists = {
        "accounts": f"{release.core}/serviceaccounts",
        "jobs": f"{release.batch}/jobs",
        "agents": f"{release.apps}/daemonsets",
    }
    before = {
        name: release.api.good("GET", path)["metadata"]["resourceVersion"]
        for name, path in lists.items()
    }
    release.install("64")
    seen = {name: release.api.since(path, before[name]) for name, path in lists.items()}

    def when(name, which, test):
        found = [int(o["metadata"]["resourceVersion"]) for change, o in seen[name] if o["metadata"]["name"] == which and test(change, o)]  # fmt: skip
        return found[0]

    def added(change, _object):
        return change == "ADDED"

    def complete(_change, job):
        return any(c["type"] == "Complete" for c in job["status"].get("conditions", []))

    moments = [
        when("accounts", "t-coldplate-topics", added),
        when("jobs", "t-coldplate-topics", added),
        when("jobs", "t-coldplate-topics", complete),
        when("jobs", "t-coldplate-migrate", added),
        when("jobs", "t-coldplate-migrate", complete),
        when("agents", "t-coldplate-agent", added),
    ]
    assert sorted(moments) == moments
    left = {name for _kind, name in release.objects()}
    assert set() == {f"t-coldplate-{hook}" for hook in HOOKS} & left


def test_a_trial_brings_its_servers_and_makes_topics_and_schema_with_them(release):
    """Kafka and ClickHouse claim their disks and are up; jobs of the release are done."""
    release.install("trial")
    assert [1, 1] == [len(release.ready(part)) for part in ("kafka", "clickhouse")]
    claims = release.api.items(f"{release.core}/persistentvolumeclaims")
    assert ["Bound", "Bound"] == [claim["status"]["phase"] for claim in claims]
    jobs = release.api.items(f"{release.batch}/jobs")
    assert {"t-coldplate-topics-1", "t-coldplate-migrate-1"} == {j["metadata"]["name"] for j in jobs}  # fmt: skip


def test_the_largest_example_is_installed_whole(release):
    """Every part, plant agents with stand-bys on two nodes, the alerter with its disk, operators' kinds."""
    release.install("production")
    nodes = [pod["spec"]["nodeName"] for pod in release.ready("plant-row-a")]
    assert 2 == len(set(nodes))
    assert 1 == len(release.ready("alerts"))
    kinds = {kind for kind, _name in release.objects()}
    assert {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject"} <= kinds


def test_what_cannot_work_is_refused_and_leaves_nothing(release):
    """Before anything is sent: no object, no release, no hook."""
    before = release.objects()
    said = release.helm(*release.words("install", "64", "worker.replicas=9"))
    assert said.returncode != 0
    assert "worker.replicas is 9 and topics.partitions 8" in said.stderr
    assert set() == release.objects() - before
