"""Incidents against labels, case by case."""

import pytest

from coldplate.streams.evaluate.label import Label, Said
from coldplate.streams.evaluate.match import AFTER_MS, Matching, Places, match
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import generate

HALL = generate(2, 2, 2)
PLACES = Places({d.id: d.parent for d in HALL}, {d.id: d.kind for d in HALL})
CDU, GPU, NODE = "rack-0000/cdu", "rack-0000/node-1/gpu-0", "rack-0000/node-1"


def label(kind="pump-stop", cause=CDU, onset=1000, end=60_000, **more):
    return Label("f", kind, cause, onset, end_ms=end, **more)


def said(subject=CDU, kind="pump-stop", at=2000, severity=Severity.CRITICAL, name="i"):
    return Said(name, kind, subject, severity, at, at + 500)


def found(labels, *incidents) -> Matching:
    return match(labels, incidents, PLACES)


@pytest.mark.parametrize(
    ("subject", "cause", "fits"),
    [
        (CDU, CDU, True), ("rack-0000", CDU, True), ("rack-0000", GPU, True), (NODE, GPU, True),
        (GPU, NODE, True), (GPU, "rack-0000", True), (GPU, CDU, False), ("row-0", GPU, False),
        ("hall", GPU, False), ("hall", "hall", True), (GPU, "hall", True), ("rack-0001", GPU, False),
        ("rack-0000", "row-0", True), ("hall", "row-0", False), ("nobody", GPU, False),
    ],
)  # fmt: skip
def test_who_an_incident_can_be_about(subject, cause, fits):
    """The cause, what sits in it, or what it sits in up to its rack."""
    assert fits == PLACES.fits(subject, cause)


def test_the_earliest_page_is_the_labels_and_further_ones_count_against_it():
    """One found, one further, none false."""
    matching = found([label()], said(at=5000, name="b"), said(at=2000, name="a"))
    assert "a" == matching.found[0].said.id
    assert ["b"] == [s.id for s in matching.found[0].further]
    assert () == matching.false


@pytest.mark.parametrize(
    ("at", "fits"),
    [(999, False), (1000, True), (60_000 + AFTER_MS, True), (60_001 + AFTER_MS, False)],
)
def test_it_opens_between_onset_and_two_minutes_after_the_end(at, fits):
    """A page outside is false."""
    matching = found([label()], said(at=at))
    assert fits == (matching.found[0].said is not None)
    assert (not fits) == (len(matching.false) == 1)


def test_an_incident_goes_to_the_label_of_its_family():
    """Of two that it fits; the other stays unfound."""
    labels = [label("power-brake", "rack-0000"), label("cold-plate-fouling", GPU)]
    matching = found(labels, said(GPU, "paste-pump-out"))
    assert [False, True] == [f.said is not None for f in matching.found]
    assert matching.found[1].cause_correct


def test_a_wrong_family_is_found_with_the_wrong_cause():
    """It was seen, and the page was not false."""
    matching = found([label()], said("rack-0000", "unknown"))
    assert matching.found[0].said is not None
    assert not matching.found[0].cause_correct
    assert () == matching.false


def test_tickets_count_for_slow_wear_alone():
    """Elsewhere they neither find nor are false."""
    ticket = said(GPU, "cold-plate-fouling", severity=Severity.TICKET)
    assert found([label("cold-plate-fouling", GPU)], ticket).found[0].said is ticket
    matching = found([label("gpu-lost", GPU)], ticket)
    assert matching.found[0].said is None
    assert () == matching.false


def test_a_page_on_a_look_alike_is_false():
    """And it is said which one fooled detection."""
    alike = label("healthy-pump-rotation")
    matching = found([alike], said())
    assert () == matching.found
    assert [alike] == [near for _, near in matching.false]
