"""The live hall over the recorded day in a real ClickHouse, as the reader: pictures and answers are what SQL and commands say."""

import json
import math
import os
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from console.web.halls import answers_of, by_gpu, day_with_hall

from coldplate.console.commands.gpu import gpu
from coldplate.console.commands.incidents import incidents
from coldplate.console.commands.live import live
from coldplate.console.commands.rack import rack
from coldplate.console.commands.why import why
from coldplate.console.web.hall import HistoryHall
from coldplate.dashboards.web.channels import SEVERITIES
from coldplate.dashboards.web.ports import NotThere
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
RACK, GPU = "rack-0000", "rack-0000/node-0/gpu-0"
STOPPED = "8b817d015bc3"
"""A pump of rack-0001."""

ENDS_WITHIN_S = 20


@pytest.fixture(scope="module")
def day(endpoints):
    """The day, and a hall over it."""
    with day_with_hall(endpoints) as found:
        yield found


@pytest.fixture
def asked(day):
    return day[0]


@pytest.fixture
def answers(asked, monkeypatch):
    with answers_of(asked.url, monkeypatch) as found:
        yield found


def said(t_ms):
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat()


def stopped_ms(loaded):
    sql = f"SELECT toUnixTimestamp64Milli(min(opened_at)) FROM incidents WHERE id = '{STOPPED}'"
    return loaded.owner.execute(sql)[0][0]


def test_with_steps_of_seconds_it_shows_samples(day):
    """The newest at that moment, as they lie in the table."""
    loaded, hall = day
    at_ms = stopped_ms(loaded) // 60_000 * 60_000 + 2000
    picture = hall.past(at_ms, 1000)
    rows = loaded.owner.execute(
        "SELECT i.id, s.margin_c, s.gpu_c, s.power_w FROM gpu_samples s JOIN (SELECT * FROM inventory FINAL) i ON i.device = s.device"
        " WHERE s.t = fromUnixTimestamp64Milli(%(at)s)",
        {"at": at_ms - 2000},
    )
    assert len(rows) > 10
    for place, channel in enumerate(("margin", "temperature", "power"), 1):
        told = {row[0]: row[place] for row in rows if row[place] is not None}
        assert pytest.approx(told, abs=0.01) == by_gpu(hall, picture, channel)
    assert (at_ms, at_ms - 2000) == (picture.at_ms, picture.t_ms)
    assert picture is hall.past(at_ms, 1000)


@pytest.mark.parametrize(
    ("step_ms", "table", "seconds"),
    [(20_000, "gpu_10s", 10), (60_000, "gpu_1m", 60), (3_600_000, "gpu_1h", 3600)],
)
def test_with_longer_steps_it_shows_means_of_a_rollup(day, step_ms, table, seconds):
    """Of the last bucket that had ended, of the longest rollup that is no longer than a step."""
    loaded, hall = day
    end_s = (loaded.loaded.end_ms - 8 * 3_600_000) // 3_600_000 * 3600
    # A day with a tick a minute has a bucket of ten seconds a minute.
    end_s += 10 if seconds == 10 else 0
    picture = hall.past(end_s * 1000 + 500, step_ms)
    rows = loaded.owner.execute(
        f"SELECT i.id, g.margin_c_mean, g.power_w_mean FROM {table} g JOIN (SELECT * FROM inventory FINAL) i ON i.device = g.device"
        " WHERE g.t = toDateTime(%(begin)s)",
        {"begin": end_s - seconds},
    )
    assert len(rows) > 10
    for place, channel in enumerate(("margin", "power"), 1):
        told = {row[0]: row[place] for row in rows if row[place] is not None}
        assert pytest.approx(told, abs=0.01) == by_gpu(hall, picture, channel)
    assert end_s * 1000 == picture.t_ms
    assert set(by_gpu(hall, picture, "flow")) >= {g for g, *_ in rows}


def test_drift_is_against_the_racks_median_where_nothing_was_learnt(day):
    """Some percent to both sides, of GPUs that had enough power; none without load."""
    loaded, hall = day
    drift = by_gpu(hall, hall.past(loaded.loaded.end_ms - 10 * 3_600_000, 1000), "drift")
    assert len(drift) >= 8
    assert min(drift.values()) <= 0 <= max(drift.values())
    assert max(map(abs, drift.values())) < 60


def test_drift_is_against_the_line_that_was_learnt(day, monkeypatch):
    """Of a GPU whose line is half as steep as its resistance is, the drift is near a hundred percent."""
    loaded, hall = day
    at_ms = loaded.loaded.end_ms - 10 * 3_600_000 - 60_000
    *_, slow = by_gpu(hall, hall.past(at_ms, 1000), "drift")
    keys = {"rack": ["rack-0001"] * 3, "id": [slow] * 3, "kind": ["gpu"] * 3, "detector": ["thermal-path"] * 3}  # fmt: skip
    numbers = {"name": ["slope", "offset", "seen"], "value": [0.02, 0.0, 5000.0], "unit": [""] * 3}
    times = {"learnt_at": [at_ms] * 3, "t": [at_ms] * 3}
    loaded.owner.insert("baselines", keys | numbers | times, None)
    try:
        with closing(HistoryHall(ClickHouseSettings.from_url(loaded.url))) as fresh:
            drift = by_gpu(fresh, fresh.past(at_ms, 1000), "drift")
        with answers_of(loaded.url, monkeypatch) as answers:
            path = answers.resistance(slow, at_ms - 3_600_000, at_ms, 4)
    finally:
        loaded.owner.execute("TRUNCATE TABLE baselines")
    assert drift[slow] > 40
    assert all(d < 40 for g, d in drift.items() if g != slow)
    assert 0.01 < path["baseline_k_per_w"] <= 0.02


def test_incidents_are_those_of_that_moment(day):
    """One that was open then is, with what was known of it; before it opened nothing was."""
    loaded, hall = day
    opened_ms = stopped_ms(loaded)
    then = {i["id"]: i for i in hall.past(opened_ms + 1000, 1000).incidents}
    first, last = (
        loaded.owner.execute(
            f"SELECT severity, kind FROM incidents FINAL WHERE id = '{STOPPED}' ORDER BY step {order} LIMIT 1"
        )[0]
        for order in ("", "DESC")
    )
    assert first == (then[STOPPED]["severity"], then[STOPPED]["kind"])
    assert STOPPED not in {i["id"] for i in hall.past(opened_ms - 1000, 1000).incidents}
    sql = f"SELECT toUnixTimestamp64Milli(max(updated_at)) FROM incidents WHERE id = '{STOPPED}'"
    told_ms = loaded.owner.execute(sql)[0][0]
    at_end = {i["id"]: i for i in hall.past(told_ms - 1, 1000).incidents}
    assert STOPPED in at_end
    assert last


def test_what_is_not_kept_or_not_yet_is_said(day):
    """With the time from which something is."""
    loaded, hall = day
    begin_ms, now_ms = hall.span()
    assert begin_ms <= loaded.loaded.begin_ms <= loaded.loaded.end_ms <= now_ms
    with pytest.raises(NotThere, match="the oldest is of"):
        hall.past(begin_ms - 86_400_000, 1000)
    with pytest.raises(NotThere, match="lies ahead"):
        hall.past(now_ms + 3_600_000, 1000)


def test_an_incident_colours_all_that_it_concerns(day):
    """Its subject and those it harms, by the worst severity; the list is that of `coldplate live --json`."""
    loaded, hall = day
    picture = hall.now()
    rows = loaded.owner.execute(
        "SELECT severity, subject, affected FROM incidents_now WHERE state = 'open'"
    )
    place = {
        id_: (node, rack, row, where)
        for id_, node, rack, row, where in loaded.owner.execute(
            "SELECT id, node, rack, row, hall FROM inventory FINAL WHERE kind = 'gpu'"
        )
    }
    expected = dict.fromkeys(place, 0)
    for severity, subject, affected in rows:
        for id_, (node, in_rack, row, where) in place.items():
            if {id_, node, in_rack, row, where, f"{in_rack}/cdu"} & {subject, *affected}:
                expected[id_] = max(expected[id_], SEVERITIES.index(severity))
    assert any(expected.values())
    assert expected == by_gpu(hall, picture, "incident")
    assert len(rows) == len(picture.incidents)
    assert sum(picture.strip["racks"].values()) == len(hall.floor().racks)


def test_racks_gpus_incidents_and_reasons_are_those_of_the_commands(asked, answers):
    """At the same moment, word for word."""
    at_ms = asked.loaded.end_ms + 2000
    at = said(at_ms)
    assert asked.told(rack, RACK, "--at", at) == answers.rack(RACK, at_ms)
    assert asked.told(gpu, GPU, "--at", at) == answers.gpu(GPU, at_ms)
    assert asked.told(incidents, "list", "--limit", 3) == answers.incidents("open", 3)
    every = answers.incidents("all", 1000)
    assert asked.told(incidents, "list", "--all", "--limit", 1000) == every
    closed = [i for i in every["incidents"] if i["state"] == "closed"]
    assert closed == answers.incidents("closed", 1000)["incidents"]
    told = asked.told(why, closed[0]["id"])
    assert told == answers.why(closed[0]["id"])


@pytest.mark.parametrize(
    ("ask", "near"),
    [
        (lambda a: a.rack("rack-001", None), "rack-0001"),
        (lambda a: a.gpu("rack-0000/node-0/gpu-9", None), GPU[:4]),
        (lambda a: a.why("nobody"), "the newest are"),
        (lambda a: a.power("rack-001", 0, 1000, 1), "rack-0001"),
        (lambda a: a.resistance("x'; DROP", 0, 1000, 1), "near are"),
    ],
)
def test_who_is_not_known_is_answered_with_who_is_near(answers, ask, near):
    """Not with a traceback, and not with an empty answer."""
    with pytest.raises(NotThere, match=near):
        ask(answers)


def test_a_racks_power_has_its_band(asked, answers):
    """Of samples for an hour, of rollups for the day; mean by the meter, and about it what its GPUs do within ticks."""
    end_ms = asked.loaded.end_ms // 3_600_000 * 3_600_000 - 9 * 3_600_000
    hour = answers.power(RACK, end_ms - 3_600_000, end_ms, 60)
    whole = answers.power(RACK, end_ms - 6 * 3_600_000, end_ms, 6)
    assert (60, 60_000, 6, 3_600_000) == (
        len(hour["mean_w"]), hour["step_ms"], len(whole["low_w"]), whole["step_ms"],
    )  # fmt: skip
    devices = (
        "device IN (SELECT device FROM inventory FINAL WHERE rack = 'rack-0000' AND kind = '{}')"
    )
    span = f"t >= fromUnixTimestamp64Milli({end_ms - 60_000}) AND t < fromUnixTimestamp64Milli({end_ms})"
    mean = asked.owner.execute(f"SELECT avg(rack_power_w) FROM rack_samples WHERE {span} AND {devices.format('rack')}")  # fmt: skip
    ((own, low, high),) = asked.owner.execute(
        "SELECT avg(m), min(l), max(h) FROM (SELECT sum(power_w) AS m, sum(power_min_w) AS l, sum(power_max_w) AS h"
        f" FROM gpu_samples WHERE {span} AND {devices.format('gpu')} GROUP BY t)"
    )
    ((mean_w,),) = mean
    assert mean_w == pytest.approx(hour["mean_w"][-1])
    band = (mean_w + low - own, mean_w + high - own)
    assert band == pytest.approx((hour["low_w"][-1], hour["high_w"][-1]))
    assert all(
        a <= b <= c
        for a, b, c in zip(whole["low_w"], whole["mean_w"], whole["high_w"], strict=True)
    )
    # Before the day there is nothing, which is not 0.
    before = answers.power(RACK, asked.loaded.begin_ms - 7_200_000, asked.loaded.begin_ms - 3_600_000, 4)  # fmt: skip
    assert {None} == {*before["mean_w"], *before["low_w"]}


def test_a_gpus_resistance_over_time_is_what_the_command_says_of_the_hour(asked, answers):
    """The median of its steps is that of `coldplate gpu`; no baseline where nothing was learnt."""
    at_ms = asked.loaded.end_ms - 10 * 3_600_000
    path = answers.resistance(GPU, at_ms - 3_600_000, at_ms, 60)
    there = sorted(v for v in path["k_per_w"] if v is not None)
    assert len(there) > 30
    assert math.isclose(there[len(there) // 2], answers.gpu(GPU, at_ms)["k_per_w"], rel_tol=0.05)
    assert path["baseline_k_per_w"] is None


@contextmanager
def started(folder, url, *words):
    """The process, and the address it told."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
    env |= {"COLDPLATE_CLICKHOUSE": url, "COLDPLATE_STATE": str(folder / "state")}
    words = (sys.executable, "-m", "coldplate.console", "web", "--port", "0", "--json", *words)
    with subprocess.Popen(words, env=env, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def got(url):
    with urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


def test_it_tells_where_it_listens_answers_as_commands_do_and_ends_when_told(asked, tmp_path):
    """The hall as `coldplate live --json`, a rack as `coldplate rack --json`; SIGTERM ends it with 0."""
    at_ms = asked.loaded.end_ms + 2000
    with started(tmp_path, asked.url) as (process, url):
        told = got(f"{url}api/rack/rack-0000?at={at_ms}")
        assert asked.told(rack, "rack-0000", "--at", said(at_ms)) == told
        # The clock goes on between the two.
        clocks = dict.fromkeys(("at", "age_s", "stale"))
        hall = got(f"{url}api/hall")
        assert asked.told(live) | clocks == hall | clocks
        floor = got(f"{url}api/floor")
        assert [r["id"] for r in hall["racks"]] == [r["id"] for r in floor["racks"]]
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(ENDS_WITHIN_S)
