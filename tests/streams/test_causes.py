"""The table of causes: whole, and free of contradictions."""

import pytest

from coldplate.streams.causes import TABLE, key_of, rank_of, rule_of
from coldplate.wire.fault import FAMILIES, XID_ACTIONS

KINDS = [kind for kinds in FAMILIES.values() for kind in kinds]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_has_a_row(kind):
    """None falls back to `unknown`."""
    assert kind == "unknown" or "unknown" != key_of(kind)


@pytest.mark.parametrize("code", XID_ACTIONS)
def test_every_action_of_an_xid_has_a_row(code):
    """Only a code that the catalogue lacks is `other`."""
    assert "xid:other" != key_of(f"xid-{code}")


def test_a_code_that_nobody_knows_is_the_least_precise_xid():
    """It explains nothing."""
    assert "xid:other" == key_of("xid-9999")
    assert () == rule_of("xid:other").explains


def test_what_is_explained_stands_below_what_explains_it():
    """So that no two kinds explain each other, and the uppermost is the cause."""
    wrong = [
        (rule.kind, kind)
        for rule in TABLE
        for explains in rule.explains
        for kind in explains.kinds
        if kind != rule.kind and rank_of(kind) <= rank_of(rule.kind)
    ]
    assert [] == wrong


def test_no_row_stands_twice():
    """And every consequence has one."""
    rows = [rule.kind for rule in TABLE]
    assert len(set(rows)) == len(rows)
    assert {k for r in TABLE for e in r.explains for k in e.kinds} <= set(rows)


def test_a_leak_by_its_rope_alone_is_less_sure_than_a_false_contact():
    """And that less than a leak by level and pressure."""
    order = [
        key_of("slow-leak", "reservoir"),
        key_of("leak-sensor-false"),
        key_of("slow-leak", "leak-contact"),
    ]
    assert order == sorted(order, key=rank_of)
