"""The benchmark of peers with real ones: all rows arrive, all keys are there."""

import json
import subprocess
import sys

import psutil
import pytest

from coldplate.console.benching.peers import run
from coldplate.console.stack.cache import Cache

BENCH = (sys.executable, "-m", "coldplate.console", "bench", "peers", "--json")
KEYS = {
    "name", "stage", "version", "values", "values_per_s", "values_per_core_s", "cpu_s", "rss_mb",
    "latency_p50_s", "latency_p99_s", "lost", "does_not", "objection", "configuration", "not_run",
}  # fmt: skip


def run_bench(*arguments):
    return subprocess.run((*BENCH, *arguments), capture_output=True, text=True, check=False)


@pytest.mark.e2e
def test_clickhouses_own_kafka_engine_stores_every_row(tmp_path):
    """As many rows come out as went in, it has all keys, and nothing is left running."""
    before = set(psutil.Process().children(recursive=True))
    ran = run_bench("--gpus", "8", "--seconds", "5", "--only", "clickhouse-kafka-rowbinary", "--out", str(tmp_path))  # fmt: skip
    assert 0 == ran.returncode, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    (row,) = result["peers"]
    assert set() == KEYS - row.keys()
    assert (None, 0, 0) == (row["not_run"], row["lost"], row["duplicated"])
    assert 0 < row["values_per_core_s"]
    assert 0 < row["latency_p50_s"] <= row["latency_p99_s"]
    assert "ENGINE = Kafka" in row["configuration"]["clickhouse_kafka.sql"]
    kept = json.loads((tmp_path / run.FILE).read_text("utf-8"))
    assert ["clickhouse_kafka.sql"] == kept["peers"][0]["configuration"]
    assert (
        set() == {p for p in psutil.Process().children(recursive=True) if p.is_running()} - before
    )


@pytest.mark.e2e
@pytest.mark.peers
@pytest.mark.parametrize("name", ["telegraf", "victoria-metrics", "prometheus"])
def test_a_peer_that_was_built_takes_everything(name):
    """With the data of a node; who was not built yet is skipped, for it takes minutes."""
    (peer,) = (p for p in run.PEERS if p.name == name)
    tool = sys.modules[type(peer).__module__].TOOL
    if Cache.default().installed(tool.entry) is None:
        pytest.skip(f"{name} {tool.version} was not built")
    ran = run_bench("--gpus", "8", "--seconds", "5", "--only", name)
    assert 0 == ran.returncode, ran.stderr
    (row,) = json.loads(ran.stdout.splitlines()[-1])["peers"]
    assert (None, 0) == (row["not_run"], row["lost"])
    assert 0 < row["values_per_core_s"]
