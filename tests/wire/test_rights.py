"""What each part may do in Kafka: as little as it needs, and the same wherever it is written."""

import pytest
import yaml
from tree import ROOT

from coldplate.wire.rights import READ, Right, Role, roles, user_of
from coldplate.wire.topic import Topics

STRIMZI = ROOT / "helm/coldplate/examples/strimzi/users.yaml"
ROLES = roles()


def _of_example():
    """User -> its rights, as Strimzi's manifests say them."""
    out = {}
    for user in filter(None, yaml.safe_load_all(STRIMZI.read_text("utf-8"))):
        acls = user["spec"]["authorization"]["acls"]
        out[user["metadata"]["name"]] = {
            (a["resource"]["type"], a["resource"]["name"], a["resource"]["patternType"], o)
            for a in acls
            for o in a["operations"]
        }
    return out


def _of(role):
    return {
        (r.resource, r.name, "prefix" if r.prefixed else "literal", o)
        for r in role.rights
        for o in r.operations
    }


@pytest.mark.parametrize("user", sorted(_of_example()))
def test_the_example_gives_exactly_these_rights(user):
    """Strimzi's users have what their role needs, and nothing else."""
    assert _of(ROLES[user.removeprefix("coldplate-")]) == _of_example()[user]


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
def test_a_right_is_for_something_that_there_is(role):
    """Topics are ours, no right is given twice, and only what is written or read may be described."""
    known = {s.name for s in Topics().specs()}
    assert role.does
    for right in role.rights:
        assert right.prefixed or right.resource == "group" or right.name in known
    assert len({(r.resource, r.name) for r in role.rights}) == len(role.rights)


def test_nobody_but_the_deployer_creates_and_nobody_writes_what_it_need_not():
    """A node that is taken over can send frames and events, and neither read nor judge."""
    creators = {
        name for name, role in ROLES.items() for r in role.rights if "Create" in r.operations
    }
    writes = {name: {r.name for r in role.rights if "Write" in r.operations} for name, role in ROLES.items()}  # fmt: skip
    reads = {name: {r.name for r in role.rights if "Read" in r.operations} for name, role in ROLES.items()}  # fmt: skip
    t = Topics()
    assert {"topics"} == creators
    assert {t.frames, t.events} == writes["agent"]
    assert set() == reads["agent"]
    assert {"worker", "cluster", "alerts"} == {
        name for name, of in writes.items() if t.incidents in of
    }
    assert set() == writes["reader"]


def test_names_follow_the_configuration():
    """Another prefix, other groups."""
    found = roles(Topics("hall7"), "judges", "keepers", "joins")
    names = {r.name for role in found.values() for r in role.rights}
    assert {"judges", "keepers", "joins"} == {n for n in names if not n.startswith("hall7.")}
    assert isinstance(found["worker"], Role)
    assert Right("group", "judges", READ) in found["worker"].rights
    assert "coldplate-worker" == user_of("worker")
