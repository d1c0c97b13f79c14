"""`coldplate incidents` on real servers: what is listed, shown and followed, and what a person says of it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from console.site import site
from waiting import await_that

from coldplate.wire.incident import Evidence, Incident, Severity, State

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning")]
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def hall(clickhouse_url, kafka_bootstrap):
    with site(clickhouse_url, kafka_bootstrap) as found:
        yield found


@pytest.fixture(autouse=True)
def nothing_yet(hall):
    for table in ("incidents", "actions"):
        hall.client.execute(f"TRUNCATE TABLE {table}")


def incident(id_, step=0, state="open", severity="warning", kind="pump-stop", subject="rack-0000/cdu", **more):  # fmt: skip
    """Opened two hours ago; a second a step."""
    opened_ms = more.pop("opened_ms", time.time_ns() // 1_000_000 - 2 * HOUR_MS)
    at_ms = opened_ms + step * 1000
    given = {"closed_ms": at_ms if state == "closed" else None, "cause": "It stands.", "cluster": "coldplate"}  # fmt: skip
    return Incident(
        id=id_, step=step, state=State(state), severity=Severity(severity), kind=kind, subject=subject,
        rack=subject.split("/")[0], opened_ms=opened_ms, updated_ms=at_ms, first_tick_ms=opened_ms, **(given | more),
    )  # fmt: skip


def test_open_incidents_are_listed_the_worst_first(hall):
    """By severity, then the newest; filters for each; `list` is the same."""
    now_ms = time.time_ns() // 1_000_000
    hall.store(
        incident("aaaa1", severity="ticket", kind="filter-clog"),
        incident("bbbb1", severity="critical", opened_ms=now_ms - 5 * HOUR_MS),
        incident("cccc1", subject="rack-0001/node-2/gpu-3", kind="xid-79", affected=("x", "y")),
        incident("dddd1"), incident("dddd1", 1, "closed"),
    )  # fmt: skip

    def ids(*words):
        return [i["id"] for i in hall.told("incidents", *words)["incidents"]]

    assert ["bbbb1", "cccc1", "aaaa1"] == ids() == ids("list")
    assert ["bbbb1", "cccc1", "aaaa1", "dddd1"] == ids("--all")
    assert ["bbbb1"] == ids("--severity", "critical") == ids("list", "--limit", 1)
    assert ["bbbb1", "cccc1"] == ids("--severity", "warning")
    assert ["aaaa1"] == ids("--kind", "filter") == ids("list", "--kind", "filter-clog")
    assert ["cccc1"] == ids("--kind", "errors") == ids("--subject", "rack-0001/node-2")
    assert ["bbbb1", "aaaa1"] == ids("--subject", "rack-0000")
    assert ["bbbb1", "cccc1", "aaaa1"] == ids("--subject", "row-0") == ids("--subject", "hall")
    assert ["cccc1", "aaaa1"] == ids("--since", "-3h")
    (shown,) = hall.told("incidents", "--kind", "xid-79")["incidents"]
    assert (2, "open", "warning") == (shown["affected"], shown["state"], shown["severity"])
    assert "It stands." in hall.ok("incidents")
    assert "no open incidents\n" == hall.ok("incidents", "--kind", "leak")


def test_an_incident_is_shown_with_all_that_is_known(hall):
    """Cause, evidence with its numbers, who suffers, and the timeline."""
    seen = Evidence("pump", "rack-0000/cdu", "pump1_rpm", 0, 0.0, 500.0, 2900.0, "no speed at all")
    hall.store(
        incident("aaaa1", evidence=(seen,), affected=("g0", "g1")),
        incident("aaaa1", 1, evidence=(seen,), affected=("g0", "g1"), why="two GPUs suffer"),
    )
    found = hall.told("incidents", "show", "aaaa")
    assert ("aaaa1", 500.0) == (
        found["incident"]["id"],
        found["incident"]["evidence"][0]["threshold"],
    )
    assert ["open", "change"] == [line["what"] for line in found["timeline"]]
    text = hall.ok("incidents", "show", "aaaa1")
    words = [
        "pump-stop on rack-0000/cdu",
        "It stands.",
        "pump1_rpm",
        "threshold 500",
        "no speed at all",
        "g1",
        "two GPUs suffer",
    ]
    assert [] == [w for w in words if w not in text]


def test_a_beginning_of_an_id_is_enough_when_it_is_of_one(hall):
    """Of several it names them; a whole id is always one."""
    hall.store(incident("aaaa1"), incident("aaaa12"), incident("bbbb1"))
    assert "aaaa1" == hall.told("incidents", "show", "aaaa1")["incident"]["id"]
    assert "bbbb1" == hall.told("incidents", "show", "bbbb")["incident"]["id"]
    for prefix, words in (
        ("aaaa", "aaaa1, aaaa12"),
        ("aaa", "at least the first 4"),
        ("zzzz", "no incident"),
    ):
        said, code = hall.refused("incidents", "show", prefix)
        assert 2 == code
        assert words in said


def test_what_a_person_says_is_in_the_history(hall):
    """Acknowledged, noted, closed, marked: by whom, over Kafka and the sink, in view and timeline."""
    hall.store(incident("aaaa1"), incident("aaaa1", 1))
    done = hall.told("incidents", "ack", "aaaa", "--text", "on my way", "--who", "ada")["action"]
    assert ("ack", "aaaa1", "ada") == (done["verb"], done["incident"], done["who"])
    hall.stored(1, "aaaa1")
    (shown,) = hall.told("incidents")["incidents"]
    assert "ada" == shown["acked_by"]
    hall.ok("incidents", "note", "aaaa1", "pump 2 hums", "--who", "bo")
    assert "close by" in hall.ok("incidents", "close", "aaaa1")
    said = hall.ok(
        "incidents", "mark", "aaaa1", "--outcome", "fixed-by", "--text", "new pump", "--who", "bo"
    )
    assert "aaaa1 (pump-stop on rack-0000/cdu): mark by bo\n" == said
    rows = hall.stored(4, "aaaa1")
    assert ["ack", "note", "close", "mark"] == [verb for verb, _, _ in rows]
    assert re.fullmatch(r".+@.+", rows[2][1])
    assert [] == hall.told("incidents")["incidents"]
    found = hall.told("incidents", "show", "aaaa1")
    i = found["incident"]
    assert ("closed", "fixed-by", "new pump") == (i["state"], i["outcome"], i["outcome_text"])
    whats = ["open", "change", "ack", "note", "close", "mark"]
    assert whats == [line["what"] for line in found["timeline"]]
    assert ("incident aaaa1 is closed already", 1) == hall.refused("incidents", "ack", "aaaa1")
    # What detection says of it that is worse opens it again.
    hall.store(incident("aaaa1", 2, severity="critical"))
    (shown,) = hall.told("incidents")["incidents"]
    assert ("open", "critical") == (shown["state"], shown["severity"])


def test_words_that_are_missing_are_asked_for(hall):
    """Before anything is sent."""
    hall.store(incident("aaaa1"))
    said, code = hall.refused("incidents", "mark", "aaaa1", "--outcome", "fixed-by")
    assert (2, True) == (code, "what mended it" in said)
    assert 2 == hall.refused("incidents", "note", "aaaa1", " ")[1]
    assert 2 == hall.run("incidents", "mark", "aaaa1", "--outcome", "perhaps").exit_code


def test_without_the_topic_nothing_is_done(hall):
    """One line that says how to make it."""
    hall.store(incident("aaaa1"))
    ran = hall.run("incidents", "ack", "aaaa1", COLDPLATE_TOPIC_PREFIX="nowhere")
    assert 3 == ran.exception.exit_code
    assert "nowhere.actions" in str(ran.exception)
    assert "coldplate topics create" in str(ran.exception)


@pytest.fixture
def watching(hall, tmp_path):
    """Start `incidents watch` as a process of its own; what it printed stands in a file."""
    started = []

    def watch(*words):
        out = tmp_path / f"{len(started)}.out"
        env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
        with out.open("w") as file:
            started.append(subprocess.Popen(
                [sys.executable, "-m", "coldplate.console", "incidents", "watch", *words],
                cwd=tmp_path, env=env | hall.environ, stdout=file,
            ))  # fmt: skip
        return started[-1], lambda: out.read_text().splitlines()

    yield watch
    for process in started:
        process.kill()
        process.wait()


def test_changes_are_followed_until_somebody_stops_it(hall, watching):
    """Open ones first, then a line a change; Ctrl-C ends it well."""
    hall.store(incident("aaaa1"), incident("bbbb1"), incident("bbbb1", 1, "closed"))
    process, lines = watching("--json")
    await_that(lambda: len(lines()) == 1, 20, "the open incident")
    hall.store(incident("aaaa1", 1, severity="critical"), incident("cccc1"))
    await_that(lambda: len(lines()) == 3, 20, "both changes")
    hall.store(incident("aaaa1", 2, "closed", "critical"))
    await_that(lambda: len(lines()) == 4, 20, "the end")
    told = [json.loads(line) for line in lines()]
    assert [("aaaa1", "open", "warning"), ("aaaa1", "closed", "critical")] == [
        (told[n]["id"], told[n]["state"], told[n]["severity"]) for n in (0, 3)
    ]
    assert {("aaaa1", "critical"), ("cccc1", "warning")} == {
        (t["id"], t["severity"]) for t in told[1:3]
    }
    process.send_signal(signal.SIGINT)
    assert 0 == process.wait(10)


def test_following_ends_after_the_time_given(hall):
    """With what was open, in words."""
    hall.store(incident("aaaa1"))
    (line,) = hall.ok("incidents", "watch", "--for", "0.1s").splitlines()
    assert "aaaa1  open  warning  pump-stop on rack-0000/cdu  It stands." == line
    assert 2 == hall.refused("incidents", "watch", "--for", "soon")[1]
