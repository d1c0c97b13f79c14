"""The runbooks: one a cause, with the steps that alerts tell, and nothing that does not exist."""

import re
import runpy

import pytest
from tree import ROOT

from coldplate.sinks.webhooks.telling.cause import causes, name_of, names
from coldplate.streams.catalogue import entries
from coldplate.streams.xid import XIDS
from coldplate.wire.fault import FAMILIES
from coldplate.wire.metric import CATALOGUE

PAGES = ROOT / "docs/runbooks"
PARTS = ["What you see", "How soon it hurts", "Do now", "How to be sure", "Mend it", "After it"]
KNOWN = {m.name for metrics in CATALOGUE.values() for m in metrics} | {"silent_s"}
DASHBOARDS = {"hall", "rack", "gpu", "water", "power", "incidents", "jobs", "pipeline"}


def text(name):
    return (PAGES / f"{name}.md").read_text("utf-8")


def part(name, title):
    return re.search(rf"^## {title}\n\n(.*?)(?=\n\n## |\Z)", text(name), re.DOTALL | re.MULTILINE)[
        1
    ]


def test_every_cause_has_words_and_a_page_and_nothing_else_has():
    """Kinds of fault, actions of XIDs, and codes that nobody knows."""
    assert set(names()) == set(causes())
    assert {*names(), "README"} == {path.stem for path in PAGES.glob("*.md")}
    assert [] == [k for kinds in FAMILIES.values() for k in kinds if name_of(k) != k]
    assert set(names()) >= {name_of(f"xid-{code}") for code in (*XIDS, 12345)}


@pytest.mark.parametrize("name", names())
def test_a_page_has_every_part_in_its_order(name):
    """Whoever is woken knows where to look; safety is the last, where there is something to say."""
    found = re.findall(r"^## (.*)$", text(name), re.MULTILINE)
    assert PARTS == [title for title in found if title != "Safety"]
    assert "Safety" not in found[:-1]
    assert 25 <= len(text(name).splitlines()) <= 65


@pytest.mark.parametrize("name", names())
def test_the_steps_of_a_page_are_those_of_the_alert(name):
    """Word for word, however the lines are broken."""
    numbered = [f"{n}. {step}" for n, step in enumerate(causes()[name].todo, 1)]
    assert numbered == [
        " ".join(s.split()) for s in re.split(r"\n(?=\d+\. )", part(name, "Do now"))
    ]
    assert 1 <= len(numbered) <= 6


def test_the_generator_would_change_no_step():
    """`make docs` writes what stands there."""
    made = runpy.run_path(str(ROOT / "docs/runbooks.py"))["SOURCES"]
    assert {} == {
        name: 0 for name, make in made.items() if make() != (ROOT / "docs" / name).read_text()
    }


@pytest.mark.parametrize("name", names())
def test_a_cause_names_a_series_a_dashboard_and_its_place(name):
    """What an alert points to exists, and its title says where."""
    cause = causes()[name]
    assert cause.metric in KNOWN
    assert cause.dashboard in DASHBOARDS
    assert "{subject}" in cause.title
    assert len(cause.title) <= 70


@pytest.mark.parametrize("name", names())
def test_a_page_is_in_the_index_and_says_how_to_mark_it(name):
    """One finds it without an alert, and what it was is written down."""
    assert f"]({name}.md)" in text("README")
    assert "coldplate incidents mark ID --outcome fixed-by --text " in part(name, "After it")


def test_what_detectors_see_stands_on_the_page_of_what_they_speak_for():
    """Each detector by its name."""
    told = [(e.name, e.fault) for e in entries()]
    assert len(told) > 60
    assert [] == [(n, kind) for n, kind in told if f"`{n}`" not in text(kind)]


def test_names_of_detectors_on_pages_exist():
    """A detector that was renamed is not looked for in vain."""
    known = {e.name for e in entries()} | KNOWN | set(names()) | {
        "silence", "listing", "leak-contact", "gpu-lost-event", "power-brake-event", "xid-",
        "gpu_c + margin_c", "SRAM threshold exceeded",
    }  # fmt: skip
    words = {(n, w) for n in names() for w in re.findall(r"`([^`\n]+)`", part(n, "What you see"))}
    assert [] == sorted(
        w for w in words if w[1] not in known and not re.fullmatch(r"xid-\d+", w[1])
    )
