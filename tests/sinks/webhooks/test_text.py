"""An incident in words: numbers with units, bounded however large it is, harmless whatever its names hold."""

import unicodedata
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldplate.sinks.webhooks.config import Links
from coldplate.sinks.webhooks.telling.cause import names
from coldplate.sinks.webhooks.telling.moment import day_and_time
from coldplate.sinks.webhooks.text import TITLE_MAX, text_of
from coldplate.wire.incident import Evidence, Incident, Severity, State

T_MS = 1_795_749_125_000
LINKS = Links(dashboards="https://grafana.example/", runbooks="https://git.example/runbooks")
LABELS = {"hall": "hall-1", "row": "row-3", "rack": "rack-0007", "severity": "critical"}
GPUS = tuple(f"rack-0007/node-{n}/gpu-{g}" for n in range(8) for g in range(8))


def seen(detector, metric, value, baseline=None, threshold=None, subject="rack-0007/cdu", **more):
    return Evidence(detector, subject, metric, T_MS, value, threshold, baseline, **more)


def incident(**changes):
    """A pump that stopped a few seconds ago."""
    told = Incident(
        "c", "8b817d015bc3", 0, State.OPEN, "pump-stop", "rack-0007/cdu", "rack-0007", Severity.CRITICAL,
        T_MS + 2000, T_MS + 3000, "Pump 1 of rack-0007/cdu stopped; flow 61 of 118 l/min.", T_MS,
        affected=GPUS, throttle_at_ms=T_MS + 48_000,
        evidence=(
            seen("pump1-stop", "pump1_rpm", 0.0, 3012.0, 1807.2), seen("flow-loss", "flow_lpm", 61.04, 118.0, 106.2),
            seen("node-flow", "node_flow_lpm", 7.5, 14.75, subject="rack-0007/node-0"),
            seen("forecast", "margin_c", 3.4, threshold=0.0, subject=GPUS[0], note="nearest"),
        ),
    )  # fmt: skip
    return msgspec.structs.replace(told, **changes)


def words(told, labels=LABELS, now_ms=T_MS + 10_000, **more):
    return text_of(told, labels, now_ms, links=LINKS, **more)


def test_a_pump_that_stopped_is_told_with_what_whoever_is_woken_needs():
    """What, where, since when, how sure, the deciding number first, who, for how long yet, and what to do."""
    text = words(incident(), serial="CDU-77", jobs=("llama", "eval", "a", "b", "c"))
    assert text.title == "Pump 1 stopped: rack-0007/cdu"
    assert text.what.startswith(
        "Pump 1 of rack-0007/cdu stopped; flow 61 of 118 l/min. The rack's coolant"
    )
    assert text.where == "hall-1, row-3, rack-0007, rack-0007/cdu, serial CDU-77"
    assert text.since == "2026-11-27 03:12:05 UTC, for 10 s"
    assert text.sure.startswith(
        "Sure: 3 detectors agree over 3 readings (pump1-stop, flow-loss, node-flow). "
    )
    assert text.evidence == (
        "flow 61 l/min, usually 118, limit 106 (rack-0007/cdu at 03:12:05)",
        "pump 1 speed 0 rpm, usually 3,012, limit 1,807 (rack-0007/cdu at 03:12:05)",
        "node flow 7.5 l/min, usually 14.8 (rack-0007/node-0 at 03:12:05)",
        "margin to the limit 3.4 K, expected, not measured, nearest (rack-0007/node-0/gpu-0 at 03:12:05)",
    )
    assert text.affected == (
        "64 GPUs of rack-0007 (first to throttle: rack-0007/node-0/gpu-0 in 38 s, at 03:12:53);"
        " jobs llama, eval, a and 2 more"
    )
    assert text.todo[0].startswith("If flow is below a third")
    assert text.runbook_url == "https://git.example/runbooks/pump-stop.md"


def test_a_dashboard_shows_the_rack_from_before_it_began():
    """Its variables are of the incident, and end when that has."""
    url = urlsplit(words(incident()).dashboard_url)
    assert (url.netloc, url.path) == ("grafana.example", "/d/coldplate-water")
    assert parse_qs(url.query) == {
        "var-hall": ["hall-1"], "var-rack": ["rack-0007"], "from": [str(T_MS - 600_000)], "to": ["now"],
    }  # fmt: skip
    over = words(incident(state=State.CLOSED, closed_ms=T_MS + 60_000)).dashboard_url
    assert parse_qs(urlsplit(over).query)["to"] == [str(T_MS + 660_000)]
    gpu = words(incident(kind="xid-48", subject=GPUS[9])).dashboard_url
    assert urlsplit(gpu).path == "/d/coldplate-gpu"
    assert parse_qs(urlsplit(gpu).query)["var-gpu"] == [GPUS[9]]


def test_without_addresses_there_are_no_links():
    """What is not configured is not guessed."""
    text = text_of(incident(), {}, T_MS, links=Links())
    assert (text.runbook_url, text.dashboard_url, text.where) == ("", "", "rack-0007/cdu")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"throttle_seen_ms": T_MS + 5000}, "64 GPUs of rack-0007 (throttling since 03:12:10)"),
        ({"throttle_at_ms": T_MS + 4000}, "64 GPUs of rack-0007 (first to throttle: rack-0007/node-0/gpu-0, was due 6 s ago)"),
        ({"throttle_at_ms": None, "affected": ()}, "nothing else so far"),
        ({"throttle_at_ms": None, "affected": GPUS[:1]}, GPUS[0]),
        ({"throttle_at_ms": None, "affected": (*GPUS, "rack-0007/node-0")}, "64 GPUs, 1 node of rack-0007"),
        ({"state": State.CLOSED, "closed_ms": T_MS + 9000}, "64 GPUs of rack-0007"),
    ],
)  # fmt: skip
def test_who_suffers_is_counted_and_the_countdown_ends(changes, expected):
    """By what they are; what was forecast is told until it is seen, is late, or is over."""
    assert expected == words(incident(**changes)).affected


def test_a_flood_stays_short():
    """12,500 devices and a thousand numbers are a few lines."""
    affected = tuple(f"rack-{n // 64:04}/node-{n // 8 % 8}/gpu-{n % 8}" for n in range(12_500))
    evidence = tuple(
        seen("flow-loss", "flow_lpm", 10.0 + n, 118.0, subject=f"rack-{n:04}/cdu")
        for n in range(1024)
    )
    text = words(
        incident(affected=affected, evidence=evidence), jobs=[f"job-{n}" for n in range(5000)]
    )
    assert text.affected.startswith("12,500 GPUs in 196 racks (first to throttle: rack-0000/")
    assert text.affected.endswith("jobs job-0, job-1, job-2 and 4,997 more")
    assert (13, "1,012 more") == (len(text.evidence), text.evidence[-1])
    assert len(msgspec.json.encode(text)) < 6000


@pytest.mark.parametrize(
    ("evidence", "kind", "expected"),
    [
        ((seen("flow-loss", "flow_lpm", 1.0),), "flow-loss", "One detector only (flow-loss): look before you act."),
        ((seen("xid-48", "xid", 48.0),), "xid-48", "Told, not inferred (xid-48)."),
        ((seen("a", "flow_lpm", 1.0), seen("b", "flow_lpm", 1.0)), "flow-loss", "Fairly sure: 2 detectors agree (a, b)."),
        ((seen("margin", "margin_c", 3.0),), "flow-loss", "Only consequences were seen, not the cause."),
        ((seen("margin", "margin_c", 3.0),), "unknown", "The cause is not known."),
        ((), "flow-loss", "Only consequences were seen, not the cause."),
    ],
)  # fmt: skip
def test_how_sure_goes_by_who_agrees(evidence, kind, expected):
    """Forecasts and consequences are no witnesses."""
    assert words(incident(evidence=evidence, kind=kind)).sure.startswith(expected)


@pytest.mark.parametrize(
    "kind", [*names(), "xid-13", "xid-79", "xid-4711", "healthy-checkpoint", "", "no/such\n"]
)
def test_every_kind_has_words_without_holes(kind):
    """A title that says where, steps, and nothing left to be filled in."""
    for subject in ("rack-0007/node-3/gpu-1", "x" * 500):
        text = words(incident(kind=kind, subject=subject, evidence=()))
        assert len(text.title) <= TITLE_MAX
        assert subject[:5] in text.title
        assert text.todo
        assert not {"{", "}", "\0"} & set(text.title + text.what + text.where)


def test_a_gpu_near_its_limit_without_a_cause_is_told_so():
    """The ticket about something unusual and heat that nobody explains are not one title."""
    hot = incident(
        kind="unknown", subject=GPUS[0], evidence=(seen("margin", "margin_c", 3.0, threshold=8.0),)
    )
    assert words(hot).title == "Near its thermal limit, cause unknown: rack-0007/node-0/gpu-0"
    odd = incident(kind="unknown", evidence=(seen("unlike-peers", "power_w", 3.0),))
    assert words(odd).title == "Reads unlike itself: rack-0007/cdu"


def test_names_cannot_give_orders_to_a_terminal():
    """Escapes, new lines and marks of direction are gone, the rest is there."""
    evil = "rack\x1b[2J\x1b]0;owned\x07-7\r\nTo: all\u202egnp.exe\x9b31m"
    text = words(
        incident(subject=evil, cause=f"Pump of {evil}"),
        {**LABELS, "rack": evil},
        serial=evil,
        jobs=(evil,),
    )
    assert text.title == "Pump 1 stopped: rack-7 To: allgnp.exe"
    assert text.where == "hall-1, row-3, rack-7 To: allgnp.exe, serial rack-7 To: allgnp.exe"


hostile = st.text(st.characters(), max_size=200) | st.sampled_from(
    ["{subject}", "\x1b[31m", "\ud800", "a/b", "{pump}{code}"]
)
number = st.none() | st.floats()
stamp = st.integers(0, 1 << 62)


@given(
    st.builds(
        Incident, hostile, hostile, st.just(0), st.sampled_from(State), hostile | st.sampled_from(names()), hostile, hostile,
        st.sampled_from(Severity), stamp, stamp, hostile, stamp, closed_ms=st.none() | stamp,
        affected=st.lists(hostile, max_size=5).map(tuple), throttle_at_ms=st.none() | stamp, throttle_seen_ms=st.none() | stamp,
        evidence=st.lists(st.builds(Evidence, hostile, hostile, hostile, stamp, number, number, number, hostile), max_size=5).map(tuple),
    ),
    st.dictionaries(st.sampled_from(["hall", "row", "rack", "node", "slot"]), hostile), hostile, st.lists(hostile, max_size=5), stamp,
)  # fmt: skip
def test_whatever_it_holds_it_becomes_plain_lines(told, labels, serial, jobs, now_ms):
    """One line each, bounded, without a character that does something; never an error."""
    text = text_of(told, labels, now_ms, links=LINKS, serial=serial, jobs=jobs)
    lines = [
        text.title,
        text.what,
        text.where,
        text.since,
        text.sure,
        text.affected,
        *text.evidence,
    ]
    assert {} == {
        c: unicodedata.category(c)
        for line in lines
        for c in line
        if unicodedata.category(c)[0] in "CZ" and c != " "
    }
    assert max(map(len, lines)) < 1500
    assert len(text.title) <= TITLE_MAX
    msgspec.json.encode(text)


def test_times_are_absolute_and_say_how_long_it_lasted():
    """In UTC, with both ends once it is over."""
    assert words(incident(state=State.CLOSED, closed_ms=T_MS + 130_000)).since == (
        f"2026-11-27 03:12:05 UTC to {day_and_time(T_MS + 130_000)}, lasted 2 min 10 s"
    )
