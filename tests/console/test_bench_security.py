"""Ways in and rights, on a real broker and a real ClickHouse; and that what is searched for secrets would find one."""

import json
import subprocess
import sys

import pytest

from coldplate.console.benching.security_case import ACCEPTED, Outputs, Refused, Trial, try_out
from coldplate.console.benching.security_leaks import leaks

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "security", "--json")
PARTS = ("kafka", "rights", "clickhouse", "web", "worker", "sink", "alerts", "agent", "metrics", "topics", "migrate", "sql")  # fmt: skip


@pytest.mark.e2e
def test_nobody_gets_in_wrongly_and_no_secret_is_seen(tmp_path):
    """Every case ends as it must, every program has one, and what was searched holds logs and processes of all."""
    run = subprocess.run((*BENCH, "--out", str(tmp_path)), capture_output=True, text=True, check=False)  # fmt: skip
    assert 0 == run.returncode, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    assert ([], 0, []) == (result["failed"], result["leaks"], result["leaked"])
    assert set(PARTS) == {case["name"].partition(":")[0] for case in result["cases"]}
    assert result["refused_as_expected"] == sum(c["expected"] != ACCEPTED for c in result["cases"])
    searched = (tmp_path / "outputs.txt").read_text("utf-8")
    for what in (
        "log of kafka",
        "log of web",
        "cmdline of",
        "environ of",
        "traceback of",
        "report",
    ):
        assert f"== {what}" in searched


def _act(said, *, refuse=False):
    def act():
        if refuse:
            raise Refused(said)
        return said

    return act


@pytest.mark.parametrize(
    ("act", "expected", "ok"),
    [
        (_act("let in"), ACCEPTED, True),
        (_act("let in"), "wrong password", False),
        (_act("wrong password", refuse=True), "wrong password", True),
        (_act("timed out", refuse=True), "wrong password", False),
        (_act("wrong password", refuse=True), ACCEPTED, False),
        (_act("wrong password\nat line 3", refuse=True), "wrong password", False),
        (lambda: 1 / 0, "division", False),
    ],
)
def test_a_case_is_ok_when_it_ends_as_it_must_and_in_a_line(act, expected, ok):
    """Another refusal, several lines, or an error that nobody foresaw will not do."""
    assert ok == try_out(Trial("a case", act, expected), Outputs()).ok


def test_a_secret_is_found_wherever_it_is():
    """In what a case said and in the traceback of one that broke; each place is told, and the secret is not."""
    outputs = Outputs()
    try_out(Trial("said", _act("hush is the word")), outputs)
    try_out(Trial("refused", _act("not hush", refuse=True), "not"), outputs)
    try_out(Trial("broke", lambda: int("hush")), outputs)
    found = leaks(outputs, {"the word": "hush", "another": "never said"})
    assert {"case said", "case refused", "traceback of refused", "traceback of broke"} == {
        line.removeprefix("the word in ") for line in found
    }
    assert not any("hush" in line for line in found)
