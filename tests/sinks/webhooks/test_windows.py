"""When silences hold, what they match, and which are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.sinks.webhooks.labels import labels_of
from coldplate.sinks.webhooks.matching import SilenceError, check, matches
from coldplate.sinks.webhooks.windows import Window, WindowError
from coldplate.wire.incident import Incident, Severity, State
from coldplate.wire.inventory import generate
from coldplate.wire.silence import Silence

HOUR_MS = 3_600_000
HALL = generate(25)


def ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def silence(begin="2026-01-01", end="2027-01-01", **more):
    return Silence("s1", "work", "ada", ms(begin), ms(end), **({"subject": "rack-0003"} | more))


def spans(found, first, hours):
    """Stretches in which it holds, found by walking from change to change."""
    window, at, end, out, begun = Window(found), ms(first), ms(first) + hours * HOUR_MS, [], None
    while at is not None and at < end:
        if window.holds(at) and begun is None:
            begun = at
        elif not window.holds(at) and begun is not None:
            out.append((begun, at))
            begun = None
        at = window.next_change_ms(at)
    return [tuple(f"{datetime.fromtimestamp(t / 1000, UTC):%d %H:%M}" for t in s) for s in out]


def test_a_plain_silence_holds_from_its_begin_to_before_its_end():
    """It changes twice, and never again."""
    window = Window(silence("2026-11-01", "2026-11-02"))
    begin, end = ms("2026-11-01"), ms("2026-11-02")
    held = [window.holds(t) for t in (begin - 1, begin, end - 1, end)]
    assert [False, True, True, False] == held
    changes = [window.next_change_ms(t) for t in (begin - 1, begin, end - 1, end)]
    assert [begin, end, end, None] == changes


def test_a_window_recurs_by_the_zones_clock():
    """Monday at three in Oslo, for two hours, and only between its first and last time."""
    mondays = silence("2026-11-23", "2026-12-08", cron="0 3 * * 1", for_s=7200, zone="Europe/Oslo")
    assert [("23 02:00", "23 04:00"), ("30 02:00", "30 04:00"), ("07 02:00", "07 04:00")] == spans(
        mondays, "2026-11-22", 24 * 30
    )


def test_the_last_window_ends_with_the_silence():
    """What reaches over the last time is cut."""
    found = silence("2026-11-23", "2026-11-23T03:00", cron="0 3 * * 1", for_s=7200, zone="Europe/Oslo")  # fmt: skip
    assert [("23 02:00", "23 03:00")] == spans(found, "2026-11-22", 48)


@pytest.mark.parametrize(
    ("day", "cron", "expected"),
    [
        # In spring two o'clock is three o'clock: what the clocks leave out comes as much later.
        ("2026-03-29", "30 2 * * *", [("29 01:30", "29 02:00")]),
        ("2026-03-29", "0 4 * * *", [("29 02:00", "29 02:30")]),
        # In autumn half past two comes twice, and counts once.
        ("2026-10-25", "30 2 * * *", [("25 00:30", "25 01:00")]),
        ("2026-10-25", "0 4 * * *", [("25 03:00", "25 03:30")]),
    ],
)
def test_clocks_that_are_changed_lose_and_double_no_window(day, cron, expected):
    """One window a day, on the day of the change too, of its full length."""
    found = silence(cron=cron, for_s=1800, zone="Europe/Oslo")
    assert expected == spans(found, day, 23)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_every_hour_means_every_hour(day, hours):
    """A day of 23 hours has 23 windows, one of 25 has 25."""
    found = silence(cron="0 * * * *", for_s=600, zone="Europe/Oslo")
    first = f"{datetime.fromisoformat(day) - timedelta(hours=1 if hours == 23 else 2)}"
    assert hours == len(spans(found, first, hours))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["0 3 * * 1", "30 2 * * *", "*/20 * * * *", "15 */6 1,15 * *"]),
    st.sampled_from(["UTC", "Europe/Oslo", "America/New_York", "Australia/Lord_Howe"]),
    st.sampled_from([300.0, 5400.0, 90_000.0]),
    st.integers(0, 8760 * 60),
)
def test_the_next_change_is_the_first(cron, zone, for_s, minute):
    """Between now and the next change nothing changes, at whatever time of the year."""
    window = Window(silence(cron=cron, zone=zone, for_s=for_s, end="2028-01-01"))
    at = ms("2026-01-01") + minute * 60_000
    end = window.next_change_ms(at)
    assert end is not None
    assert at < end
    held = window.holds(at)
    steps = range(at, end, max(60_000, (end - at) // 20 // 60_000 * 60_000))
    assert {held} == {window.holds(t) for t in (*steps, end - 1)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cron": "0 3 * *", "for_s": 60}, "five fields"),
        ({"cron": "@daily", "for_s": 60}, "five fields"),
        ({"cron": "0 3 * * 1 5", "for_s": 60}, "five fields"),
        ({"cron": "0 25 * * *", "for_s": 60}, "cron"),
        ({"cron": "0 0 31 2 *", "for_s": 60}, "cron"),
        ({"cron": "0 3 * * 1"}, "more than nothing"),
        ({"zone": "Mars/Base"}, "no time zone"),
        ({"zone": "../etc"}, "no time zone"),
        ({"end": "2025-12-31"}, "before it begins"),
    ],
)
def test_a_window_that_cannot_be_is_refused(more, words):
    """The message says what to write instead."""
    with pytest.raises(WindowError, match=words):
        Window(silence(**more))


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, True),
        ({"subject": "row-0"}, True),
        ({"subject": "rack-0004"}, False),
        ({"subject": "", "kind": "pump"}, True),
        ({"subject": "", "kind": "pump-stop"}, True),
        ({"subject": "", "kind": "leak"}, False),
        ({"kind": "leak"}, False),
        ({"subject": "", "labels": {"rack": "rack-0003", "severity": "warning"}}, True),
        ({"labels": {"gpu": "rack-0003/node-0/gpu-0"}}, False),
        ({"subject": ""}, False),
    ],
)
def test_every_matcher_must_match(more, expected):
    """One without any matches nothing."""
    about = Incident(
        "test", "a1", 0, State.OPEN, "pump-stop", "rack-0003/cdu", "rack-0003", Severity.WARNING,
        0, 0, "x", 0,
    )  # fmt: skip
    assert expected == matches(silence(**more), about, labels_of(about, HALL), HALL)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subject": ""}, "everything"),
        ({"subject": "rack-03"}, "no 'rack-03'; near are rack-00"),
        ({"kind": "pump-stopp"}, "'pump-stopp'; near are pump-stop"),
        ({"labels": {"rak": "x"}}, "no label is called 'rak'"),
        ({"end": "2026-05-01"}, "past"),
        ({"end": "2029-01-01"}, "400 days"),
        ({"cron": "0 3 *", "for_s": 60.0}, "five fields"),
        ({"cron": "0 0 1 1 *", "for_s": 60.0, "begin": "2026-07-01", "end": "2026-08-01"}, "never"),
        ({"zone": "Mars/Base"}, "time zone"),
    ],
)
def test_a_silence_that_nobody_can_have_meant_is_refused(more, words):
    """In one sentence, with what may have been meant."""
    with pytest.raises(SilenceError, match=words):
        check(silence(**more), ms("2026-06-01"), HALL.devices)


@pytest.mark.parametrize(
    "more", [{}, {"kind": "pump"}, {"kind": "xid-79"}, {"kind": "reset-gpu"}, {"subject": "hall"}]
)
def test_a_silence_that_makes_sense_is_taken(more):
    """Kinds, families, codes, and whatever the inventory has."""
    check(silence(**more), ms("2026-06-01"), HALL.devices)


def test_without_an_inventory_every_subject_is_taken():
    """It cannot be told whether there is one."""
    check(silence(subject="anything"), ms("2026-06-01"))
