"""Kinds of fault and their families."""

import pytest

from coldplate.twin.faults.library import KINDS
from coldplate.wire.fault import FAMILIES, SLOW, family_of, looks_alike, should_page


def test_a_kind_stands_in_one_family():
    """No kind twice."""
    kinds = [kind for members in FAMILIES.values() for kind in members]
    assert sorted(set(kinds)) == sorted(kinds)
    assert set(kinds) >= SLOW


@pytest.mark.parametrize(
    "kind", [k for k in KINDS.values() if k.name != "xid"], ids=lambda k: k.name
)
def test_the_twins_faults_are_of_these_families(kind):
    """What the twin can do wrong is called as it is here, and pages when it should."""
    if looks_alike(kind.name):
        assert not should_page(kind.name)
    else:
        assert kind.family == family_of(kind.label or kind.name)
        assert kind.pages == should_page(kind.name)


def test_an_xid_is_of_the_family_of_its_action():
    """Codes that call for the same hands are one family; an unknown code is its own."""
    assert "reset-gpu" == family_of("xid-119") == family_of("xid-120")
    assert "nvlink" == family_of("xid-74")
    assert "xid-999" == family_of("xid-999")
    assert "xid-abc" == family_of("xid-abc")
    assert not should_page("xid-31")


def test_a_lost_gpu_is_lost_by_either_name():
    """XID 79 says that the GPU has fallen off the bus."""
    assert "errors" == family_of("xid-79") == family_of("gpu-lost")
    assert should_page("xid-79")
