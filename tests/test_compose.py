"""compose.yaml: what its parts may do and know, that their commands and settings exist, and its users on a real ClickHouse.

No container was started: this machine, as most that run tests, has no engine.
"""

import re
import shlex
from contextlib import closing

import click
import pytest
import yaml
from tree import ROOT

from coldplate.console import config
from coldplate.console.main import cli
from coldplate.console.stack.cache import Cache
from coldplate.console.stack.servers import local_servers
from coldplate.console.stack.state import StateDir
from coldplate.console.stack.supervisor import Supervisor
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryRefused
from coldplate.sinks.migrate import migrate, pending
from coldplate.sinks.settings import ClickHouseSettings

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
PARTS = [name for name, of in SERVICES.items() if of["image"].startswith("coldplate:")]
SERVERS = ["kafka", "clickhouse", "grafana"]
ONCE = ["topics", "migrate", "dashboards"]
USERS = ROOT / "containers/clickhouse-users.xml"


def test_everything_is_there():
    """Three servers, what makes topics, schema and dashboards, and every part."""
    assert {*SERVERS, *ONCE, "worker", "sink", "alerter", "web", "twin"} == set(SERVICES)
    assert {*PARTS} == set(SERVICES) - {*SERVERS}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_nothing_that_it_does_not_need(name):
    """No capability, no new privilege, ports on the loopback address, logs that end, a user that is not root."""
    of = SERVICES[name]
    assert ["ALL"] == of["cap_drop"]
    assert ["no-new-privileges:true"] == of["security_opt"]
    assert [] == [port for port in of.get("ports", ()) if not port.startswith("127.0.0.1:")]
    assert {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(of) == set()
    assert of["logging"]["options"]["max-size"]
    assert of.get("user", "") != "0"
    assert not of["image"].endswith(":latest")
    assert ":" in of["image"].rpartition("/")[2]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_cannot_write_its_root(name):
    """What it must write is a volume or in memory."""
    of = SERVICES[name]
    assert of["read_only"] is True
    assert "10401:10401" == of["user"]
    assert of["tmpfs"]


def test_no_secret_stands_in_the_file():
    """Secrets are files outside of the tree, and each that a service asks for is declared."""
    declared = COMPOSE["secrets"]
    assert all(set(of) == {"file"} for of in declared.values())
    assert all(of["file"].startswith("${COLDPLATE_SECRETS:-") for of in declared.values())
    asked = {secret for of in SERVICES.values() for secret in of.get("secrets", ())}
    assert set(declared) == asked
    for name, of in SERVICES.items():
        for key, value in (of.get("environment") or {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", key):
                assert str(value).startswith("/run/secrets/"), (name, key)
                assert str(value).rpartition("/")[2] in of["secrets"]
            assert not re.search(r"://[^@/]*:[^@/]*@", str(value)), (name, key)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_command_that_exists_with_settings_that_exist(name):
    """As `coldplate` itself takes them; a typing error would only be seen when containers start."""
    of = SERVICES[name]
    command, words = cli, list(of["command"])
    while words and isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None
    command.make_context(name, words, resilient_parsing=False)
    ours = {k: str(v) for k, v in of.get("environment", {}).items() if k.startswith("COLDPLATE_")}
    known = {v for setting in config.settings() for v in setting.variables} | set(config.OTHER)
    assert set(ours) <= known
    config.load(None, ours)


@pytest.mark.parametrize("name", SERVICES)
def test_whoever_is_waited_for_says_when(name):
    """A condition of health needs a health check, and one of an end a service that ends."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_completed_successfully":
            assert other in ONCE
        else:
            assert how["condition"] == "service_healthy"
            assert SERVICES[other]["healthcheck"]["test"]
    if name in SERVERS:
        assert SERVICES[name]["healthcheck"]["test"]


def test_files_that_are_mounted_are_there():
    """Of the tree; volumes have names that are declared."""
    for name, of in SERVICES.items():
        for volume in of.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", volume).partition(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], name  # fmt: skip


def test_scripts_of_entrypoints_stop_when_a_secret_cannot_be_read(tmp_path):
    """Otherwise a user without a password would be made."""
    for name in ("clickhouse", "grafana"):
        shell, flags, script = SERVICES[name]["entrypoint"]
        assert "e" in flags
        assert not re.search(r"export \S*\$\$\(cat", script), (name, shell)
        assert shlex.split(script)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A ClickHouse that reads the users of compose.yaml beside its own; its URL without user and database."""
    for role in ("OWNER", "WRITER", "READER"):
        monkeypatch.setenv(f"COLDPLATE_{role}_PASSWORD", f"{role}-p@ss")
    state = StateDir(tmp_path / "state")
    parts, found = local_servers(state, Cache.default())
    users = state.folder("clickhouse") / "users.d"
    users.mkdir()
    # The stack's own users have these names: theirs are called otherwise here.
    (users / "compose.xml").write_text(USERS.read_text("utf-8").replace("<coldplate_", "<compose_").replace("</coldplate_", "</compose_").replace(">coldplate_reader<", ">compose_reader<"))  # fmt: skip
    with Supervisor(state, [part for part in parts if part.name == "clickhouse"]) as supervisor:
        supervisor.wait_healthy(60)
        yield found.clickhouse_owner.rpartition("@")[2].partition("/")[0]


def client(server, role):
    return closing(
        Client(ClickHouseSettings.from_url(f"clickhouse://compose_{role}:{role.upper()}-p%40ss@{server}/coldplate"))
    )  # fmt: skip


@pytest.mark.e2e
def test_each_user_of_the_history_may_what_its_part_does(server):
    """The owner migrates, the writer inserts, the reader reads; neither of these makes tables, and passwords count."""
    with client(server, "owner") as owner:
        assert migrate(owner)
    with client(server, "writer") as writer:
        assert [] == pending(writer)
        writer.execute("INSERT INTO actions (id) SELECT 'x' WHERE 0")
        with pytest.raises(HistoryRefused):
            writer.execute("CREATE TABLE mine (x UInt8) ENGINE = Memory")
    with client(server, "reader") as reader:
        assert [] == pending(reader)
        with pytest.raises(HistoryRefused):
            reader.execute("INSERT INTO actions (id) SELECT 'x' WHERE 0")
    wrong = ClickHouseSettings.from_url(f"clickhouse://compose_reader:@{server}/coldplate")
    with closing(Client(wrong)) as stranger, pytest.raises(HistoryRefused):
        stranger.execute("SELECT 1")
