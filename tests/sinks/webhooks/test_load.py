"""The alerts' configuration: all faults at once, each with its line and what to do."""

import re
import shutil
import tomllib
from pathlib import Path

import pytest
from tree import ROOT

from coldplate.sinks.webhooks.config import AlertmanagerApi, PagerDuty
from coldplate.sinks.webhooks.load import KINDS, AlertsError, load, loaded
from coldplate.wire.incident import Severity

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SLACK = '[[receivers]]\nname = "chat"\nkind = "slack"\n'
ROUTE = '[[routes]]\nname = "all"\nto = ["chat"]\n'
FINE = f'{SLACK}url_file = "address"\n{ROUTE}'
FILES = {
    "address": "https://hooks.slack.example/services/T0/B0/x1y2z3", "token": "tok-8f2a", "key": KEY,
    "empty": "  \n", "nonsense": "not a key",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A configuration's folder with its secrets, readable for their owner alone."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path


def read(folder, text):
    """Faults and warnings, without the file's name."""
    path = folder / "alerts.toml"
    path.write_text(text)
    try:
        faults, warnings = (), loaded(path).warnings
    except AlertsError as error:
        faults, warnings = tuple(str(error).splitlines()), error.warnings
    assert all(words.startswith(f"{path}:") for words in (*faults, *warnings))
    return tuple([w.removeprefix(f"{path}:") for w in told] for told in (faults, warnings))


def receiver(kind, *lines):
    """A file with one receiver, told by a route; its own lines begin at 4."""
    return "\n".join(["[[receivers]]", 'name = "chat"', f'kind = "{kind}"', *lines, ROUTE])


def route(*lines):
    """A file with one route, whose own lines begin at 8."""
    return FINE + "\n".join(lines)


def test_a_sound_file_has_neither_faults_nor_warnings(folder):
    """What is right is said nothing of."""
    assert ([], []) == read(folder, FINE)


def test_the_example_of_the_docs_loads(tmp_path):
    """Whoever begins with it begins with something that works, and every kind of receiver is in it."""
    shutil.copy(ROOT / "docs/alerts.example.toml", tmp_path / "alerts.toml")
    text = (tmp_path / "alerts.toml").read_text()
    (tmp_path / "secrets").mkdir(mode=0o700)
    for name in re.findall(r'"(secrets/[^"]+)"', text):
        url = name.startswith(("secrets/slack", "secrets/dead"))
        file = tmp_path / name
        file.write_text("https://hooks.example.org/x" if url else KEY)
        file.chmod(0o600)
    assert () == loaded(tmp_path / "alerts.toml").warnings
    alerts = load(tmp_path / "alerts.toml")
    assert set(KINDS.values()) == {type(r) for r in alerts.receivers}
    by_name = {r.name: r for r in alerts.receivers}
    assert "secrets/pagerduty" == by_name["oncall"].routing_key_file
    assert isinstance(by_name["oncall"], PagerDuty)
    assert isinstance(by_name["alertmanager"], AlertmanagerApi)
    assert (Severity.TICKET,) == alerts.routes[-2].severity
    assert len(tomllib.loads(text)["routes"]) == len(alerts.routes)


URL = 'url = "https://a.example/x"'
SIGNED = (URL, 'secret_files = ["key"]')
MAIL = ('host = "mail.example"', 'sender = "a@b.example"', 'to = ["c@d.example"]')
JSON = f"{URL}\nbody = '{{}}'"
FAULTS = {
    "unknown-table": ("[[recievers]]\n", 1, "there is no 'recievers'; did you mean receivers?"),
    "table-not-array": ("[receivers]\nname = 'a'\n", 1, "write [[receivers]]"),
    "unknown-kind": (receiver("slak"), 3, "there is no kind 'slak'; did you mean slack?"),
    "no-kind": ('[[receivers]]\nname = "chat"\n' + ROUTE, 1, "it lacks kind"),
    "no-name": ('[[receivers]]\nkind = "slack"\nurl_file = "address"\n', 1, "lacks name; give name = ..."),
    "blank-name": (FINE + '[[routes]]\nname = " "\nto = ["chat"]\n', 9, "a name is 1 to 100 characters"),
    "unknown-key": (
        receiver("slack", 'url_file = "address"', "tmeout_s = 3"), 5,
        "receiver 'chat' (slack) has no key 'tmeout_s'; did you mean timeout_s?",
    ),
    "wrong-type": (receiver("slack", 'url_file = "address"', 'timeout_s = "3"'), 5, "timeout_s: expected `float`"),
    "out-of-range": (receiver("slack", 'url_file = "address"', "timeout_s = 90"), 5, "<= 60"),
    "twice": (FINE + SLACK + 'url_file = "address"\n', 9, "receiver 'chat' stands twice"),
    "route-twice": (FINE + ROUTE, 9, "route 'all' stands twice"),
    "no-scheme": (receiver("template", 'url = "a.example/x"', "body = '{}'"), 4, "does not begin with https://"),
    "file-scheme": (receiver("template", 'url = "file:///etc/x"', "body = '{}'"), 4, "does not begin with https://"),
    "no-host": (receiver("template", 'url = "https:///x"', "body = '{}'"), 4, "has no host"),
    "odd-port": (receiver("template", 'url = "https://a.example:99999/"', "body = '{}'"), 4, "is no address"),
    "a-blank": (receiver("template", 'url = "https://a.example/x y"', "body = '{}'"), 4, "has a blank"),
    "http": (receiver("template", 'url = "http://a.example/x"', "body = '{}'"), 4, "set allow_http = true"),
    "password": (receiver("template", 'url = "https://u:p@a.example/"', "body = '{}'"), 4, "put a token into a file"),
    "loopback": (receiver("template", 'url = "https://127.0.0.1/"', "body = '{}'"), 4, "set allow_private = true"),
    "loopback-short": (receiver("template", 'url = "https://127.1/"', "body = '{}'"), 4, "set allow_private = true"),
    "loopback-number": (receiver("template", 'url = "https://2130706433/"', "body = '{}'"), 4, "allow_private"),
    "localhost": (receiver("template", 'url = "https://localhost:1/"', "body = '{}'"), 4, "set allow_private = true"),
    "private": (receiver("template", 'url = "https://10.1.2.3/"', "body = '{}'"), 4, "set allow_private = true"),
    "private-v6": (receiver("template", 'url = "https://[fd00::1]/"', "body = '{}'"), 4, "set allow_private"),
    "mapped": (receiver("template", 'url = "https://[::ffff:10.0.0.1]/"', "body = '{}'"), 4, "set allow_private"),
    "metadata": (
        receiver("template", 'url = "https://169.254.169.254/"', "body = '{}'", "allow_private = true"), 4,
        "leads where no alert may go",
    ),
    "both-urls": (receiver("slack", URL, 'url_file = "address"'), 5, "leave one of both"),
    "no-url": (receiver("slack"), 1, "give url, or url_file"),
    "secret-missing": (receiver("slack", 'url_file = "gone"'), 4, "No such file or directory; write the secret there"),
    "secret-empty": (receiver("slack", 'url_file = "empty"'), 4, "is empty; write the secret there"),
    "secret-folder": (receiver("slack", 'url_file = "."'), 4, "url_file"),
    "secret-url": (receiver("slack", 'url_file = "token"'), 4, "url_file does not begin with https://"),
    "no-keys": (receiver("standard-webhooks", URL), 1, "has no secret_files"),
    "no-key": (receiver("standard-webhooks", URL, 'secret_files = ["nonsense"]'), 5, "is no key; write `whsec_`"),
    "routing-key": (receiver("pagerduty", 'routing_key_file = ""'), 4, "name the file that holds the secret"),
    "no-routing-key": (receiver("pagerduty"), 1, "lacks routing_key_file"),
    "certificates": (receiver("slack", 'url_file = "address"', 'ca_file = "token"'), 5, "holds no certificate"),
    "no-json": (receiver("template", URL, "body = '{\"a\": ${title}}'"), 5, "put quotes around each field"),
    "unknown-field": (receiver("template", URL, "body = '{\"a\": \"${titel}\"}'"), 5, "did you mean title?"),
    "a-dollar": (receiver("template", URL, "body = '{\"a\": \"5$\"}'"), 5, "or $$ for a dollar"),
    "method": (receiver("template", URL, "body = '{}'", 'method = "GET"'), 6, "there are POST, PUT"),
    "header": (receiver("template", URL, "body = '{}'", "[receivers.headers]", '"X Y" = "1"'), 7, "cannot be sent"),
    "header-lines": (receiver("template", URL, "body = '{}'", 'headers = { X = "a\\r\\nB: c" }'), 6, "cannot be sent"),
    "mailbox": (receiver("email", *MAIL[:2], 'to = ["c d@e"]'), 6, "write name@host"),
    "no-mailbox": (receiver("email", *MAIL[:2], "to = []"), 6, "to is empty"),
    "mail-host": (receiver("email", 'host = "10.0.0.9"', *MAIL[1:]), 4, "set allow_private = true"),
    "mail-user": (receiver("email", *MAIL, 'user = "x"'), 1, "user and password_file belong together"),
    "mail-open": (
        receiver("email", *MAIL, 'user = "x"', 'password_file = "token"', 'tls = "none"'), 9, "read the password",
    ),
    "no-command": (receiver("exec", "command = []"), 4, "give the program and its arguments"),
    "command-gone": (receiver("exec", 'command = ["/no/such"]', "enabled = true"), 4, "is not there"),
    "command-off-path": (receiver("exec", 'command = ["no-such-program"]', "enabled = true"), 4, "is not on the PATH"),
    "command-relative": (receiver("exec", 'command = ["bin/x"]', "enabled = true"), 4, "give its whole path"),
    "to-nobody": (FINE.replace('to = ["chat"]', 'to = ["chta"]'), 7, "there is no receiver 'chta'; did you mean chat?"),
    "to-empty": (FINE.replace('to = ["chat"]', "to = []"), 7, "to is empty; name receivers"),
    "severity": (route('severity = ["critcal"]'), 8, "there are info, ticket, warning, critical"),
    "no-severity": (route("severity = []"), 8, "leave the key out"),
    "kinds": (route('kinds = ["pump-stopp"]'), 8, "did you mean pump-stop?"),
    "places": (route('places = ["rack-0003/"]'), 8, "is no id"),
    "places-pattern": (route('places = ["rack-*"]'), 8, "is no id"),
    "label": (route('labels = { rak = "rack-0003" }'), 8, "there is no label 'rak'; did you mean rack?"),
    "label-empty": (route('labels = { rack = "" }'), 8, "give a value"),
    "label-severity": (route('labels = { severity = "bad" }'), 8, "is no severity"),
    "label-kind": (route('labels = { family = "pumps" }'), 8, "did you mean pump?"),
    "hours": (route('hours = "22-6"'), 8, 'write it as "22:00-06:00"'),
    "hours-none": (route('hours = "08:00-08:00"'), 8, "is no span of a day"),
    "days": (route('days = ["monday"]'), 8, "there are fri, mon, sat"),
    "zone": (route('hours = "08:00-16:00"', 'zone = "Oslo"'), 9, "write one as Europe/Oslo or UTC"),
    "zone-path": (route('zone = "../../etc/passwd"'), 8, "is no time zone"),
    "group-by": (route('group_by = ["raw"]'), 8, "there is no label 'raw'; did you mean row?"),
    "group-by-pagerduty": (
        receiver("pagerduty", 'routing_key_file = "token"') + 'group_by = ["row"]', 8, "takes incidents one by one",
    ),
    "heartbeat-nobody": (FINE + '[heartbeat]\nto = ["x"]', 9, "there is no receiver 'x'"),
    "heartbeat-people": (FINE + '[heartbeat]\nto = ["chat"]', 9, "'chat' is of the kind slack"),
    "links": (FINE + '[links]\nrunbooks = "wiki/x"', 9, "runbooks does not begin with https://"),
    "no-toml": ('[[receivers]]\nname = "a\n', 2, "what is read is TOML"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_with_its_line_and_what_to_do(folder, name):
    """One fault is one sentence, with the line on which it stands."""
    text, line, words = FAULTS[name]
    faults, _ = read(folder, text)
    assert [str(line)] == [f.partition(":")[0] for f in faults], faults
    assert words in faults[0]


WARNINGS = {
    "unused": (FINE + SLACK.replace("chat", "other") + 'url_file = "address"', 8, "receiver 'other' is told nothing"),
    "behind-catch-all": (FINE + ROUTE.replace("all", "water") + 'kinds = ["pump"]', 8, "'water' is never reached"),
    "behind-family": (
        route('kinds = ["pump"]') + "\n" + ROUTE.replace("all", "stop") + 'kinds = ["pump-stop"]', 9, "never reached",
    ),
    "behind-place": (
        route('places = ["rack-0003"]') + "\n" + ROUTE.replace("all", "node") + 'places = ["rack-0003/node-5"]', 9,
        "'all' before it takes all of it",
    ),
    "slack-url": (receiver("slack", URL), 4, "name that in url_file"),
    "secret-header": (receiver("template", URL, "body = '{}'", 'headers = { Authorization = "x" }'), 6, "token_file"),
    "mail-open": (receiver("email", *MAIL, 'tls = "none"'), 7, "read the mails"),
    "command-later": (receiver("exec", 'command = ["/no/such"]'), 4, "is not there"),
    "to-twice": (FINE.replace('["chat"]', '["chat", "chat"]'), 7, "stands twice, and is told once"),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_what_is_probably_not_meant_is_a_warning(folder, name):
    """The file can be used, and whoever wrote it is told."""
    text, line, words = WARNINGS[name]
    faults, warnings = read(folder, text)
    assert ([], [str(line)]) == (faults, [w.partition(":")[0] for w in warnings]), warnings
    assert words in warnings[0]


REACHED = {
    "go-on": route("go_on = true") + "\n" + ROUTE.replace("all", "water"),
    "other-severity": FINE + ROUTE.replace("all", "info") + 'severity = ["info"]',
    "other-hours": route('hours = "08:00-16:00"') + "\n" + ROUTE.replace("all", "rest"),
    "other-kinds": route('kinds = ["pump-stop"]') + "\n" + ROUTE.replace("all", "x") + 'kinds = ["pump"]',
    "other-places": route('places = ["rack-0003"]') + "\n" + ROUTE.replace("all", "x") + 'places = ["row-0"]',
    "other-label": route('labels = { hall = "a" }') + "\n" + ROUTE.replace("all", "x") + 'labels = { hall = "b" }',
}  # fmt: skip


@pytest.mark.parametrize("name", REACHED)
def test_a_route_that_may_be_reached_is_not_warned_of(folder, name):
    """A false warning teaches people to overlook the true ones."""
    assert ([], []) == read(folder, REACHED[name])


def test_a_secret_that_everybody_can_read_is_a_warning(folder):
    """Alerts go out all the same; the mode is named with what to do."""
    (folder / "address").chmod(0o644)
    faults, (warning,) = read(folder, FINE)
    assert [] == faults
    assert "everybody on this machine can read" in warning
    assert "chmod 600" in warning


def test_all_faults_are_told_at_once_in_the_order_of_the_file(folder):
    """Nobody mends one to be told of the next; a fault in a receiver does not hide whom a route names."""
    text = (
        '[[receivers]]\nname = "chat"\nkind = "slack"\ntmeout_s = 1\nurl = "ftp://x"\n'
        '[[routes]]\nname = "all"\nto = ["chat", "nobody"]\nhours = "x"\nzone = "y"\n[links]\nwiki = "x"\n'
    )
    faults, warnings = read(folder, text)
    assert [4, 8, 9, 10, 12] == [int(f.partition(":")[0]) for f in faults]
    assert [] == warnings


def test_no_fault_shows_a_secret(folder):
    """What files hold, and what an address that is one holds, stays out of terminals and logs."""
    (folder / "address").write_text("http://user:hunter2@127.0.0.1/T0/B0/x1y2z3")
    (folder / "nonsense").write_bytes(b"hunter2 \xff\xfe")
    text = FINE + receiver(
        "standard-webhooks", URL, 'secret_files = ["nonsense", "token"]'
    ).replace("chat", "own")
    faults, _ = read(folder, text)
    assert 6 == len(faults), faults
    assert not re.search("hunter2|x1y2z3|tok-8f2a", "".join(faults))


def test_a_file_that_is_not_there_or_no_text_is_one_fault(tmp_path):
    """It is told as every other fault."""
    with pytest.raises(
        AlertsError, match=r"none\.toml: No such file or directory; name a file of alerts"
    ):
        load(tmp_path / "none.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(AlertsError, match="save it as UTF-8"):
        load(tmp_path / "x.toml")


def test_whole_numbers_are_taken_for_seconds(folder):
    """`timeout_s = 3` is what people write."""
    path = folder / "alerts.toml"
    path.write_text(receiver("slack", 'url_file = "address"', "timeout_s = 3"))
    assert 3.0 == load(path).receivers[0].timeout_s
    assert folder == loaded(Path(path)).base
