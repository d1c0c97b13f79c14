"""One control plane for all tests of this folder; each release has a namespace of its own."""

import itertools

import pytest
from cluster.nodes import GPU_NODES, PLAIN_NODES, hall
from cluster.operators import definitions
from cluster.plane import Plane
from cluster.releases import Release
from waiting import await_that

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """Up with its nodes, the operators' kinds, and nothing installed."""
    with Plane(tmp_path_factory.mktemp("kubernetes")) as found:
        for manifest in (*hall(), *definitions(found.programs)):
            found.admin.good("POST", found.admin.place(manifest), manifest)
        await_that(lambda: _served(found), 60, "the operators' kinds to be served")
        await_that(lambda: _ready(found) == {*GPU_NODES, *PLAIN_NODES}, 60, "all nodes to be ready")
        yield found


def _served(plane):
    """A kind is stored a moment after it is known, and meanwhile refused."""
    specs = [d["spec"] for d in definitions(plane.programs)]
    paths = {f"/apis/{s['group']}/{v['name']}/{s['names']['plural']}" for s in specs for v in s["versions"] if v["served"]}  # fmt: skip
    return {200} == {plane.admin.call("GET", path).status for path in paths}


def _ready(plane):
    """Names of nodes that pods may go to."""
    return {
        n["metadata"]["name"] for n in plane.admin.items("/api/v1/nodes")
        if any(c["type"] == "Ready" and c["status"] == "True" for c in n["status"].get("conditions", []))
        and not [t for t in n["spec"].get("taints", []) if t["key"].startswith("node.kubernetes.io/")]
    }  # fmt: skip


@pytest.fixture
def release(plane):
    """A namespace and the name of a release, gone with all that it has when the test ends."""
    with Release(plane, f"site-{next(NUMBERS)}") as one:
        yield one


@pytest.fixture(scope="module")
def small(plane):
    """The preset for 64 GPUs as it is, installed and looked at only."""
    with Release(plane, f"site-{next(NUMBERS)}") as one:
        one.install("64")
        yield one
