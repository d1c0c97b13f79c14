"""The example manifests, without helm: they agree with the program and give nobody more than it needs."""

import re

import pytest
import yaml
from helm.charts import EXAMPLES
from tree import ROOT

from coldplate.console.config import Sink, Worker
from coldplate.wire.topic import Topics

STRIMZI = EXAMPLES / "strimzi"
PARTS = {"agent": "agent", "plant agents": "plant", "worker": "worker", "cluster detector": "cluster", "sink": "sink", "alerter": "alerts"}  # fmt: skip
"""As docs/component-spec.md calls them -> the user of Kafka."""

OTHERWISE = {
    ("plant", "coldplate.frames"): {"Write"}, ("plant", "coldplate.events"): {"Write"},
    # What the table of topics does not tell: the sink's own event when it falls behind, and the alerter's look at the ends.
    ("sink", "coldplate.events"): {"Write", "Read"}, ("alerts", "coldplate.frames"): set(),
    ("alerts", "coldplate.actions"): {"Write", "Read"}, ("alerts", "coldplate.incidents"): {"Write", "Read"},
}  # fmt: skip


def documents(path):
    return [doc for doc in yaml.safe_load_all(path.read_text("utf-8")) if doc]


def users():
    return {
        d["metadata"]["name"].removeprefix("coldplate-"): d["spec"]["authorization"]["acls"]
        for d in documents(STRIMZI / "users.yaml")
    }


def topic_rights(acls):
    return {
        a["resource"]["name"]: set(a["operations"])
        for a in acls
        if a["resource"]["type"] == "topic"
    }


def told():
    """(user, topic) -> operations, by the table of topics in docs/component-spec.md."""
    out = {}
    text = (ROOT / "docs/component-spec.md").read_text("utf-8")
    for topic, writes, reads in re.findall(r"^\| `(coldplate\.\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|", text, re.MULTILINE):  # fmt: skip
        for column, operation in ((writes, "Write"), (reads, "Read")):
            words = re.split(
                r"[,;:]",
                column.replace("plant agents", "plant_agents").replace(
                    "cluster detector", "cluster_detector"
                ),
            )
            for word in words:
                name = word.split()[0].replace("_", " ") if word.split() else ""
                if name in PARTS:
                    out.setdefault((PARTS[name], topic), set()).add(operation)
    return out


def test_topics_are_those_that_the_program_makes():
    """Names, partitions, how long records stay, and the broker's clock."""
    found = {
        d["metadata"]["name"]: (d["spec"]["partitions"], d["spec"]["config"])
        for d in documents(STRIMZI / "topics.yaml")
    }
    expected = {
        s.name: (
            s.partitions,
            {
                "retention.ms": s.retention_ms,
                "cleanup.policy": "delete",
                "message.timestamp.type": "LogAppendTime",
                "min.insync.replicas": 2,
            },
        )
        for s in Topics().specs(16)
    }
    assert expected == found


@pytest.mark.parametrize("user", sorted(PARTS.values()))
def test_a_user_may_what_its_part_does_and_no_more(user):
    """Rights on topics follow from who writes and reads what; to describe goes with both."""
    expected = {topic: ops for (who, topic), ops in {**told(), **OTHERWISE}.items() if who == user}
    assert expected
    # How long topics keep records is the sink's to see: it warns before they are forgotten.
    more = {"Describe", "DescribeConfigs"} if user == "sink" else {"Describe"}
    assert {t: ops | more for t, ops in expected.items()} == topic_rights(users()[user])


def test_only_the_hook_creates_and_nobody_alters_or_deletes():
    """No user of a part that runs has a right on the cluster, on all topics, or to change one."""
    for user, acls in users().items():
        operations = {op for acl in acls for op in acl["operations"]}
        more = {"topics": {"Create"}, "sink": {"DescribeConfigs"}}.get(user, set())
        assert operations <= {"Read", "Write", "Describe"} | more
        assert {"topic", "group"} >= {acl["resource"]["type"] for acl in acls}
        if user != "topics":
            assert {"literal"} == {acl["resource"]["patternType"] for acl in acls}
            assert "*" not in {acl["resource"]["name"] for acl in acls}


def test_groups_are_those_that_parts_join():
    """Workers and sinks read in their own group; the alerter may look at the workers'."""
    groups = {
        user: {a["resource"]["name"]: set(a["operations"]) for a in acls if a["resource"]["type"] == "group"}
        for user, acls in users().items()
    }  # fmt: skip
    own = {"Read", "Describe"}
    assert {Worker().group: own} == groups["worker"]
    assert {Sink().group: own} == groups["sink"]
    assert {Worker().group: {"Describe"}} == groups["alerts"]
    assert [] == [user for user in ("agent", "plant", "operator", "topics") if groups[user]]


def test_clickhouse_is_replicated_encrypted_and_lets_readers_read():
    """Two replicas of a shard and three Keepers; no password stands there, and Grafana's user changes nothing."""
    keeper, server = documents(EXAMPLES / "clickhouse/altinity.yaml")
    assert keeper["spec"]["configuration"]["clusters"][0]["layout"]["replicasCount"] == 3
    configuration = server["spec"]["configuration"]
    assert configuration["clusters"][0]["layout"]["replicasCount"] == 2
    assert 9440 == configuration["settings"]["tcp_port_secure"]
    assert 1 == configuration["profiles"]["coldplate_reader/readonly"]
    assert "coldplate_reader" == configuration["users"]["coldplate_reader/profile"]
    grants = configuration["users"]["coldplate_reader/grants/query"]
    assert [] == [g for g in grants if not g.startswith("GRANT SELECT ON ")]
    secrets = [k for k in configuration["users"] if k.endswith("/k8s_secret_password")]
    assert {"coldplate_owner", "coldplate_writer", "coldplate_reader"} == {s.split("/")[0] for s in secrets}  # fmt: skip
    assert [] == [k for k in configuration["users"] if k.endswith(("/password", "/password_sha256_hex"))]  # fmt: skip


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda p: p.name)
def test_an_example_is_yaml_and_names_fixed_versions(path):
    """Every document parses, and no image is called `latest`."""
    text = path.read_text("utf-8")
    assert documents(path)
    assert "latest" not in text
