"""The chart as tests see it: its files, and what helm makes of it."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
import yaml
from tree import ROOT

from coldplate.console.stack.cache import Cache

CHART = ROOT / "helm/coldplate"
EXAMPLES = CHART / "examples"
SIZES = ("64", "1k", "10k", "100k")
KUBERNETES = "1.34.0"
"""Rendered for; helm as Go makes it takes itself for an old one."""

SERVERS = {"kafka.brokers": "kafka.example.com:9093", "clickhouse.host": "clickhouse.example.com"}
"""What has to be named when no trial is wanted."""

RELEASES = {
    "trial": (("values-trial.yaml",), {}),
    **{size: ((f"values-{size}.yaml",), SERVERS) for size in SIZES},
    "default": ((), SERVERS),
    "production": (("values-10k.yaml", "examples/values-production.yaml"), {}),
    "mtls": (("values-1k.yaml", "examples/values-mtls.yaml"), {}),
}
"""Name -> (values files, single values): every values file of the chart, as somebody would install it."""


def helm_program():
    """Of $HELM, of the cache, or on PATH; the test is skipped where there is none."""
    script = (ROOT / "helm/tool.sh").read_text("utf-8")
    version = re.search(r"^version=(\S+)$", script, re.MULTILINE)[1]
    made = Cache.default().root / "tools" / f"helm-{version}" / "helm"
    for found in (os.environ.get("HELM"), str(made), shutil.which("helm")):
        if found and Path(found).exists():
            return found
    return pytest.skip("no helm here: `make helm-test` makes one")


def helm(*words, values=None):
    """Run helm; its answer as it ended. `values` is a values file that is given on its standard input."""
    given = None if values is None else yaml.safe_dump(values)
    return subprocess.run(
        [helm_program(), *words], input=given, cwd=CHART, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def options(name):
    """Options of helm for one of `RELEASES`."""
    files, single = RELEASES[name]
    pairs = [word for key, value in single.items() for word in ("--set", f"{key}={value}")]
    return [*(word for file in files for word in ("--values", file)), *pairs]


@cache
def rendered(name, *more):
    """Manifests of a release, with further values as `key=JSON`; made once, and nobody changes them."""
    said = helm(
        "template", "t", ".", "--namespace", "coldplate", "--kube-version", KUBERNETES,
        *options(name), *(word for pair in more for word in ("--set-json", pair)),
    )  # fmt: skip
    assert (0, "") == (said.returncode, said.stderr)
    # In C where it can be had: dashboards are long.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [doc for doc in yaml.load_all(said.stdout, loader) if doc]


def of_kind(docs, *kinds):
    """Those of some kinds."""
    return [doc for doc in docs if doc["kind"] in kinds]


def named(docs, kind, name):
    """The one of a kind and name."""
    (found,) = [d for d in of_kind(docs, kind) if d["metadata"]["name"] == f"t-coldplate-{name}"]
    return found


def pods(docs):
    """(who, metadata, spec) of every pod that the manifests make."""
    for doc in of_kind(docs, "DaemonSet", "Deployment", "StatefulSet", "Job"):
        template = doc["spec"]["template"]
        yield doc["metadata"]["name"], template["metadata"], template["spec"]


def containers(docs):
    """(who, container, pod) of every container, those that only prepare included."""
    for who, _metadata, pod in pods(docs):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield f"{who}/{container['name']}", container, pod
