"""What the map asks of a real ClickHouse, with the recorded day in it, as the reader."""

import time
from dataclasses import replace

import pytest
from sinks.day import TOPICS, load_day
from sinks.servers import database

from coldplate.console.live.history import FAST, History
from coldplate.console.live.picture import Away, Shown
from coldplate.console.live.places import SHIFT, places
from coldplate.console.live.run import as_text
from coldplate.sinks.batch import Batch, Record
from coldplate.sinks.client import Client
from coldplate.sinks.dedup import Dedup
from coldplate.sinks.migrate import migrate
from coldplate.sinks.prepare import prepare
from coldplate.sinks.settings import ClickHouseSettings
from coldplate.wire.action import Action, Verb
from coldplate.wire.codec import encode
from coldplate.wire.silence import Silence

RACKS = ["rack-0000", "rack-0001"]
GPU = "rack-0000/node-1/gpu-1"


@pytest.fixture(scope="module")
def day(endpoints):
    """The owner's client, and the reader's settings."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        load_day(owner)
        reader = ClickHouseSettings.from_url(endpoints.clickhouse_reader)
        yield owner, replace(reader, database=settings.database)


@pytest.fixture
def history(day):
    found = History(day[1])
    yield found
    found.close()


@pytest.mark.e2e
def test_the_hall_is_what_the_views_of_now_say(day, history):
    """Sums by rack, the racks' own meters, and the hall's; the second look keeps what the first had."""
    views = {
        rack: values
        for rack, *values in day[0].execute(
            "SELECT rack, count(), max(gpu_c), min(margin_c), toUnixTimestamp64Milli(max(t)) FROM gpu_now GROUP BY rack"
        )
    }
    meters = dict(day[0].execute("SELECT id, rack_power_w FROM rack_now"))
    ((hall_w,),) = day[0].execute("SELECT hall_power_w FROM hall_now")
    for hall in (history.hall(), history.hall()):
        assert RACKS == [r.id for r in hall.racks]
        assert views == {r.id: [r.seen, r.gpu_c, r.margin_c, r.t_ms] for r in hall.racks}
        assert meters == {r.id: r.power_w for r in hall.racks}
        assert {"row-0"} == {r.row for r in hall.racks}
        assert [8, 8] == [r.gpus for r in hall.racks]
        assert all(r.water["flow_lpm"] > 0 and r.water["leak"] == 0 for r in hall.racks)
        assert hall_w == hall.power_w
        assert 60.0 == hall.ramp_over_s
        assert 0 <= hall.age_s < 300
    text = as_text(hall, "margin", 100)
    assert "rack-0000/node-1 gets less coolant" in text


@pytest.mark.e2e
def test_details_are_of_what_is_shown(history):
    """GPUs in their places with slow metrics, ten minutes, the incident's records, and what is searched."""
    (incident,) = [o for o in history.hall().incidents if o.kind == "coupling-half-closed"]
    found = history.detail(Shown(("rack-0000",), "rack-0000", incident=incident.id, search="GPU-1"))
    assert [f"rack-0000/node-{n}/gpu-{g}" for n in (0, 1) for g in range(4)] == [
        g.id for g in found.gpus["rack-0000"]
    ]
    assert {"power_w", "flow_lpm", "gpu_c", "margin_c"} == set(found.series)
    assert 8 <= len(found.series["power_w"]) <= 11
    assert "node-flow" == found.steps[0].evidence[0]["detector"]
    assert [f"rack-000{r}/node-{n}/gpu-1" for r in (0, 1) for n in (0, 1)] == [
        id_ for _, id_, _ in found.found
    ]
    gpu = history.detail(Shown(gpu=GPU))
    assert {"power_w", "gpu_c", "margin_c", "power_limit_w"} <= set(gpu.values)
    assert set(gpu.values) & set(FAST)
    assert 8 <= len(gpu.series["gpu_c"]) <= 11
    assert {"power_w": []} == {
        n: list(s) for n, s in history.detail(Shown(gpu="'; DROP")).series.items() if n == "power_w"
    }


@pytest.mark.e2e
def test_what_people_did_stands_beside_an_incident(day, history):
    """Who takes care of it, whether a silence of its row holds; one that somebody closed is gone."""
    now_ms = round(time.time() * 1000)
    quiet = Silence(
        "00000001",
        "work",
        "ada",
        now_ms - 1000,
        now_ms + 3_600_000,
        "row-0",
        "coupling-half-closed",
    )
    before = {o.id: o for o in history.hall().incidents}
    (half,) = [o for o in before.values() if o.kind == "coupling-half-closed"]
    ramp = next(o for o in before.values() if o.subject == "hall")
    actions = [
        Action("day", "a1", now_ms, "ada", Verb.ACK, half.id, step=half.step),
        Action("day", "a2", now_ms, "ben", Verb.CLOSE, ramp.id, step=ramp.step),
        Action("day", "a3", now_ms, "ada", Verb.SILENCE, silence=quiet),
    ]
    records = tuple(Record(TOPICS.actions, 0, n, now_ms, encode(a)) for n, a in enumerate(actions))
    batch = Batch(TOPICS.actions, 0, 0, len(records) - 1, records)
    for table, columns in prepare(batch, TOPICS, "day", Dedup()).inserts:
        day[0].insert(table, columns, batch.token("kafka", TOPICS.actions, table))
    after = {o.id: o for o in history.hall().incidents}
    assert {ramp.id} == set(before) - set(after)
    assert ("ada", True) == (after[half.id].acked_by, after[half.id].silenced)
    assert {("", False)} == {(o.acked_by, o.silenced) for o in after.values() if o.id != half.id}


def test_a_history_that_is_away_says_so():
    """Where it was looked for."""
    history = History(ClickHouseSettings.from_url("clickhouse://x:y@127.0.0.1:1/z"))
    with pytest.raises(Away, match=r"127\.0\.0\.1:1"):
        history.hall()
    history.close()


def test_racks_that_share_the_bits_of_their_keys_are_told_apart():
    """Their devices one by one; the others by the bits alone."""
    key = lambda bits, n: (bits << SHIFT) + n  # noqa: E731
    lines = [
        (key(7, 1), "rack", "a", "a", "hall", "row-10", 0),
        (key(7, 2), "gpu", "a/0", "a", "hall", "row-10", 0),
        (key(7, 3), "gpu", "b/0", "b", "hall", "row-9", 0),
        (key(7, 4), "rack", "b", "b", "hall", "row-9", 0),
        (key(8, 5), "rack", "c", "c", "hall", "row-9", 1),
        (key(8, 6), "gpu", "c/0", "c", "hall", "row-9", 0),
        (9, "hall", "hall", "", "hall", "", 0),
    ]
    found = places(lines)
    assert ["b", "c", "a"] == [r.id for r in found.racks]
    assert [1, 1, 1] == [r.gpus for r in found.racks]
    assert {key(7, 1): "a", key(7, 2): "a", key(7, 3): "b", key(7, 4): "b", 8: "c"} == found.by_key
    assert (
        "if(bitShiftRight(device, 40) IN (7), device, bitShiftRight(device, 40))" == found.key_sql
    )
    assert "bitShiftRight(device, 40)" == places(lines[4:]).key_sql
