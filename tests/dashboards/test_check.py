"""Every query of the dashboards on a recorded day in a real ClickHouse, as the reader; and what the check finds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sinks.day import load_day
from sinks.servers import database

from coldplate.console.benching.day_records import add_records
from coldplate.dashboards.catalogue import all_boards
from coldplate.dashboards.check import SPANS, QueryFailed, asked, check, choices
from coldplate.dashboards.macros import Shown, expand
from coldplate.dashboards.picking import pick
from coldplate.dashboards.tiers import COARSE, TIERS, merged, tiered
from coldplate.sinks.client import Client
from coldplate.sinks.errors import HistoryError
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
HOUR_MS = 3_600_000
BOARDS = {b.name: b for b in all_boards()}
NOT_RECORDED = ("Spools", "Agents' processors", "Agents' memory")
"""The recorded nodes are the twin's, which has no agents to measure."""

ONCE = tuple(replace(span, timed=False) for span in SPANS[:2])


@pytest.fixture(scope="module")
def day(endpoints):
    """What asks as the reader, the day's end, and the owner."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        loaded = load_day(owner)
        begin = datetime.fromtimestamp(loaded.begin_ms / 1000, UTC)
        add_records(owner, begin, begin + timedelta(days=1))
        reader = replace(
            ClickHouseSettings.from_url(endpoints.clickhouse_reader), database=settings.database
        )
        with Client(reader) as client:
            yield asking(client), loaded.end_ms + 60_000, owner


def asking(client):
    def ask(sql):
        try:
            return client.query(sql)
        except HistoryError as error:
            raise QueryFailed(str(error)) from None

    return ask


@pytest.mark.parametrize("name", BOARDS)
def test_every_query_answers_and_no_panel_is_empty(day, name):
    """With All and with one of each chosen, over 15 minutes and a day."""
    ask, end_ms, _ = day
    one = pick(lambda sql: ask(sql)[1], end_ms)
    assert {"hall", "row", "rack", "node", "gpu", "job"} == set(one)
    found = check({name: BOARDS[name].model()}, ask, end_ms, one, spans=ONCE)
    assert [] == found.failures
    assert [] == [e for e in found.empty_panels if not any(word in e for word in NOT_RECORDED)]
    assert 10 <= found.panels


@pytest.mark.parametrize(
    "sql",
    [
        tiered("gpu", lambda table, condition: f"SELECT max(power_w_max) FROM {table} WHERE $__timeFilter(t) AND {condition} LIMIT 1"),
        f"SELECT max(power_w_max) FROM {merged('gpu', 'power_w_max', '1')} LIMIT 1",
        f"SELECT max(swing_w_max) FROM {merged('gpu', 'swing_w_max', '1', COARSE)} LIMIT 1",
    ],
)  # fmt: skip
@pytest.mark.parametrize(("hours", "least_s"), [(0.25, 1), (24, 1), (24, 3600)])
def test_only_the_tier_that_fits_is_read(day, sql, hours, least_s):
    """ClickHouse plans to read no row of the others."""
    _, end_ms, owner = day
    shown = Shown(end_ms - int(hours * HOUR_MS), end_ms, least_ms=least_s * 1000)
    read = {t: rows for _, t, _, rows, _ in owner.execute(f"EXPLAIN ESTIMATE {expand(sql, shown)}")}
    interval_s = shown.interval_ms // 1000
    tiers = COARSE if "swing" in sql else TIERS
    (fits,) = (t for t in tiers if t.from_s <= interval_s < t.below_s)
    table = "gpu_samples" if fits.suffix == "10s" else f"gpu_{fits.suffix}_stats"
    assert [table] == [table for table, rows in read.items() if rows]


def _model(sql, kind="timeseries", shape=0):
    panel = {"title": "A panel", "type": kind, "targets": [{"format": shape, "refId": "A", "rawSql": sql}]}  # fmt: skip
    return {"panels": [panel], "templating": {"list": []}, "annotations": {"list": []}}


SERIES = "SELECT toDateTime(1) AS time, {} AS v FROM numbers(10)"


@pytest.mark.parametrize(
    ("sql", "failure", "empty"),
    [
        (SERIES.format("number"), "", False),
        ("SELECT nosuch FROM gpu_1m LIMIT 1", "Unknown", False),
        ("SELECT $__timeFilter(t FROM gpu_1m LIMIT 1", "not closed", False),
        ("SELECT number, number FROM numbers(10)", "is no time", False),
        (SERIES.format("number") + " LIMIT 5", "cut off at 5 rows", False),
        (SERIES.format("NULL"), "", True),
        (SERIES.format("nan"), "", True),
        (SERIES.format("0"), "", False),
        (SERIES.format("1") + " WHERE number > 10", "", True),
    ],
)
def test_what_is_wrong_with_a_query_is_found(day, sql, failure, empty):
    """Refused, badly put, cut off, of a form that cannot be drawn, or nothing to see."""
    ask, end_ms, _ = day
    found = check({"one": _model(sql)}, ask, end_ms, {}, spans=ONCE[1:])
    assert bool(failure) == bool(found.failures)
    assert all(failure in text for text in found.failures)
    assert empty == bool(found.empty_panels)
    assert found.good == (not failure and not empty)


def test_a_table_may_be_empty_over_minutes_and_not_over_a_day(day):
    """What happens seldom need not have happened just now."""
    ask, end_ms, _ = day
    sql = "SELECT 1 AS n FROM numbers(1) WHERE $__toTime - $__fromTime > 3600"
    found = check({"one": _model(sql, "table", 1)}, ask, end_ms, {})
    assert [] == found.empty_panels
    never = check({"one": _model("SELECT 1 FROM numbers(0)", "table", 1)}, ask, end_ms, {})
    assert 2 == len(never.empty_panels)
    assert all("24 h" in name for name in never.empty_panels)


def test_a_choice_reaches_the_query(day):
    """With a rack chosen the rack's power alone is summed."""
    ask, end_ms, _ = day
    model = BOARDS["power"].model()
    rows = next(a for a in asked("power", model) if a.place == "Feeds")
    shown = Shown(end_ms - HOUR_MS, end_ms, least_ms=HOUR_MS)

    def watts(one):
        _, (row, *_) = ask(expand(rows.sql, shown, choices(model, one)))
        return sum(row[1:])

    both, first, second = (watts(one) for one in ({}, {"rack": "rack-0000"}, {"rack": "rack-0001"}))
    assert first > 0 < second
    assert both == pytest.approx(first + second, rel=0.01)


def test_a_told_result_has_the_numbers_that_a_program_reads(day):
    """Counts beside lists, and the slowest of a day first."""
    ask, end_ms, _ = day
    told = check({"one": _model(SERIES.format("1"))}, ask, end_ms, {}).told()
    assert (1, 6, 0, 0) == tuple(told[k] for k in ("panels", "queries", "errors", "empty"))
    assert [] == told["failures"] == told["empty_panels"]
    assert told["slowest"][0]["ms"] == told["slowest_ms"]
