"""Every manifest is one that each Kubernetes version from 1.29 on takes strictly: no field is unknown, none of a wrong type."""

from functools import cache

import pytest
from helm.charts import RELEASES, rendered
from jsonschema import Draft202012Validator
from packaging.version import Version
from referencing import Registry, Resource

try:
    from kubernetes_validate.utils import all_versions, schema_contents
except ModuleNotFoundError:
    # `make helm-test` installs it: its schemas are 108 MB.
    all_versions = schema_contents = None

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(
        all_versions is None,
        reason="kubernetes-validate is not installed: `make helm-test` installs it",
    ),
]

VERSIONS = (
    sorted({v for v in all_versions() if Version(v) >= Version("1.29")}, key=Version)
    if all_versions
    else ["1.29"]
)
OTHERS = {"monitoring.coreos.com/v1", "keda.sh/v1alpha1"}
"""Of operators, whose schemas are not Kubernetes' own."""


@cache
def validator(version, kind, api):
    """The strict schema of a kind; `kubernetes-validate` would read its 5 MB of definitions for each manifest."""
    group = api.partition("/")[0].partition(".")[0] + "-" + api.partition("/")[2] if "/" in api else api  # fmt: skip
    folder = f"kubernetes-json-schema/v{version}-local-strict"
    schema = schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    return Draft202012Validator(schema, registry=registry(version))


@cache
def registry(version):
    definitions = schema_contents(
        f"kubernetes-json-schema/v{version}-local-strict/_definitions.json", version
    )
    return Resource.from_contents(definitions) @ Registry()


@cache
def distinct():
    """Manifests of Kubernetes' own kinds, of all releases; those that differ in what they are called alone stand for each other."""
    seen = {repr({**doc, "metadata": set(doc["metadata"])}): doc for release in RELEASES for doc in rendered(release)}  # fmt: skip
    return [doc for doc in seen.values() if doc["apiVersion"] not in OTHERS]


def faults(doc, version):
    found = validator(version, doc["kind"], doc["apiVersion"]).iter_errors(doc)
    return [f"{doc['kind']} {doc['metadata']['name']} {e.json_path}: {e.message}" for e in found]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_takes_every_manifest(version):
    """Of every values file, each distinct manifest once."""
    ours = distinct()
    assert len(ours) > 100
    assert [] == [fault for doc in ours for fault in faults(doc, version)]


def test_a_field_that_is_mistyped_is_seen():
    """The check can fail."""
    doc = next(d for d in rendered("default") if d["kind"] == "DaemonSet")
    pod = {**doc["spec"]["template"]["spec"], "contaners": []}
    wrong = {**doc, "spec": {**doc["spec"], "template": {"spec": pod}}}
    assert any("contaners" in fault for fault in faults(wrong, VERSIONS[-1]))
