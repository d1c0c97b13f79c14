"""The cookbook's files: how they are read, and what is refused."""

import pytest

from coldplate.sinks.recipes import RecipeError, fill, read, recipes

HEAD = "-- title: Why?\n-- role: analyst\n-- tells: This,\n--   and that.\n"


def test_a_file_is_a_question_with_its_parameters():
    """Lines that go on, defaults that are empty, the semicolon left out."""
    recipe = read(
        "why",
        f"{HEAD}-- param: gpu = rack/gpu-0 id of it\nSELECT {{gpu:String}}\n-- a remark\nAS x;\n",
    )
    assert ("why", "Why?", "analyst", "This, and that.") == (
        recipe.name,
        recipe.title,
        recipe.role,
        recipe.tells,
    )
    assert [("gpu", "rack/gpu-0", "id of it")] == [
        (p.name, p.default, p.meaning) for p in recipe.params
    ]
    assert "SELECT {gpu:String}\n-- a remark\nAS x" == recipe.sql


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1", "needs title"),
        (HEAD.replace("analyst", "king") + "SELECT 1", "operator"),
        (f"{HEAD}-- param: gpu\nSELECT 1", "meaning"),
        (f"{HEAD}-- param: gpu = x id\nSELECT 1", "not the same"),
        (f"{HEAD}SELECT {{gpu:String}}", "not the same"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, words):
    """What it lacks, under its name."""
    with pytest.raises(RecipeError, match=words) as refused:
        read("why", text)
    assert str(refused.value).startswith("why: ")


def test_the_committed_files_are_readable_and_begin_with_a_select():
    """Every one asks, none changes anything."""
    assert all(r.sql.split()[0] in ("SELECT", "WITH") for r in recipes().values())
    assert len({r.title for r in recipes().values()}) == len(recipes())


def test_values_are_literals_and_nothing_more():
    """A quote or a backslash in a value ends nothing."""
    filled = fill(
        "SELECT {a:String}, {t:DateTime}", {"a": "x' OR 1 --\\", "t": "2026-11-27T00:00:00+00:00"}
    )
    expected = r"CAST('x\' OR 1 --\\', 'String')"
    assert (
        filled
        == f"SELECT {expected}, parseDateTime64BestEffort('2026-11-27T00:00:00+00:00', 3, 'UTC')"
    )
    with pytest.raises(RecipeError, match="no value for a"):
        fill("SELECT {a:String}", {})
    with pytest.raises(RecipeError, match="called b; there are: a"):
        fill("SELECT {a:String}", {"a": "1", "b": "2"})
