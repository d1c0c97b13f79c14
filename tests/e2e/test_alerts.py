"""Alerts on real parts: a Kafka, an alerter that is killed, a receiver that counts; and what a person asks of it."""

import json
import os
import subprocess
import sys

import pytest

from coldplate.console.benching.receiver import Receiver

COLDPLATE = (sys.executable, "-m", "coldplate.console")
ALERTS = """\
[[receivers]]
name = "duty"
kind = "standard-webhooks"
url = "{url}"
secret_files = ["key"]
allow_http = true
allow_private = true
closings = true

[[routes]]
name = "night"
to = ["duty"]
"""


def coldplate(*words, **env):
    """The command's exit code, and the JSON of its last line."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_") or k == "COLDPLATE_CACHE"}  # fmt: skip
    ran = subprocess.run(
        (*COLDPLATE, *words), capture_output=True, text=True, check=False,
        env=given | {"COLDPLATE_CONFIG": os.devnull, **env},
    )  # fmt: skip
    lines = ran.stdout.splitlines()
    return ran.returncode, json.loads(lines[-1]) if lines else {}, ran.stderr


@pytest.fixture
def configured(tmp_path):
    """Writes a configuration of one receiver, and gives its file."""
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("whsec_bm8gc2VjcmV0IGZvciBhbnlib2R5LCBhIHRlc3Qncw==\n")

    def write(url):
        file = tmp_path / "alerts.toml"
        file.write_text(ALERTS.format(url=url))
        return file

    return write


@pytest.mark.e2e
def test_an_alerter_that_is_killed_loses_nothing(tmp_path):
    """Each kill falls between sending and writing down; what comes twice has the same id."""
    code, found, errors = coldplate("bench", "delivery", "--kills", "3", "--json", "--out", str(tmp_path))  # fmt: skip
    assert 0 == code, errors
    wrong = ("lost", "out_of_order", "duplicates_new_id")
    assert dict.fromkeys(wrong, 0) == {name: found[name] for name in wrong}
    assert 3 == found["kills"]
    assert len((tmp_path / "ledger.tsv").read_text().splitlines()) == 2 * found["incidents"]
    assert len((tmp_path / "arrivals.tsv").read_text().splitlines()) == found["messages"]


def test_a_test_message_says_what_the_receiver_answered(configured):
    """Marked as a test, past the queue."""
    with Receiver() as receiver:
        file = configured(receiver.url)
        code, found, errors = coldplate("alerts", "test", "night", "--file", str(file), "--json")
        assert 0 == code, errors
        (reply,) = found["replies"]
        assert ("duty", "taken", "HTTP 204") == (reply["receiver"], reply["verdict"], reply["said"])
        (arrival,) = receiver.arrivals
        assert "test" == arrival.told[0][1]


def test_a_receiver_that_is_not_there_is_said_with_exit_1(configured):
    """And not a traceback."""
    with Receiver() as gone:
        url = gone.url
    code, found, errors = coldplate("alerts", "test", "night", "--file", str(configured(url)), "--json")  # fmt: skip
    assert (1, "") == (code, errors)
    assert "retry" == found["replies"][0]["verdict"]


def test_an_unknown_route_is_refused_with_those_there_are(configured):
    """So that nobody has to open the file."""
    code, _, errors = coldplate("alerts", "test", "day", "--file", str(configured("http://127.0.0.1:9/")))  # fmt: skip
    assert 2 == code
    assert "night" in errors


def test_check_tells_every_fault_with_its_line(configured, tmp_path):
    """Before anything starts."""
    file = configured("http://127.0.0.1:9/")
    code, found, _ = coldplate("alerts", "check", str(file), "--json")
    assert (0, True) == (code, found["ok"])
    file.write_text(file.read_text().replace('to = ["duty"]', 'to = ["nobody"]\nhours = "25"'))
    code, found, _ = coldplate("alerts", "check", str(file), "--json")
    assert (2, False) == (code, found["ok"])
    assert 2 == len(found["faults"])
    assert all(fault.startswith(f"{tmp_path}/alerts.toml:") for fault in found["faults"])


def test_commands_that_look_into_the_queue_say_when_there_is_none(tmp_path):
    """No alerter has run here."""
    code, _, errors = coldplate("alerts", "dead", "--json", COLDPLATE_ALERTS__STATE_DIR=str(tmp_path))  # fmt: skip
    assert 3 == code
    assert "no alerter has run here" in errors


def test_running_without_a_configuration_is_refused():
    """With the name of an example."""
    code, _, errors = coldplate("alerts", "run")
    assert 3 == code
    assert "alerts.example.toml" in errors
