"""What single parts promise: who they are in a group, what rolls them, what hooks leave, what is watched."""

import re

import pytest
from helm.charts import RELEASES, named, of_kind, pods, rendered

from coldplate.console.vitals.told import PARTS as TOLD
from coldplate.wire.topic import Topics

pytestmark = pytest.mark.cluster
AGENTS = {
    "coldplate_records_dropped_total", "coldplate_records_spool_bytes", "coldplate_last_tick_timestamp_seconds",
    "coldplate_part_waiting", "coldplate_part_counts_age_seconds", "coldplate_part_reloads_total",
}  # fmt: skip
"""What agents tell (agents/coldplate/agents/local/page.py), and what every other part does."""


def variables(docs, kind, name):
    (container,) = named(docs, kind, name)["spec"]["template"]["spec"]["containers"]
    return {v["name"]: v for v in container["env"]}


@pytest.mark.parametrize("part", ["worker", "sink"])
def test_members_of_a_group_keep_their_names(part):
    """Static membership by the pod's name: a restart moves no partition, and at most one pod is away at a time."""
    docs = rendered("production")
    stateful = named(docs, "StatefulSet", part)
    name = variables(docs, "StatefulSet", part)[f"COLDPLATE_{part.upper()}__INSTANCE"]
    assert "metadata.name" == name["valueFrom"]["fieldRef"]["fieldPath"]
    assert {"type": "RollingUpdate"} == stateful["spec"]["updateStrategy"]


def test_a_changed_configuration_rolls_the_pods_that_have_it_and_no_others():
    """The checksum of a part's file is on its pods."""
    plain, changed = rendered("default"), rendered("default", 'sink.config={"flush_s": 10}')
    before = {who: m["annotations"]["checksum/config"] for who, m, _p in pods(plain) if "annotations" in m}  # fmt: skip
    after = {who: m["annotations"]["checksum/config"] for who, m, _p in pods(changed) if "annotations" in m}  # fmt: skip
    assert {"t-coldplate-sink"} == {who for who, sum_ in after.items() if before[who] != sum_}
    assert {"t-coldplate-agent", "t-coldplate-worker", "t-coldplate-sink", "t-coldplate-web"} == set(after)  # fmt: skip


def test_agents_are_updated_by_percentage_and_see_all_gpus_without_taking_one():
    """A tenth of the nodes at a time; the runtime shows the GPUs, and none is asked of the scheduler."""
    docs = rendered("default")
    daemons = named(docs, "DaemonSet", "agent")
    assert {"maxUnavailable": "10%"} == daemons["spec"]["updateStrategy"]["rollingUpdate"]
    pod = daemons["spec"]["template"]["spec"]
    assert "nvidia" == pod["runtimeClassName"]
    given = variables(docs, "DaemonSet", "agent")
    assert "all" == given["NVIDIA_VISIBLE_DEVICES"]["value"]
    assert "utility" == given["NVIDIA_DRIVER_CAPABILITIES"]["value"]
    assert "nvidia.com/gpu" not in str(pod["containers"][0]["resources"])


def test_an_agent_without_an_inventory_is_called_as_its_node():
    """And with one it is looked up there."""
    assert "COLDPLATE_AGENT__NODE" in variables(rendered("default"), "DaemonSet", "agent")
    assert "COLDPLATE_AGENT__NODE" not in variables(rendered("production"), "DaemonSet", "agent")


def test_an_agent_that_needs_no_folder_of_the_node_fits_the_restricted_level():
    """With emptyDir no pod of the release has a volume or a user that the Pod Security level refuses."""
    allowed = {"emptyDir", "configMap", "secret", "projected", "persistentVolumeClaim"}
    for who, _metadata, pod in pods(rendered("mtls")):
        assert pod["securityContext"]["runAsNonRoot"] is True, who
        assert set().union(*(set(v) - {"name"} for v in pod["volumes"])) <= allowed, who


def test_plants_have_a_stand_by_elsewhere_and_reach_their_controllers_alone():
    """Two pods on two nodes for each row, with Kafka, names and that row's network before them."""
    docs = rendered("production")
    for row, cidr in (("row-a", "10.30.0.0/22"), ("row-b", "10.30.4.0/22")):
        deployment = named(docs, "Deployment", f"plant-{row}")
        assert deployment["spec"]["replicas"] == 2
        (rule,) = deployment["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]  # fmt: skip
        assert "kubernetes.io/hostname" == rule["topologyKey"]
        flows = {
            p["metadata"]["name"].removeprefix(f"t-coldplate-plant-{row}-") for p in of_kind(docs, "NetworkPolicy")
            if f"-plant-{row}-" in p["metadata"]["name"]
        }  # fmt: skip
        assert {"to-dns", "to-kafka", "to-bmc", "from-prometheus"} == flows
        policy = named(docs, "NetworkPolicy", f"plant-{row}-to-bmc")
        assert [{"ipBlock": {"cidr": cidr}}] == policy["spec"]["egress"][0]["to"]


@pytest.mark.parametrize("release", RELEASES)
def test_hooks_bring_all_they_need_and_leave_nothing(release):
    """Before an installation and an upgrade; of a trial, whose servers come with it, they are jobs of the release."""
    docs = rendered(release)
    jobs = {d["metadata"]["name"]: d for d in of_kind(docs, "Job")}
    assert len(jobs) == 2
    for name, job in jobs.items():
        notes = job["metadata"].get("annotations", {})
        pod = job["spec"]["template"]["spec"]
        if release == "trial":
            assert not notes
            assert job["spec"]["ttlSecondsAfterFinished"] > 0
            continue
        assert "pre-install,pre-upgrade" == notes["helm.sh/hook"]
        assert "before-hook-creation,hook-succeeded" == notes["helm.sh/hook-delete-policy"]
        # A class or account that the release brings is not there before it.
        assert "priorityClassName" not in pod
        needs = [d for d in docs if d["metadata"]["name"].startswith(name) and d["kind"] != "Job"]
        assert {"ServiceAccount", "ConfigMap", "NetworkPolicy"} == {d["kind"] for d in needs}
        for need in needs:
            weight = need["metadata"]["annotations"]["helm.sh/hook-weight"]
            assert int(weight) < int(notes["helm.sh/hook-weight"])


def test_topics_come_before_the_schema_and_are_as_many_as_values_say():
    """What the hooks run."""
    docs = rendered("10k")
    (topics,) = named(docs, "Job", "topics")["spec"]["template"]["spec"]["containers"]
    (migrate,) = named(docs, "Job", "migrate")["spec"]["template"]["spec"]["containers"]
    assert ["topics", "create", "--partitions", "16", "--replicas", "3"] == topics["args"]
    assert ["migrate"] == migrate["args"]
    weights = [named(docs, "Job", n)["metadata"]["annotations"]["helm.sh/hook-weight"] for n in ("topics", "migrate")]  # fmt: skip
    assert weights == sorted(weights, key=int)


def test_rules_watch_what_parts_tell():
    """Every metric of ours in an alert is one that a part has; every alert has a severity, a summary and what to do."""
    (doc,) = of_kind(rendered("production"), "PrometheusRule")
    known = AGENTS | {told.name for part in TOLD.values() for told in part}
    rules = [rule for group in doc["spec"]["groups"] for rule in group["rules"]]
    assert len(rules) >= 15
    names = {m for rule in rules for m in re.findall(r"\bcoldplate_\w+", rule["expr"])}
    assert names <= known
    for rule in rules:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert {"summary", "todo"} == set(rule["annotations"])
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_every_part_with_metrics_is_found_by_its_monitor():
    """A PodMonitor for each part that the rules call by its job, on the port that its pods name."""
    docs = rendered("production")
    monitors = {m["metadata"]["name"]: m["spec"] for m in of_kind(docs, "PodMonitor")}
    parts = {"agent", "plant-row-a", "plant-row-b", "worker", "cluster-detector", "sink", "alerts"}
    assert {f"t-coldplate-{part}" for part in parts} == set(monitors)
    for name, spec in monitors.items():
        (port,) = {e["port"] for e in spec["podMetricsEndpoints"]}
        (pod,) = [p for who, _m, p in pods(docs) if who == name]
        assert port in {p["name"] for c in pod["containers"] for p in c["ports"]}


def test_dashboards_are_for_grafanas_sidecar():
    """One ConfigMap each, found by its label, in its folder; the data source has no password in it."""
    docs = rendered("production")
    boards = [d for d in of_kind(docs, "ConfigMap") if "grafana_dashboard" in d["metadata"]["labels"]]  # fmt: skip
    assert len(boards) == 8
    assert {"coldplate"} == {b["metadata"]["annotations"]["grafana_folder"] for b in boards}
    assert all(len(str(b["data"])) < 1 << 20 for b in boards)
    (source,) = [d for d in of_kind(docs, "ConfigMap") if "grafana_datasource" in d["metadata"]["labels"]]  # fmt: skip
    assert "password: ${COLDPLATE_CLICKHOUSE_PASSWORD}" in source["data"]["coldplate.yaml"]


def test_autoscaling_leaves_the_number_of_pods_to_keda_and_stays_below_the_partitions():
    """The release names no replicas then; lag is that of the part's own group on the frames."""
    docs = rendered("production")
    for part in ("worker", "sink"):
        assert "replicas" not in named(docs, "StatefulSet", part)["spec"]
        scaled = named(docs, "ScaledObject", part)["spec"]
        assert scaled["maxReplicaCount"] <= 16
        (trigger,) = scaled["triggers"]
        assert f"coldplate-{part}" == trigger["metadata"]["consumerGroup"]
        assert Topics().frames == trigger["metadata"]["topic"]


def test_certificates_take_the_place_of_passwords():
    """With SSL every client has its certificate and key mounted, and no password is named."""
    docs = rendered("mtls")
    toml = named(docs, "ConfigMap", "worker")["data"]["coldplate.toml"]
    kafka = toml.partition("[kafka]")[2]
    assert 'cert_file = "/etc/coldplate/kafka/tls.crt"' in kafka
    assert "sasl" not in kafka
    images = {c["image"] for _w, _m, p in pods(docs) for c in p["containers"]}
    assert all("@sha256:" in image for image in images)
