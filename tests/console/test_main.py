"""How the command ends: exit codes, one line for what went wrong, one line of JSON for programs."""

import json
from importlib.metadata import version

import pytest

from coldplate.console.main import COMMANDS

NOBODY = "127.0.0.1:1"


def one_line(ran):
    """The error as its only line, from the command itself and without a traceback."""
    lines = ran.stderr.splitlines()
    assert 1 == len(lines), ran.stderr
    assert lines[0].startswith("coldplate: ")
    return lines[0]


def test_help_names_every_command(run):
    """With a line of what it does."""
    ran = run("--help")
    assert (0, "") == (ran.returncode, ran.stderr)
    told = [line.split()[0] for line in ran.stdout.splitlines() if line.startswith("  ")]
    assert [] == [name for name in COMMANDS if name not in told]


def test_the_version_is_the_packages(run):
    """What a report of a bug needs."""
    assert f"coldplate {version('coldplate')}\n" == run("--version").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["statuss"], "no command is called 'statuss'. Did you mean status?"),
        (["nonsense"], "no command is called 'nonsense'."),
        (["status", "--wrong"], "No such option: --wrong"),
        (["inventory", "generate", "x.csv", "--racks", "0"], "'--racks'"),
        (["inventory", "nonsense"], "nonsense"),
        (["agent", "--recording", "nowhere"], "nowhere"),
    ],
)
def test_a_wrong_command_line_exits_with_2(run, words, told):
    """It says what is wrong and how to get help, and prints nothing else."""
    ran = run(*words)
    assert (2, "") == (ran.returncode, ran.stdout)
    assert ran.stderr.startswith("Usage: coldplate ")
    assert told in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["inventory", "check"], "no inventory is named"),
        (["inventory", "check", "nowhere.csv"], "nowhere.csv"),
        (["inventory", "generate", "nowhere/x.csv"], "nowhere/x.csv"),
        (["--config", "nowhere.toml", "topics", "show"], "nowhere.toml"),
        (["twin", "run", "nosuch"], "no scenario is called 'nosuch'"),
        (["agent", "--recording", "."], "trace-10hz.csv"),
    ],
)
def test_wrong_input_exits_with_2(run, words, told):
    """One line that names the file or the word."""
    ran = run(*words)
    assert 2 == ran.returncode
    assert told in one_line(ran)


@pytest.mark.parametrize(
    ("words", "service"),
    [
        (["topics", "create"], "Kafka"),
        (["worker"], "Kafka"),
        (["sink"], "Kafka"),
        (["twin", "run"], "Kafka"),
        (["sql", "SELECT 1"], "ClickHouse"),
        (["incidents"], "ClickHouse"),
        (["migrate"], "ClickHouse"),
    ],
)
def test_a_service_that_nobody_named_exits_with_3(run, words, service):
    """One line that says how to name one, and how to start one."""
    ran = run(*words)
    assert (3, "") == (ran.returncode, ran.stdout)
    line = one_line(ran)
    assert line.startswith(f"coldplate: no {service} is named: set COLDPLATE_{service.upper()}=")
    assert "`coldplate up`" in line


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["sql", "SELECT 1"], {"COLDPLATE_CLICKHOUSE": f"clickhouse://ann:hush@{NOBODY}/hall"}),
        (["migrate"], {"COLDPLATE_CLICKHOUSE": f"clickhouse://ann:hush@{NOBODY}/hall"}),
        (["topics", "create"], {"COLDPLATE_KAFKA": NOBODY}),
    ],
)
def test_a_service_that_is_away_exits_with_3(run, words, environ):
    """One line with its address and without its password; the driver's own words stay inside."""
    ran = run(*words, **environ)
    assert 3 == ran.returncode
    line = one_line(ran)
    assert NOBODY in line
    assert "hush" not in line


def test_a_bad_url_exits_with_2_and_without_its_password(run):
    """The setting is named, its secret is not."""
    ran = run("sql", "SELECT 1", COLDPLATE_CLICKHOUSE="http://ann:hush@db")
    assert 2 == ran.returncode
    line = one_line(ran)
    assert "clickhouse.url" in line
    assert "hush" not in line


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status"], 1),
        (["doctor"], 1),
        (["topics", "show"], 0),
        (["twin", "list"], 0),
        (["inventory", "check", "hall.csv"], 0),
        (["inventory", "show", "hall.csv"], 0),
    ],
)
def test_json_is_the_last_line_of_stdout(run, tmp_path, words, code):
    """One object; a result that is not good exits with 1 and still says what it found."""
    run("inventory", "generate", "hall.csv", "--racks", "1")
    # An empty cache is what the doctor finds wrong.
    ran = run(*words, "--json", COLDPLATE_CACHE=str(tmp_path / "cache"), PATH="/usr/bin:/bin")
    assert isinstance(json.loads(ran.stdout.splitlines()[-1]), dict)
    assert (code, "") == (ran.returncode, ran.stderr)
