"""What commands print: whole tables, and one line of JSON."""

import json
import math
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from coldplate.console.output import print_json, print_table, rfc3339

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def test_json_is_one_line_of_plain_values(capsys):
    """Times as text, what is no number as null, whatever else as its words."""
    print_json({
        "at": NOON, "day": date(2026, 1, 2), "nan": math.nan, "far": math.inf, "some": (1, None),
        "path": Path("a/b"), 7: {"text": "two\nlines", "yes": True},
    })  # fmt: skip
    out = capsys.readouterr().out
    assert 1 == out.count("\n")
    assert json.loads(out) == {
        "at": "2026-01-02T12:00:00+00:00", "day": "2026-01-02", "nan": None, "far": None,
        "some": [1, None], "path": "a/b", "7": {"text": "two\nlines", "yes": True},
    }  # fmt: skip


def test_a_table_is_whole_when_nobody_looks(capsys):
    """In a pipe no cell is cut or broken, however long it is."""
    print_table(("id", "cause"), [("a", "x" * 500), ("b", None)], title="incidents")
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["incidents"] == lines[0]
    assert ["id", "cause"] == lines[1]
    assert [["a", "x" * 500], ["b", "-"]] == lines[3:]


def test_cells_are_for_people(capsys):
    """Short numbers, times to the second, lists with commas."""
    print_table(("v",), [(1 / 3,), (NOON,), (["a", 2.50],)])
    cells = [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert ["0.333333", "2026-01-02 12:00:00+00:00", "a, 2.5"] == cells[2:]


def test_an_empty_table_has_its_columns(capsys):
    """No rows is an answer too."""
    print_table(("id", "cause"), [])
    assert ["id", "cause"] == capsys.readouterr().out.split()[:2]


def test_without_rich_a_table_is_plain_and_whole(capsys, monkeypatch):
    """As in an agent's environment, which has nothing for people; words of others are not obeyed there either."""
    monkeypatch.setitem(sys.modules, "rich.box", None)
    print_table(("id", "n"), [("a\x1b[2J", 7), ("two\nlines", 12)], title="some")
    assert ["some", "id          n", r"a\x1b[2J    7", "two lines  12"] == capsys.readouterr().out.splitlines()  # fmt: skip
    print_table(("id", "n"), [])
    assert "id  n\n" == capsys.readouterr().out


def test_milliseconds_become_text():
    """With their fraction and time zone; None stays None."""
    assert "2026-01-02T12:00:00.250+00:00" == rfc3339(int(NOON.timestamp() * 1000) + 250)
    assert rfc3339(None) is None


def test_words_of_others_are_shown_and_not_obeyed(capsys):
    """What looks like markup is text, closing or not; what would steer a terminal is written out."""
    print_table(("[/a]", "id"), [("[bold]b [/c]", "x\x1b[2J\x9b31m"), ("two\nlines", 1)], title="[/t]")  # fmt: skip
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("[/t]", "[/a]", "[bold]b [/c]", r"x\x1b[2J\x9b31m"))
    assert not set(shown) & {"\x1b", "\x9b"}
