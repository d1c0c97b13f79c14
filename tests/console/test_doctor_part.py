"""`coldplate doctor --part`: what a part finds where it runs, on the real servers, and with what is wrong there."""

import json
import socket
import time
from contextlib import closing
from functools import partial
from importlib import import_module
from uuid import uuid4

import pytest
from sinks.servers import database

from coldplate.agents.publisher import KafkaPublisher
from coldplate.agents.settings import KafkaSettings
from coldplate.agents.topics import create_topics
from coldplate.console import checkup_part
from coldplate.console.checkup_part import PARTS
from coldplate.console.context import Context
from coldplate.console.vitals.options import Local
from coldplate.console.vitals.part import Vitals
from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate
from coldplate.wire.topic import Topics

NOBODY = "127.0.0.1:9"


def told(ran, code):
    assert (code, "") == (ran.returncode, ran.stderr), ran.stdout
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["ok"] is (code == 0)
    assert [] == [c for c in found["checks"] if not c["ok"] and not c["todo"]]
    return {check["name"]: check for check in found["checks"]}


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return probe.getsockname()[1]


def test_the_command_offers_every_part():
    """The option's words are those of the checks."""
    assert import_module("coldplate.console.commands.doctor").PARTS == tuple(PARTS)


@pytest.mark.e2e
def test_a_part_sees_topics_and_schema_come(run, kafka_bootstrap, clickhouse_url, tmp_path):
    """Each is missing with what to do about it, then there; the group's lag and the part's own word stand beside."""
    with database(clickhouse_url) as settings:
        url = clickhouse_url.rpartition("/")[0] + f"/{settings.database}"
        prefix, port = f"t{uuid4().hex[:8]}", free_port()
        environ = {
            "COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_CLICKHOUSE": url, "COLDPLATE_TOPIC_PREFIX": prefix,
            "COLDPLATE_SINK__LOCAL__PORT": str(port), "COLDPLATE_SINK__GROUP": f"g{prefix}",
        }  # fmt: skip
        checks = told(run("doctor", "--part", "sink", "--json", **environ), 1)
        assert checks["kafka"]["ok"]
        assert "coldplate topics create" == checks[f"topic {prefix}.frames"]["todo"]
        assert "coldplate migrate" == checks["schema"]["todo"]
        assert "nobody answers" in checks["the sink itself"]["found"]
        run("topics", "create", "--partitions", 2, **environ)
        run("migrate", **environ)
        with Vitals("sink", Local(port=port)) as vitals:
            vitals.take({"waiting_for": "ClickHouse"})
            checks = told(run("doctor", "--part", "sink", "--json", **environ), 1)
            assert ["the sink itself"] == [name for name, c in checks.items() if not c["ok"]]
            assert "waits for ClickHouse" in checks["the sink itself"]["found"]
            vitals.take({"waiting_for": ""})
            checks = told(run("doctor", "--part", "sink", "--json", **environ), 0)
            assert "nothing was stored" in checks["newest stored"]["found"]
            with Client(settings) as client:
                for age_s, code in ((900, 1), (5, 0)):
                    now_ms = int(time.time() * 1000)
                    frame = {"source": ["n"], "t": [now_ms - 1000 * age_s], "appended_at": [now_ms]}
                    client.insert("frames", frame, None)
                    checks = told(run("doctor", "--part", "sink", "--json", **environ), code)
                    assert age_s <= int(checks["newest stored"]["found"].split()[0]) < age_s + 60
    assert "2 partitions" == checks[f"topic {prefix}.frames"]["found"]
    assert checks[f"lag of group g{prefix}"]["found"].startswith("0 records")
    assert "up to date" == checks["schema"]["found"]
    # The sink has no right to rejects, and does not ask for them.
    assert Topics(prefix).rejects not in " ".join(checks)


@pytest.mark.e2e
def test_nothing_stored_is_a_fault_where_kafka_has_something(
    monkeypatch, kafka_bootstrap, clickhouse_url
):
    """An idle hall is none; nor is one that has just begun; nor is Kafka's absence, which is told beside it."""
    prefix = f"t{uuid4().hex[:8]}"
    monkeypatch.setenv("COLDPLATE_KAFKA", kafka_bootstrap)
    monkeypatch.setenv("COLDPLATE_TOPIC_PREFIX", prefix)
    context, settings = Context(), KafkaSettings(kafka_bootstrap)
    with database(clickhouse_url) as history, Client(history) as client:
        migrate(client)
        look = partial(checkup_part._stored, context, client)
        assert look().ok
        create_topics(settings, Topics(prefix).specs(2))
        assert look().ok
        assert "no frame that waits" in look().found
        publisher = KafkaPublisher(settings)
        publisher.publish(Topics(prefix).frames, b"rack-1", b"a frame")
        assert 0 == publisher.flush(10)
        publisher.close(1.0)
        found = look()
        assert found.ok
        assert "frames came to Kafka" in found.found
        monkeypatch.setattr(checkup_part, "UNSTORED_S", 0)
        found = look()
        assert not found.ok
        assert "though Kafka has frames of 0 s ago" in found.found
        assert "whether a sink runs" in found.todo


def test_what_is_away_or_missing_is_told_with_its_place(run, tmp_path):
    """Nobody answers, a secret is not there, the disk is too small: each its own line, none the end of the others."""
    checks = told(run("doctor", "--part", "worker", "--json", COLDPLATE_KAFKA=NOBODY), 1)
    assert ["kafka"] == [name for name, check in checks.items() if not check["ok"]]
    # A worker without a history learns anew; that is no fault.
    assert "runs without" in checks["clickhouse"]["found"]
    away = {"COLDPLATE_CLICKHOUSE": f"clickhouse://a@{NOBODY}/b"}
    checks = told(run("doctor", "--part", "web", "--json", **away), 1)
    assert NOBODY in checks["clickhouse"]["found"]
    environ = {
        "COLDPLATE_KAFKA": NOBODY, "COLDPLATE_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "COLDPLATE_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "none"), "COLDPLATE_AGENT__LOCAL__PORT": "0",
        "COLDPLATE_AGENT__STATE_DIR": str(tmp_path), "COLDPLATE_AGENT__SPOOL__BYTES_MAX": str(10**18),
    }  # fmt: skip
    checks = told(run("doctor", "--part", "agent", "--json", **environ), 1)
    assert str(tmp_path / "none") in checks["kafka"]["found"]
    assert "make room" in checks["spool"]["todo"]


def test_a_wrong_configuration_is_one_finding(run):
    """The others say that they cannot look, and the command ends as always."""
    ran = run("doctor", "--part", "web", "--json", COLDPLATE_WEB__PORT="many")
    found = json.loads(ran.stdout.splitlines()[-1])
    assert 1 == ran.returncode
    (wrong,) = [c for c in found["checks"] if c["name"] == "configuration"]
    assert "web.port" in wrong["found"]


@pytest.mark.e2e
def test_other_servers_need_no_local_stack(run, kafka_bootstrap, clickhouse_url):
    """Where both are named nobody asks for Java, free ports, or room for downloads."""
    environ = {"COLDPLATE_KAFKA": kafka_bootstrap, "COLDPLATE_CLICKHOUSE": clickhouse_url}
    checks = told(run("doctor", "--json", **environ), 0)
    assert {"kafka", "clickhouse", "clock", "configuration"} <= set(checks)
    assert {"java", "disk of state folder", "port 9092 (kafka)"} & set(checks) == set()
