"""The benchmark of ways in, whole: every case on the real servers."""

import json
import subprocess
import sys

import pytest

from coldplate.console.benching.security_case import ACCEPTED

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
