"""Times as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from coldplate.console.failure import Failure
from coldplate.console.moments import lasting_s, moment, span

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("-90m", NOW - timedelta(minutes=90)),
        ("-1.5d", NOW - timedelta(hours=36)),
        ("2026-11-27", NOW.replace(hour=0)),
        ("2026-11-27 10:30", NOW.replace(hour=10, minute=30)),
        ("2026-11-27T10:30:00Z", NOW.replace(hour=10, minute=30)),
        ("2026-11-27T10:30:00+01:00", NOW.replace(hour=9, minute=30)),
    ],
)
def test_a_time_is_understood(text, expected):
    """Without an offset it is UTC."""
    assert expected == moment(text, "--from", NOW)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-27 10:30 CET", "'CET' is a name"),
        ("noon", "expected as"),
        ("2026-13-01", "expected as"),
    ],
)
def test_a_time_that_is_none_is_refused_with_what_is_expected(text, words):
    """The option is named, too."""
    with pytest.raises(Failure, match=words) as refused:
        moment(text, "--to", NOW)
    assert "--to" in str(refused.value)


def test_ends_in_the_wrong_order_or_ahead_are_refused():
    """Most often that is a zone, so it is said."""
    assert (NOW - timedelta(hours=1), NOW) == span("-1h", "now", NOW)
    for ends, words in ((("now", "-1h"), "not before"), (("2026-11-28", "2026-11-29"), "future")):
        with pytest.raises(Failure, match=words) as refused:
            span(*ends, NOW)
        assert "UTC" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90.0), ("30m", 1800.0), ("1.5h", 5400.0), ("7d", 604_800.0)]
)
def test_a_duration_is_understood(text, expected):
    """A number and its unit."""
    assert expected == lasting_s(text, "--for")


@pytest.mark.parametrize("text", ["", "2", "-2h", "0s", "2 weeks", "h"])
def test_a_duration_that_is_none_is_refused(text):
    """The option is named, too."""
    with pytest.raises(Failure, match=r"--for .*expected as 90s"):
        lasting_s(text, "--for")
