"""Configuration: what wins, what is refused, and in which words."""

import logging
import os

import pytest

from coldplate.console.config import MEANINGS, Config, load, rotating, secret, settings
from coldplate.console.context import Context
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.wire.secret import now


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "coldplate.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def test_without_file_and_environment_there_are_defaults(tmp_path, monkeypatch):
    """Nothing has to be configured."""
    monkeypatch.chdir(tmp_path)
    assert Config() == load(None, {})


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(file):
    """Each value comes from the last that names it."""
    path = file('cluster = "hall-1"\n[agent]\nticks = 10\ntick_ms = 500\n')
    found = load(path, {"COLDPLATE_AGENT__TICKS": "20"})
    assert ("hall-1", 20, 500) == (found.cluster, found.agent.ticks, found.agent.tick_ms)
    assert Config().sink == found.sink


def test_a_file_in_the_current_folder_is_read(file, tmp_path, monkeypatch):
    """`./coldplate.toml` needs no option."""
    file('cluster = "here"\n')
    monkeypatch.chdir(tmp_path)
    assert "here" == load(None, {}).cluster


def test_the_two_short_names(file):
    """Kafka and ClickHouse have names that one can remember; the long one of the same key wins."""
    short = {"COLDPLATE_KAFKA": "a:1", "COLDPLATE_CLICKHOUSE": "clickhouse://b"}
    found = load(file('[kafka]\nsasl_user = "ann"\n'), short)
    assert ("a:1", "clickhouse://b") == (found.kafka.brokers, found.clickhouse.url)
    assert "ann" == found.kafka.sasl_user
    assert "c:2" == load(file(""), {**short, "COLDPLATE_KAFKA__BROKERS": "c:2"}).kafka.brokers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cluster =\n", ["coldplate.toml", "line 1"]),
        ("cluster = 3", ["coldplate.toml", "$.cluster", "str"]),
        ("[kafka]\nbroker = 'a:1'", ["coldplate.toml", "broker", "docs/config.md"]),
        ("[kafka]\ncompression = 'gzip'", ["coldplate.toml", "gzip", "$.kafka.compression"]),
        ("[agent]\nticks = 'many'", ["coldplate.toml", "$.agent.ticks", "int"]),
        ("[nonsense]\n", ["coldplate.toml", "nonsense"]),
        ("[agent]\ntick_ms = 50", ["coldplate.toml", "$.agent.tick_ms", ">= 100"]),
        ("[agent]\nticks = 61", ["coldplate.toml", "$.agent.ticks", "<= 60"]),
        ("[agent]\nrole = 'spy'", ["coldplate.toml", "$.agent.role", "spy"]),
        ("[agent.local]\nport = 65536", ["coldplate.toml", "$.agent.local.port", "65535"]),
        ("[agent.nvml]\nslow = 5", ["coldplate.toml", "$.agent.nvml", "slow"]),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(file, text, words):
    """The message names the file, the key and what is expected; wrong input exits with 2."""
    with pytest.raises(Failure) as refused:
        load(file(text), {})
    assert BAD_INPUT == refused.value.exit_code
    assert [] == [word for word in words if word not in str(refused.value)]


@pytest.mark.parametrize(
    "environ",
    [
        {"COLDPLATE_AGENT__TICKS": "many"},
        {"COLDPLATE_KAFKA__BROKER": "a:1"},
        {"COLDPLATE_AGENT": "1"},
        {"COLDPLATE_CLUSTER__NAME": "a"},
        {"COLDPLATE_AGENT": "1", "COLDPLATE_AGENT__TICKS": "5"},
        {"COLDPLATE_AGENT__LOCAL": "1", "COLDPLATE_AGENT__LOCAL__PORT": "5"},
        {"COLDPLATE_AGENT__LOCAL__PORT": "many"},
        {"COLDPLATE_AGENT__NVML__SLOW__TICKS": "5"},
        {"COLDPLATE_AGENT__REDFISH__MODULES": "{gpu-0 = }"},
    ],
)
def test_a_wrong_variable_is_refused(file, environ):
    """As a wrong file is, though it says the environment."""
    with pytest.raises(Failure, match="environment") as refused:
        load(file('cluster = "hall-1"\n'), environ)
    assert BAD_INPUT == refused.value.exit_code


def test_a_section_in_a_section_is_reached_by_the_environment(file):
    """Two underscores between each two words; lists and tables in TOML's notation."""
    environ = {
        "COLDPLATE_AGENT__NVML__SLOW_TICKS": "20",
        "COLDPLATE_AGENT__REDFISH__MODULES": '{gpu-0 = "GPU_SXM_4"}',
    }
    found = load(file("[agent.nvml]\nslow_ticks = 30\npoll_hz = 10\n"), environ).agent
    assert (20, 10.0) == (found.nvml.slow_ticks, found.nvml.poll_hz)
    assert {"gpu-0": "GPU_SXM_4"} == found.redfish.modules


def test_every_setting_is_listed_with_a_meaning():
    """With its variables, sections within sections included; no meaning is left of a key that is gone."""
    found = {setting.key: setting for setting in settings()}
    assert MEANINGS.keys() == found.keys()
    port = found["agent.local.port"]
    assert (("COLDPLATE_AGENT__LOCAL__PORT",), 9401) == (port.variables, port.default)
    assert "COLDPLATE_KAFKA" == found["kafka.brokers"].variables[1]


def test_somebody_elses_variable_is_named_and_left(file, caplog):
    """A variable that only begins alike does not stop anything."""
    with caplog.at_level(logging.WARNING):
        assert Config() == load(file(""), {"COLDPLATE_NONSENSE": "1", "COLDPLATE_STATE": "x"})
    assert ["COLDPLATE_NONSENSE"] == [record.args[0] for record in caplog.records]


def test_a_file_that_is_not_there_is_named(tmp_path):
    """One that was asked for must be there."""
    with pytest.raises(Failure, match=r"nowhere\.toml"):
        load(str(tmp_path / "nowhere.toml"), {})


def test_a_secret_comes_from_its_file_alone(tmp_path):
    """Without the line's end; none named is none; one that cannot be read is wrong input."""
    path = tmp_path / "password"
    path.write_text("hush\n")
    assert ("hush", "") == (secret(str(path)), secret(""))
    path.write_bytes(b"\xff\xfe")
    for unreadable in (path, tmp_path / "nowhere", tmp_path):
        with pytest.raises(Failure, match="secret file") as refused:
            secret(str(unreadable))
        assert BAD_INPUT == refused.value.exit_code


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("clickhouse://ann@db:9001/hall?secure=1", "p@ss"),
        ("clickhouse://db/hall", "p@ss"),
        ("clickhouse://ann:own@db/hall", "own"),
    ],
)
def test_a_password_of_a_file_is_taken_where_the_url_has_none(tmp_path, monkeypatch, url, expected):
    """One in the URL wins; it is what the file has now, and is not shown."""
    path = tmp_path / "password"
    path.write_text("p@ss\n")
    monkeypatch.setenv("COLDPLATE_CONFIG", os.devnull)
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE", url)
    monkeypatch.setenv("COLDPLATE_CLICKHOUSE__PASSWORD_FILE", str(path))
    found = Context(os.devnull).clickhouse("reader")
    assert expected == now(found.password)
    path.write_text("n3xt")
    assert ("n3xt" if expected == "p@ss" else expected) == now(found.password)
    assert "p@ss" not in repr(found)


def test_a_password_file_that_is_empty_is_refused(tmp_path):
    """It would be a login without a password; none named is none."""
    path = tmp_path / "password"
    path.write_text(" \n")
    with pytest.raises(Failure, match="is empty"):
        rotating(str(path))
    assert "" == rotating("")
