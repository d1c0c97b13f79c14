"""A real API server takes every manifest strictly: admission, defaults, quantities, selectors and operators' kinds included."""

from functools import cache

import pytest
import yaml
from cluster.api import DECLARED, STRICT
from helm.charts import EXAMPLES, RELEASES, rendered

pytestmark = pytest.mark.cluster

NAMESPACES = ("coldplate", "kafka", "clickhouse")
WORKLOADS = {"DaemonSet", "Deployment", "StatefulSet", "Job"}
OPERATORS = sorted(EXAMPLES.glob("*/*.yaml"))


@pytest.fixture(scope="module", autouse=True)
def namespaces(plane):
    """Those that manifests name; the first one says what it thinks of pods at the level `restricted`."""
    for name in NAMESPACES:
        labels = {"pod-security.kubernetes.io/warn": "restricted"} if name == "coldplate" else {}
        body = {"metadata": {"name": name, "labels": labels}}
        plane.admin.good("POST", "/api/v1/namespaces", body)
    yield
    for name in NAMESPACES:
        plane.admin.good("DELETE", f"/api/v1/namespaces/{name}")


@cache
def tried(plane, release):
    """[(manifest, answer)] of a release, each as it would be created."""
    return [(doc, plane.admin.call("POST", plane.admin.place(doc), doc, **STRICT)) for doc in rendered(release)]  # fmt: skip


def refused(pairs):
    return [f"{doc['kind']} {doc['metadata']['name']}: {said.message}" for doc, said in pairs if said.status >= 300]  # fmt: skip


def unfit(release, plane):
    """Names of what would not pass at `restricted`."""
    return {
        doc["metadata"]["name"]: said.warnings for doc, said in tried(plane, release)
        if any("PodSecurity" in warning for warning in said.warnings)
    }  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_is_taken(plane, release):
    """With strict validation nothing is refused, and nothing is warned of but the level of Pod Security."""
    found = tried(plane, release)
    assert [] == refused(found)
    warnings = [w for _doc, said in found for w in said.warnings if "PodSecurity" not in w]
    assert [] == warnings


@pytest.mark.parametrize("release", ["production", "trial"])
def test_workloads_are_taken_by_who_declares_them(plane, release):
    """Server-side apply, as GitOps does it: no list has two entries of one key, no field is none of its kind's."""
    ours = [doc for doc in rendered(release) if doc["kind"] in WORKLOADS]
    assert ours
    found = [
        (doc, plane.admin.call("PATCH", f"{plane.admin.place(doc)}/{doc['metadata']['name']}", doc, DECLARED, **STRICT))
        for doc in ours
    ]  # fmt: skip
    assert [] == refused(found)


def test_without_a_folder_of_the_node_all_fits_the_strictest_level(plane):
    """As the README says: with an emptyDir for the spool no pod is above `restricted`."""
    assert {} == unfit("mtls", plane)


def test_with_it_only_the_agent_does_not_and_it_is_said_why(plane):
    """Every other part fits `restricted` in the default release too."""
    found = unfit("default", plane)
    assert {"t-coldplate-agent"} == set(found)
    assert "restricted volume type" in found["t-coldplate-agent"][0]


@pytest.mark.parametrize("path", OPERATORS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_an_example_for_an_operator_is_taken(plane, path):
    """KafkaTopic and KafkaUser by their fields; of the other kinds the definitions here see only the shape."""
    docs = [doc for doc in yaml.safe_load_all(path.read_text("utf-8")) if doc]
    assert docs
    found = [(doc, plane.admin.call("POST", plane.admin.place(doc), doc, **STRICT)) for doc in docs]
    assert [] == refused(found)


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        ("DaemonSet", ("template", "spec", "contaners"), 'unknown field "spec.template.spec.contaners"'),
        ("PodMonitor", ("podMetricsEndpoint",), 'unknown field "spec.podMetricsEndpoint"'),
        ("ScaledObject", ("maxReplicas",), 'unknown field "spec.maxReplicas"'),
    ],
)  # fmt: skip
def test_a_field_that_is_mistyped_is_seen(plane, kind, wrong, message):
    """The check can fail, for Kubernetes' own kinds and for operators'."""
    doc = yaml.safe_load(yaml.safe_dump(next(d for d in rendered("production") if d["kind"] == kind)))  # fmt: skip
    place = doc["spec"]
    for key in wrong[:-1]:
        place = place[key]
    place[wrong[-1]] = []
    said = plane.admin.call("POST", plane.admin.place(doc), doc, **STRICT)
    assert said.status == 400
    assert message in said.message
