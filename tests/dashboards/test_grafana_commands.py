"""`coldplate dashboards push`, `diff`, `pull` and `provision`: exit codes, results, and secrets that are never shown."""

import json

import pytest
from click.testing import CliRunner
from dashboards.grafanas import CLICKHOUSE_PASSWORD, FIRST, NAMES, UIDS
from dashboards.stand_in import EDITOR_TOKEN, PASSWORD, TOKEN, USER, Fault, StandIn
from tree import ROOT

from coldplate.console.commands.dashboards import dashboards
from coldplate.dashboards.catalogue import all_boards

HISTORY = ("--clickhouse-url", "clickhouse://reader@clickhouse:9000/coldplate")
NOW = {"Retry-After": "0"}
"""A server that may be asked again at once, so that nobody waits."""


class Told:
    """What a command printed, and how it ended."""

    def __init__(self, result):
        self.code = getattr(result.exception, "exit_code", 0 if result.exception is None else 99)
        self.error, self.out = str(result.exception or ""), result.output
        assert self.code != 99, result.exception

    @property
    def json(self):
        return json.loads(self.out.splitlines()[-1])


@pytest.fixture
def stand_in():
    with StandIn() as found:
        yield found


@pytest.fixture
def secrets(tmp_path):
    files = {"token": TOKEN, "editor": EDITOR_TOKEN, "wrong": "glsa_wr0ng", "password": PASSWORD, "clickhouse": CLICKHOUSE_PASSWORD, "empty": ""}  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    return tmp_path


@pytest.fixture
def ask(stand_in, secrets):
    """Run a command against the stand-in, as its administrator if nobody is named."""

    def run(command, *words, who=None, url=stand_in.url):
        who = ("--token-file", secrets / "token") if who is None else who
        args = [command, "--url", url, *who, *words]
        told = Told(CliRunner().invoke(dashboards, list(map(str, args)), standalone_mode=False))
        for secret in (TOKEN, PASSWORD, CLICKHOUSE_PASSWORD, "glsa_wr0ng"):
            assert secret not in told.out + told.error
        return told

    return run


@pytest.fixture
def push(ask, secrets):
    def run(*words, **more):
        return ask("push", *HISTORY, "--clickhouse-password-file", secrets / "clickhouse", "--json", *words, **more)  # fmt: skip

    return run


def test_push_tells_what_was_made_and_then_that_nothing_was(push, stand_in):
    """Twice the same names in another list."""
    names = ["folder coldplate", "data source coldplate", *NAMES]
    first, second = push(), push()
    assert (0, names, []) == (first.code, first.json["created"], first.json["unchanged"])
    assert (0, [], names) == (second.code, second.json["created"], second.json["unchanged"])
    assert {"password": CLICKHOUSE_PASSWORD} == stand_in.sources["coldplate"]["secrets"]
    assert {"grafana", "created", "updated", "unchanged", "failed"} == set(first.json)


def test_push_without_json_is_a_line_a_thing(ask):
    """For people."""
    assert f"created: dashboard {FIRST}\n" in ask("push").out


def test_push_by_name_and_password(push, secrets):
    """Basic authentication."""
    assert 0 == push(who=("--user", USER, "--password-file", secrets / "password")).code


def test_push_says_what_was_kept_back_and_ends_with_1(push, stand_in):
    """Result and error both name it."""
    push()
    stand_in.edit(FIRST, "bo", title="Mine")
    told = push()
    assert (1, [NAMES[0]]) == (told.code, [f["what"] for f in told.json["failed"]])
    assert f"{NAMES[0]}: bo changed it at" in told.error
    assert (0, [NAMES[0]]) == ((again := push("--overwrite")).code, again.json["updated"])


def test_a_wrong_token_ends_with_2(push, secrets):
    """With the result all the same."""
    told = push(who=("--token-file", secrets / "wrong"))
    assert (2, told.error.splitlines()[0]) == (
        told.code,
        "folder coldplate: " + told.json["failed"][0]["why"],
    )
    assert "read folder coldplate: HTTP 401: Invalid API key" in told.error


def test_a_redirect_ends_with_2(push, stand_in):
    """The address is wrong."""
    stand_in.faults.append(Fault("GET /folders", 302, headers={"Location": "/login"}))
    assert 2 == push().code


@pytest.mark.parametrize("command", ["push", "diff", "pull"])
def test_a_grafana_that_is_away_ends_with_3(ask, stand_in, command, tmp_path):
    """Also one that only says so."""
    stand_in.faults.append(Fault("GET", 503, headers=NOW, times=9))
    told = ask(command, *([tmp_path / "out"] if command == "pull" else []))
    assert 3 == told.code
    assert "HTTP 503: a fault; tried 4 times" in told.error


def test_an_editor_cannot_make_a_data_source(push, secrets):
    """1: it was told no."""
    assert 1 == push(who=("--token-file", secrets / "editor")).code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--datasource-uid", "x", *HISTORY), "give one of them"),
        (("--new-password",), "needs --clickhouse-url"),
        (("--new-password", *HISTORY), "needs --clickhouse-password-file"),
        (("--clickhouse-url", "clickhouse://reader:pa55@h/d"), "holds a password"),
        (("--clickhouse-url", "clickhouse://reader@h/d?ca_file=x"), "ca_file is not for it"),
        (("--clickhouse-url", "http://h"), "must begin with clickhouse://"),
        (("--ca-file", "nowhere.pem"), "no such file"),
        (("--user", USER), "one of --token-file"),
    ],
)  # fmt: skip
def test_wrong_input_ends_with_2_and_nothing_is_sent(ask, stand_in, words, said):
    """In words."""
    told = ask("push", *words)
    assert (2, []) == (told.code, stand_in.requests)
    assert said in told.error
    assert "pa55" not in told.error


def test_secrets_that_cannot_be_read_are_said(ask, secrets):
    """Absent or empty."""
    assert "it is empty" in ask("diff", who=("--token-file", secrets / "empty")).error
    assert "secret file" in ask("diff", who=("--token-file", secrets / "nowhere")).error
    assert "belong together" in ask("diff", who=("--user", USER)).error
    assert "use https" in ask("diff", url="http://grafana.example.com").error


def test_diff_is_silent_only_when_all_are_the_same(push, ask, stand_in):
    """Exit 1 with each state, who, when and what differs."""
    assert (1, "missing") == ((told := ask("diff", "--json")).code, told.json["dashboards"][0]["state"])  # fmt: skip
    push()
    assert (0, 0) == ((told := ask("diff", "--json")).code, told.json["different"])
    stand_in.edit(FIRST, "bo", title="Mine")
    told = ask("diff", "--json")
    first = told.json["dashboards"][0]
    assert (1, 1, "changed", "bo", 2) == (told.code, told.json["different"], first["state"], first["by"], first["version"])  # fmt: skip
    assert '- "title": "Mine",' in first["diff"]
    told = ask("diff", "--lines", "0")
    assert f"{FIRST}: changed by bo at" in told.out
    assert f"{UIDS[1]}: same\n" in told.out


def test_pull_writes_what_is_in_the_folder(push, ask, stand_in, tmp_path):
    """Ours as they are there, and somebody's; nothing of other folders."""
    push()
    stand_in.edit(FIRST, "bo", title="Mine")
    stand_in.add_board("theirs", "coldplate", {"title": "Theirs", "panels": []})
    stand_in.add_board("other", "elsewhere", {"title": "Other", "panels": []})
    told = ask("pull", tmp_path / "out", "--json")
    assert sorted([*UIDS, "theirs"]) == sorted(f.removesuffix(".json") for f in told.json["files"])
    model = json.loads((tmp_path / "out" / f"{FIRST}.json").read_text("utf-8"))
    assert ("Mine", None, 2) == (model["title"], model["id"], model["version"])


def test_pull_takes_no_uid_for_a_path(push, ask, stand_in, tmp_path):
    """A server that is not what it seems writes nowhere else."""
    push()
    stand_in.add_board("../../evil", "coldplate", {"title": "Evil", "panels": []})
    told = ask("pull", tmp_path / "out")
    assert (1, False) == (told.code, (tmp_path / "out").exists())
    assert "a uid that is none" in told.error


def test_pull_without_a_folder_says_so(ask, tmp_path):
    """There is nothing to pull."""
    told = ask("pull", tmp_path / "out")
    assert (1, True) == (told.code, "has no folder with the uid coldplate" in told.error)


@pytest.mark.parametrize(("more", "path"), [((), "dashboards/coldplate/"), (("--configmaps",), "")])
def test_provision_writes_files(tmp_path, more, path):
    """The same twice; asks nobody."""
    args = ["provision", str(tmp_path / "out"), *HISTORY, "--json", *more]
    first, second = (Told(CliRunner().invoke(dashboards, args, standalone_mode=False)) for _ in "12")  # fmt: skip
    assert (0, first.json) == (second.code, second.json)
    assert any(name.startswith(f"{path}{FIRST}.") for name in first.json["files"])
    assert sorted(first.json["files"]) == sorted(
        str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()
    )


def test_provision_needs_the_history(tmp_path):
    """It cannot guess how Grafana reaches it."""
    args = ["provision", str(tmp_path / "out")]
    told = Told(CliRunner().invoke(dashboards, args, standalone_mode=False))
    assert (2, True) == (told.code, "--clickhouse-url is needed" in told.error)


def test_the_page_has_every_dashboard():
    """With its title and what it is for."""
    page = (ROOT / "docs/dashboards.md").read_text("utf-8")
    rows = [f"| `{b.uid}` | {b.title} | {b.about} | {b.from_.removeprefix('now-').replace('h', ' h')} |" for b in all_boards()]  # fmt: skip
    assert [] == [row for row in rows if row not in page]
