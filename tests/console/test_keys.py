"""`coldplate keys`, and signed records through a real Kafka."""

import json
import uuid
from contextlib import closing

import pytest
from click.testing import CliRunner
from frames import record_bytes
from waiting import await_that

from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.keys import seals_of
from coldplate.console.main import cli
from coldplate.console.sending import publisher_of
from coldplate.sinks.consumer import KafkaReader
from coldplate.sinks.settings import ClickHouseSettings, SinkSettings
from coldplate.wire.errors import WireError
from coldplate.wire.frame import decode_frame
from coldplate.wire.inventory import generate, save_csv
from coldplate.wire.metric import Kind
from coldplate.wire.topic import Topics

NODE, OTHER = "rack-0000/node-0", "rack-0000/node-1"


def keys(*words, **environ):
    return CliRunner(env=environ).invoke(cli, ["keys", *words], catch_exceptions=True)


@pytest.fixture
def cluster_key(tmp_path):
    """A file with a new key."""
    made = keys("new")
    assert 0 == made.exit_code
    (tmp_path / "cluster.key").write_text(made.stdout)
    return tmp_path / "cluster.key"


def test_keys_of_sources_follow_from_the_clusters(cluster_key, tmp_path):
    """The same each time, of names or of an inventory's nodes and coolant units."""
    environ = {"COLDPLATE_SIGNING__CLUSTER_KEY_FILE": str(cluster_key)}
    one = keys("derive", NODE, **environ)
    assert 0 == one.exit_code, one.output
    save_csv(generate(1, 2, 1), tmp_path / "inventory.csv")
    told = keys("derive", "--inventory", str(tmp_path / "inventory.csv"), "--json", **environ)
    found = json.loads(told.stdout.splitlines()[-1])["keys"]
    assert {NODE, OTHER, "rack-0000/cdu"} == found.keys()
    assert f"{NODE} {found[NODE]}" == one.stdout.strip()


def test_what_is_missing_is_said(cluster_key):
    """No key, nobody named, and a file that holds something else."""
    assert "coldplate keys new > FILE" in str(keys("derive", NODE).exception)
    environ = {"COLDPLATE_SIGNING__CLUSTER_KEY_FILE": str(cluster_key)}
    assert "of whom?" in str(keys("derive", **environ).exception)
    secret = cluster_key.read_text().strip()[:-1]
    cluster_key.write_text(secret)
    failed = keys("derive", NODE, **environ).exception
    assert isinstance(failed, Failure)
    assert "expected 64 hexadecimal digits" in str(failed)
    assert secret[:8] not in str(failed)


def test_a_frame_is_its_sources_own_through_kafka(
    cluster_key, tmp_path, monkeypatch, kafka_bootstrap
):
    """What the publisher signs the reader believes; what it sends in another's name is refused."""
    prefix = f"t{uuid.uuid4().hex[:8]}"
    (tmp_path / "node.keys").write_text(
        keys("derive", NODE, COLDPLATE_SIGNING__CLUSTER_KEY_FILE=str(cluster_key)).stdout
    )
    for name, value in (("KAFKA", kafka_bootstrap), ("TOPIC_PREFIX", prefix)):
        monkeypatch.setenv(f"COLDPLATE_{name}", value)
    assert 0 == CliRunner().invoke(cli, ["topics", "create", "--partitions", "1"]).exit_code
    topics = Topics(prefix)
    with monkeypatch.context() as agent:
        agent.setenv("COLDPLATE_SIGNING__KEYS_FILE", str(tmp_path / "node.keys"))
        publisher = publisher_of(Context())
    for source in (NODE, OTHER):
        value = record_bytes(
            source,
            "rack-0000",
            1_790_000_000,
            1,
            {Kind.GPU: ((f"{source}/gpu-0",), {"gpu_c": 50.0})},
        )
        publisher.publish(topics.frames, b"rack-0000", value)
    assert 0 == publisher.flush(30)
    publisher.close(5)
    monkeypatch.setenv("COLDPLATE_SIGNING__CLUSTER_KEY_FILE", str(cluster_key))
    monkeypatch.setenv("COLDPLATE_SIGNING__UNSIGNED", "refuse")
    seals = seals_of(Context())
    reader = KafkaReader(
        SinkSettings(
            (kafka_bootstrap,),
            "test",
            ClickHouseSettings("h", 1, "d", "u", "p"),
            topics=topics,
            group=prefix,
        )
    )
    got = []
    with closing(reader):
        await_that(lambda: got.extend(reader.poll(0.2)) or len(got) >= 2, 30, "two frames")
    said = {}
    for record in got:
        source = decode_frame(record.value).head.source
        try:
            seals.check(source, record.value, record.signature)
            said[source] = ""
        except WireError as error:
            said[source] = error.reason.value
    assert {NODE: "", OTHER: "not-signed"} == said
