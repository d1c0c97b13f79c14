"""The pages by which coldplate is installed and kept: what can be followed of them without a cluster is followed."""

import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from helm.charts import CHART, helm_program
from tree import ROOT

from coldplate.agents.jobs.mapping import MappingFolder
from coldplate.console import config
from coldplate.console.vitals.told import PARTS

PAGES = {name: (ROOT / f"docs/{name}.md").read_text("utf-8") for name in ("quickstart-k8s", "quickstart-slurm", "operations")}  # fmt: skip
UNIT = (ROOT / "agents/coldplate-agent.service").read_text("utf-8")


def blocks(page, language):
    """Fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


@pytest.mark.cluster
def test_the_values_of_the_quickstart_are_taken_by_the_chart(tmp_path):
    """Its own file on a size, linted strictly and rendered, and the trial."""
    helm = helm_program()
    (site,) = blocks("quickstart-k8s", "yaml")
    (tmp_path / "site.yaml").write_text(site)
    given = ["--values", CHART / "values-1k.yaml", "--values", tmp_path / "site.yaml"]
    for words in (["lint", "--strict", CHART, *given], ["template", "coldplate", CHART, "--kube-version", "1.34.0", *given, "--api-versions", "monitoring.coreos.com/v1"]):  # fmt: skip
        ran = subprocess.run([helm, *words], capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
        assert ran.returncode == 0, ran.stderr
    images = set(re.findall(r"image: (\S+)", ran.stdout))
    assert {f"registry.example.com/coldplate/{name}:0.1.0" for name in ("coldplate", "coldplate-agent")} == {i.strip('"') for i in images}  # fmt: skip
    kinds = {d["kind"] + "/" + d["metadata"]["name"] for d in yaml.safe_load_all(ran.stdout) if d}
    assert {"DaemonSet/coldplate-agent", "StatefulSet/coldplate-worker", "StatefulSet/coldplate-sink"} <= kinds  # fmt: skip
    secrets = set(re.findall(r"secretName: ([\w-]+)|secret:\n\s+name: ([\w-]+)", ran.stdout))
    wanted = {name for pair in secrets for name in pair if name}
    made = {"coldplate-ca", "coldplate-web"} | {f"coldplate-{p}" for p in ("agent", "worker", "sink", "topics")} | {f"coldplate-clickhouse-{u}" for u in ("owner", "writer", "reader")}  # fmt: skip
    assert wanted <= made


def test_every_alert_on_the_pipeline_stands_in_the_page():
    """What it means and what to do; none that the chart does not have."""
    rules = (CHART / "templates/monitoring/rules.yaml").read_text("utf-8")
    named = set(re.findall(r"alert: (\w+)", rules))
    assert len(named) > 10
    assert named == set(re.findall(r"^\| `(Coldplate\w+)`", PAGES["operations"], re.MULTILINE))


def test_every_metric_of_a_part_stands_in_the_page():
    """The tables are made of what parts tell; `make docs` writes them."""
    names = {told.name for part in PARTS.values() for told in part}
    assert names <= set(re.findall(r"^\| `(coldplate_\w+)`", PAGES["operations"], re.MULTILINE))


def test_the_agents_configuration_is_one():
    """Every key of the page exists, and says what the page says."""
    text, parts = blocks("quickstart-slurm", "toml")
    found = config._convert(tomllib.loads(text), "the page")
    assert "/run/coldplate/jobs" == found.agent.jobs.mapping_dir
    assert found.kafka.sasl_password_file.startswith("/run/credentials/coldplate-agent.service/")
    found = config._convert(tomllib.loads(parts), "the page")
    assert {9464, 9465, 9466} == {p.local.port for p in (found.worker, found.sink, found.alerts)}


def test_prolog_and_epilog_tell_the_agent_whose_a_gpu_is(tmp_path):
    """Run as Slurm would, for a job with two GPUs and for one with none; the agent's own reader sees them come and go."""
    prolog, epilog = blocks("quickstart-slurm", "sh")

    def run(script, environ):
        text = script.replace("/run/coldplate/jobs", str(tmp_path))
        ran = subprocess.run(["sh", "-eu"], input=text, text=True, env={"PATH": "/usr/bin:/bin", **environ}, capture_output=True, timeout=10, check=False)  # fmt: skip
        assert (0, "") == (ran.returncode, ran.stderr)

    job = {"SLURM_JOB_ID": "4711", "SLURM_JOB_GPUS": "1,3"}
    reader = MappingFolder(tmp_path)
    run(prolog, job)
    assert {"1": ["4711"], "3": ["4711"]} == {gpu: [o.job for o in of] for gpu, of in reader.owners().items()}  # fmt: skip
    run(prolog, {"SLURM_JOB_ID": "4712"})
    run(epilog, {"SLURM_JOB_ID": "4712"})
    assert {"1", "3"} == set(reader.owners())
    run(epilog, job)
    assert {} == reader.owners()


@pytest.mark.peers
def test_the_units_are_units(tmp_path):
    """By systemd's own check the agent's, with the page's drop-in, and the worker's hold nothing unknown or wrong; it finds what is."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    drop_in, worker = blocks("quickstart-slurm", "ini")
    (tmp_path / "coldplate-agent.service.d").mkdir()
    (tmp_path / "coldplate-agent.service.d/kafka.conf").write_text(drop_in)
    for name, text in (("coldplate-agent", UNIT), ("coldplate-worker", worker)):
        assert [] == complaints(tmp_path / f"{name}.service", text)
    assert complaints(tmp_path / "wrong.service", worker.replace("MemoryMax", "MemoryMaxx"))


def complaints(unit, text):
    """What systemd says of a unit; the program lies elsewhere here."""
    unit.write_text(text.replace("/opt/coldplate/bin/coldplate", shutil.which("true")))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return [line for line in ran.stderr.splitlines() if unit.name in line]
