"""The alerts on the pipeline itself by Prometheus' own promtool: their form, and when each of the most important ones fires."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from helm.charts import of_kind, rendered
from tree import ROOT

from coldplate.console.stack.cache import Cache

pytestmark = pytest.mark.cluster
JOB = "coldplate/t-coldplate"
WELL, GONE = "1x40", "0x40"


def promtool_program():
    """Of $PROMTOOL, of the cache, or on PATH; the test is skipped where there is none."""
    script = (ROOT / "helm/promtool.sh").read_text("utf-8")
    version = re.search(r"^version=(\S+)$", script, re.MULTILINE)[1]
    made = Cache.default().root / "tools" / f"promtool-{version}" / "promtool"
    for found in (os.environ.get("PROMTOOL"), str(made), shutil.which("promtool")):
        if found and Path(found).exists():
            return found
    return pytest.skip("no promtool here: `sh helm/promtool.sh` makes one")


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    """The file that Prometheus gets of the operator, and by their name the alerts in it."""
    (doc,) = of_kind(rendered("production"), "PrometheusRule")
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(yaml.safe_dump(doc["spec"]))
    return path, {r["alert"]: r for group in doc["spec"]["groups"] for r in group["rules"]}


def promtool(*words):
    return subprocess.run(
        [promtool_program(), *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def up(part, values, **labels):
    return series("up", values, job=f"{JOB}-{part}", **labels)


def series(name, values, **labels):
    """One a half minute, in promtool's short form."""
    said = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{said}}}", "values": values}


def of(part, pod):
    return {"job": f"{JOB}-{part}", "pod": pod}


AGENT, WORKER, SINK, ALERTER = (of(part, f"{part}-0") for part in ("agent", "worker", "sink", "alerts"))  # fmt: skip
FIRES = {
    "ColdplateAgentDown": (
        [up("agent", GONE, node="n1"), up("agent", WELL, node="n2")], "6m",
        {"job": f"{JOB}-agent", "node": "n1"}, "The agent on n1 does not answer",
    ),
    "ColdplateAgentsMany": (
        [up("agent", GONE if n < 2 else WELL, node=f"n{n}") for n in range(20)], "6m",
        {}, "More than one in twenty agents does not answer",
    ),
    "ColdplateAgentDrops": (
        [series("coldplate_records_dropped_total", "0x4 7x40", **AGENT, reason="spool_full")], "4m",
        {**AGENT, "reason": "spool_full"}, "agent-0 drops records: spool_full",
    ),
    "ColdplateWorkersDown": ([up("sink", WELL)], "3m", {}, "No worker runs, nothing is judged"),
    "ColdplateClusterDetectorAway": (
        [series("coldplate_cluster_detector_at_work", "0x40", **of("cluster-detector", f"cluster-{n}")) for n in range(2)], "2m",
        {}, "No cluster detector is at work, nobody is told of incidents",
    ),
    "ColdplateWorkerStandsStill": (
        [series("coldplate_worker_frames_total", "900x40", **WORKER), series("coldplate_worker_behind_records", "5x40", **WORKER)],
        "6m", WORKER, "worker-0 takes no frames though there are some",
    ),
    "ColdplatePartitionsUnread": (
        [series("coldplate_worker_partitions", "9x40", **WORKER)], "4m", {}, "Workers read 9 of 16 partitions",
    ),
    "ColdplateSinkLosesSoon": (
        [series("coldplate_sink_retention_left_seconds", "86400x4 7200x40", **SINK)], "3m",
        {}, "In 2h 0m 0s Kafka forgets what is not stored",
    ),
    "ColdplateAlerterDown": (
        [up("alerts", GONE)], "3m", {}, "The alerter does not run, nobody is told of incidents",
    ),
    "ColdplateHeartbeatsWithheld": (
        [series("coldplate_alerter_heartbeats_missed_total", "0x4 1x40", **ALERTER)], "4m",
        ALERTER, "Frames do not pass from end to end",
    ),
    "ColdplateReloadRefused": (
        [series("coldplate_part_reloads_total", "0x4 1x40", **WORKER, outcome="refused")], "4m",
        {**WORKER, "outcome": "refused"}, "worker-0 refuses the configuration that it was given",
    ),
}  # fmt: skip
"""By alert: what there is, when it fires, with which labels, and what is said."""

QUIET = {
    "ColdplateAgentDown": ([up("agent", GONE, node="n1")], "4m"),
    "ColdplateAgentsMany": ([up("agent", GONE if n < 1 else WELL, node=f"n{n}") for n in range(20)], "10m"),
    "ColdplateAgentDrops": ([series("coldplate_records_dropped_total", "7x40", **AGENT, reason="spool_full")], "10m"),
    "ColdplateWorkersDown": ([up("worker", GONE, pod="worker-0"), up("worker", WELL, pod="worker-1")], "10m"),
    "ColdplateClusterDetectorAway": (
        [series("coldplate_cluster_detector_at_work", f"{n}x40", **of("cluster-detector", f"cluster-{n}")) for n in range(2)], "10m",
    ),
    "ColdplateWorkerStandsStill": (
        [series("coldplate_worker_frames_total", "0+90x40", **WORKER), series("coldplate_worker_behind_records", "5x40", **WORKER)], "10m",
    ),
    "ColdplatePartitionsUnread": (
        [series("coldplate_worker_partitions", "8x40", **WORKER), series("coldplate_worker_partitions", "8x40", **of("worker", "worker-1"))], "10m",
    ),
    "ColdplateSinkLosesSoon": ([series("coldplate_sink_retention_left_seconds", "86400x40", **SINK)], "10m"),
    "ColdplateAlerterDown": ([up("alerts", WELL)], "10m"),
    "ColdplateHeartbeatsWithheld": ([series("coldplate_alerter_heartbeats_missed_total", "4x40", **ALERTER)], "10m"),
    "ColdplateReloadRefused": ([series("coldplate_part_reloads_total", "0+1x40", **WORKER, outcome="taken")], "10m"),
}  # fmt: skip
"""The same alerts where all is as it should be, or not yet for long enough."""


def test_prometheus_takes_the_rules(rules):
    """And its own linter has nothing to say."""
    path, found = rules
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", path)
    assert (0, "") == (said.returncode, said.stderr)
    assert f"{len(found)} rules found" in said.stdout


def test_an_alert_fires_when_it_should_and_not_before(rules, tmp_path):
    """With the labels that say who, and words that a person reads."""
    path, found = rules
    cases = []
    for alert, (there, at, labels, summary) in FIRES.items():
        rule = found[alert]
        told = {
            "exp_labels": {**labels, **rule["labels"]},
            "exp_annotations": {"summary": summary, "todo": rule["annotations"]["todo"]},
        }
        cases.append(case(f"{alert} fires", there, at, alert, [told]))
    cases += [case(f"{alert} is quiet", *QUIET[alert], alert, []) for alert in FIRES]
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(path)], "evaluation_interval": "30s", "tests": cases}))  # fmt: skip
    said = promtool("test", "rules", file)
    assert said.returncode == 0, said.stdout + said.stderr


def case(name, there, at, alert, told):
    expected = {"eval_time": at, "alertname": alert, "exp_alerts": told}
    return {"name": name, "interval": "30s", "input_series": there, "alert_rule_test": [expected]}


def test_an_alert_that_would_not_fire_is_noticed(rules, tmp_path):
    """The test above is one that can fail."""
    path, _ = rules
    wrong = case("wrong", [up("alerts", GONE)], "3m", "ColdplateAlerterDown", [])
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(path)], "evaluation_interval": "30s", "tests": [wrong]}))  # fmt: skip
    assert promtool("test", "rules", file).returncode != 0
