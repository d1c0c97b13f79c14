"""The program takes the configuration that the chart writes, and means by it what the values mean."""

import re

import pytest
from helm.charts import RELEASES, of_kind, rendered

from coldplate.console import config
from coldplate.console.vitals.options import Local
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.cluster


def files(release, *more):
    """Part -> text of its configuration."""
    return {
        doc["metadata"]["name"].removeprefix("t-coldplate-"): doc["data"]["coldplate.toml"]
        for doc in of_kind(rendered(release, *more), "ConfigMap")
        if "coldplate.toml" in doc["data"]
    }


def loaded(tmp_path, text):
    path = tmp_path / "coldplate.toml"
    path.write_text(text)
    return config.load(str(path), {})


@pytest.mark.parametrize("release", RELEASES)
def test_every_configuration_is_one_that_the_program_takes(release, tmp_path):
    """No key is unknown and no value out of its range, for any part of any values file."""
    texts = files(release)
    assert {"agent", "worker", "sink", "web", "topics", "migrate"} <= set(texts)
    for text in texts.values():
        taken = loaded(tmp_path, text)
        assert taken.cluster
        if taken.clickhouse.url:
            assert ClickHouseSettings.from_url(taken.clickhouse.url).host


def test_values_reach_the_program(tmp_path):
    """Sizes, groups, ports and what is passed through arrive as they were meant."""
    texts = files("production", "agent.config.ticks=10", "agent.spool.sizeMiB=2048")
    agent = loaded(tmp_path, texts["agent"]).agent
    assert (10, 2 << 30, "0.0.0.0", 9401) == (agent.ticks, agent.spool.bytes_max, agent.local.address, agent.local.port)  # fmt: skip
    plant = loaded(tmp_path, texts["plant-row-a"]).agent
    assert ("plant", "row-a") == (plant.role, plant.plant.id)
    worker = loaded(tmp_path, texts["worker"]).worker
    assert Local(address="0.0.0.0", port=9464) == worker.local
    kafka = loaded(tmp_path, texts["sink"]).kafka
    assert ("SASL_SSL", "coldplate-sink", "/etc/coldplate/kafka/password") == (kafka.security_protocol, kafka.sasl_user, kafka.sasl_password_file)  # fmt: skip
    assert 30 == loaded(tmp_path, texts["migrate"]).retention.raw_days


def test_each_part_speaks_to_clickhouse_as_its_own_user(tmp_path):
    """The owner migrates, sinks write, everybody else reads; agents do not know where it is."""
    texts = files("production")
    users = {}
    for part, text in texts.items():
        url = loaded(tmp_path, text).clickhouse.url
        users[part] = re.match(r"clickhouse://([a-z_]+)@", url)[1] if url else None
    assert users == {
        "migrate": "coldplate_owner", "sink": "coldplate_writer", "worker": "coldplate_reader", "cluster-detector": None,
        "alerts": "coldplate_reader", "web": "coldplate_reader", "topics": None,
        "agent": None, "plant-row-a": None, "plant-row-b": None,
    }  # fmt: skip


def test_each_part_has_its_own_name_in_kafka(tmp_path):
    """What one part may, another cannot do with its name."""
    names = [loaded(tmp_path, text).kafka.sasl_user for text in files("production").values()]
    names = [name for name in names if name]
    assert {"coldplate-agent", "coldplate-plant", "coldplate-worker", "coldplate-cluster", "coldplate-sink", "coldplate-alerts", "coldplate-topics"} == set(names)  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
def test_files_that_are_named_are_mounted(release):
    """Every path in a part's configuration lies in a folder that its pods mount."""
    docs, texts = rendered(release), files(release)
    for doc in of_kind(docs, "DaemonSet", "Deployment", "StatefulSet", "Job"):
        name = doc["metadata"]["name"].removeprefix("t-coldplate-")
        text = texts.get(re.sub(r"-\d+$", "", name))
        if text is None:
            continue
        (container,) = doc["spec"]["template"]["spec"]["containers"]
        mounts = [m["mountPath"] for m in container["volumeMounts"]]
        paths = re.findall(r'["=](/(?:etc|var)/[^"&]+)', text)
        assert [] == [p for p in paths if not any(p.startswith(m) for m in mounts)], name


@pytest.mark.parametrize("release", RELEASES)
def test_a_part_may_reach_the_servers_that_it_is_given_and_no_others(release, tmp_path):
    """The flows to Kafka and ClickHouse are those of the parts whose configuration names them."""
    flows = {p["metadata"]["name"].removeprefix("t-coldplate-") for p in of_kind(rendered(release), "NetworkPolicy")}  # fmt: skip
    for part, text in files(release).items():
        taken = loaded(tmp_path, text)
        assert bool(taken.kafka.brokers) == (f"{part}-to-kafka" in flows), part
        assert bool(taken.clickhouse.url) == (f"{part}-to-clickhouse" in flows), part
