"""`coldplate why`: an incident of a recorded day explained from a real ClickHouse, as the reader."""

import re

import msgspec
import pytest
from console.day_asked import asked_day, fired
from sinks.day import CLUSTER, TOPICS
from tree import ROOT

from coldplate.console.commands.sql import sql
from coldplate.console.commands.why import why
from coldplate.console.failure import BAD_INPUT
from coldplate.console.sparkline import BLOCKS, pointer, sparkline
from coldplate.sinks.recipes import recipes
from coldplate.wire.incident import Evidence, Incident, Severity, State

pytestmark = pytest.mark.e2e
PUMP, FLOW, HOSE, LOST = "8b817d015bc3", "76f0b3ef98c9", "c5cb93ab77be", "23973e72cce6"


@pytest.fixture(scope="module")
def day(endpoints):
    """The day, what detectors said of the pump, and a flow loss that is open."""
    with asked_day(endpoints) as found:
        told = found.evidence(PUMP)
        members = [e for e in told if e.detector != "forecast"]
        found.store([fired(e, "pump-stop") for e in members])
        hose = found.evidence(HOSE)[0]
        found.store([fired(hose, "coupling-half-closed")])
        yield found


def test_a_pump_that_stopped_is_explained(day):
    """Words, the deciding series with its ends, every step, who suffered; closed, it has no condition left."""
    found = day.told(why, PUMP)
    assert set(found) >= {"incident", "text", "series", "steps", "consequences", "would_close_when"}
    assert found["incident"]["kind"] == "pump-stop"
    assert found["text"]["title"] == "Pump 1 stopped: rack-0001/cdu"
    assert list(range(6)) == [s["number"] for s in found["steps"]]
    assert found["steps"][0]["why"].startswith("opened by pump1-trip")
    series = found["series"]
    assert ("rack-0001/cdu", "flow_lpm") == (series["subject"], series["metric"])
    assert series["lowest"] < 4
    assert series["highest"] > 7
    assert any(e["subject"].startswith("rack-0001/node-") for e in found["consequences"])
    assert found["would_close_when"]["conditions"] == []


def test_it_is_told_to_a_person_with_its_series_and_where_it_opened(day):
    """Any beginning of the id will do."""
    ran = day.run(why, PUMP[:5])
    assert ran.exception is None, ran.exception
    text = ran.stdout
    assert "Pump 1 stopped: rack-0001/cdu" in text
    assert "flow of rack-0001/cdu:" in text
    assert any(
        len(line.strip()) > 20 and set(line) <= set(f"{BLOCKS} ") for line in text.splitlines()
    )
    assert "^ opened" in text or "^\n" in text
    assert "first anomaly: " in text
    assert "Taken as its consequence:" in text
    assert "it is over: closed: nothing holds any more" in text
    assert 'runbook docs/runbooks/pump-stop.md, dashboard coldplate-water ("Pumps")' in text
    assert "\x1b" not in text


def test_what_would_close_an_open_one_follows_from_its_evidence(day):
    """The value at which its detector is silent again, how long, and that it holds still."""
    found = day.told(why, HOSE)
    only = found["would_close_when"]["conditions"][0]
    evidence = found["incident"]["evidence"][0]
    assert ("node-flow", True, 5.0) == (only["detector"], only["holds"], only["clear_s"])
    if evidence.get("baseline") is not None and evidence.get("threshold") is not None:
        low, high = sorted((evidence["threshold"], evidence["baseline"]))
        assert low < only["level"] < high
        assert "is above about" in only["words"]
    assert found["would_close_when"]["rule"] == "closes 5 s after none of these holds any more"
    assert "[holds]" in day.run(why, HOSE).stdout


def flow_loss(day, **changes):
    """A flow loss of now: 61 of 118 l/min, limit 15 %."""
    t_ms = day.loaded.end_ms - 120_000
    told = Incident(
        CLUSTER, "aaaa00000001", 0, State.OPEN, "flow-loss", "rack-0000/cdu", "rack-0000", Severity.CRITICAL,
        t_ms, t_ms, "rack-0000/cdu lost coolant flow; flow 61 of 118 l/min.", t_ms,
        evidence=(
            Evidence("flow-loss", "rack-0000/cdu", "flow_lpm", t_ms, 61.0, 100.3, 118.0),
            Evidence("margin", "rack-0000/node-0/gpu-0", "margin_c", t_ms, 5.0, 8.0),
            Evidence("xid-48", "rack-0000/node-0/gpu-0", "xid", t_ms, 48.0),
            Evidence("silence", "rack-0000/node-1", "silent_s", t_ms, 30.0, 12.0),
            Evidence("of-tomorrow", "rack-0000/cdu", "flow_lpm", t_ms, 1.0),
        ),
        why="opened by flow-loss on rack-0000/cdu",
    )  # fmt: skip
    return msgspec.structs.replace(told, **changes)


def test_conditions_say_what_is_known_and_no_more(day):
    """A share back in proportion, a score where there is no usual value, an event by its time, silence by its end."""
    first = flow_loss(day)
    renamed = flow_loss(day, step=1, kind="pump-stop", why="cause now pump-stop on rack-0000/cdu")
    merged = flow_loss(day, step=2, kind="pump-stop", why="incident bbbb00000002 is part of it")
    day.store([first, renamed, merged], TOPICS.incidents)
    day.store(
        [
            fired(first.evidence[0], "flow-loss"),
            fired(first.evidence[0], "flow-loss", on=False, t_ms=first.opened_ms + 9000),
        ]
    )
    found = day.told(why, "aaaa")
    by = {c["detector"]: c for c in found["would_close_when"]["conditions"]}
    assert by["flow-loss"]["words"] == (
        "flow-loss on rack-0000/cdu: when flow is above about 109 l/min for 3 s (it fired below 100 l/min)"
    )
    assert (False, None) == (by["flow-loss"]["holds"], by["margin"]["holds"])
    assert by["margin"]["words"].endswith("when its score is below -3 for 3 s (it fires at 0)")
    assert by["xid-48"]["words"].endswith("3 min after it was told last")
    assert (
        by["silence"]["words"] == "silence on rack-0000/node-1: when rack-0000/node-1 sends again"
    )
    assert by["of-tomorrow"]["words"].endswith("when it falls silent")
    assert ["", "flow-loss on rack-0000/cdu", ""] == [s["renamed"] for s in found["steps"]]
    text = day.run(why, "aaaa").stdout
    assert (
        "critical: cause now pump-stop on rack-0000/cdu; was called flow-loss on rack-0000/cdu"
        in text
    )
    assert "critical: incident bbbb00000002 is part of it" in text
    assert "[silent already]" in text


def test_without_a_number_the_metric_of_its_cause_is_drawn(day):
    """A GPU that was lost has an XID as evidence: its temperature says what came before."""
    found = day.told(why, LOST)
    assert ("rack-0000/node-1/gpu-2", "gpu_c") == (
        found["series"]["subject"],
        found["series"]["metric"],
    )
    assert found["text"]["sure"].startswith("Told, not inferred (xid-79).")


def test_an_id_that_nobody_has_or_several_begin_with_is_said_so(day):
    """With the newest, or those that it could be."""
    ran = day.run(why, "nothing")
    assert BAD_INPUT == ran.exception.exit_code
    assert "no incident's id begins with 'nothing'; the newest are " in str(ran.exception)
    several = flow_loss(day, id="cc00"), flow_loss(day, id="cc01")
    day.store(several, TOPICS.incidents)
    assert "several incidents begin with 'cc0': " in str(day.run(why, "cc0").exception)
    assert day.told(why, "cc01")["incident"]["id"] == "cc01"
    assert BAD_INPUT == day.run(why, "").exception.exit_code


def test_what_runbooks_ask_the_history_is_answered(day):
    """Every query of theirs, as the reader, with the names of this day; and every question of the cookbook exists."""
    pages = "\n".join(p.read_text("utf-8") for p in (ROOT / "docs/runbooks").glob("*.md"))
    names = {
        "'RACK'": "'rack-0000'",
        "'NODE'": "'rack-0000/node-0'",
        "'GPU'": "'rack-0000/node-0/gpu-0'",
    }
    found = sorted(set(re.findall(r'^coldplate sql "(.+)"$', pages, re.MULTILINE)))
    assert len(found) > 10
    for query in found:
        for word, name in names.items():
            query = query.replace(word, name)  # noqa: PLW2901
        assert "rows" in day.told(sql, query), query
    assert set(re.findall(r"coldplate sql --run ([a-z-]+)", pages)) <= set(recipes())


def test_a_line_shows_its_ends_and_its_gaps():
    """The mark stands below the place, its words where there is room."""
    assert sparkline([1.0, None, 8.0, float("nan")]) == "▁ █ "
    assert sparkline([40.0, 40.02, 39.98]) == "▁▁▁"
    assert pointer(2, 20, "opened") == "  ^ opened"
    assert pointer(18, 20, "opened") == "           opened ^"
    assert pointer(20, 20, "opened") == pointer(None, 20, "x") == ""
