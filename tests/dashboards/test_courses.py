"""What queries of courses say on a recorded day in a real ClickHouse: sums, the foremost, growth, and which rows they read."""

from dataclasses import replace

import pytest
from sinks.day import load_day
from sinks.servers import database

from coldplate.dashboards.boards import gpu, rack
from coldplate.dashboards.check import asked, choices
from coldplate.dashboards.courses import ROWS, course, each, foremost, grown, total
from coldplate.dashboards.macros import Choice, Shown, expand
from coldplate.dashboards.tiers import by_choice
from coldplate.sinks.client import Client
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings

pytestmark = pytest.mark.e2e
HOUR_MS = 3_600_000
RACKS = "kind = 'rack'"
SUM_W = {"power_w": "m.rack_power_w_mean"}
NONE_CHOSEN = [Choice("rack", "'all'", everything=True)]


@pytest.fixture(scope="module")
def day(endpoints):
    """What asks as the reader, what asks as the owner, and the day's end."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        end_ms = load_day(owner).end_ms + 60_000
        reader = replace(
            ClickHouseSettings.from_url(endpoints.clickhouse_reader), database=settings.database
        )
        with Client(reader) as client:
            yield lambda sql: client.query(sql)[1], owner.execute, end_ms


def _shown(end_ms, hours, least_s=1):
    return Shown(end_ms - int(hours * HOUR_MS), end_ms, least_ms=least_s * 1000)


def test_a_total_is_the_sum_of_what_each_has(day):
    """At every time, and with a name for each sum where they are told apart."""
    ask, _, end_ms = day
    shown = _shown(end_ms, 6, 60)
    one = dict(ask(expand(total("rack", SUM_W, RACKS), shown)))
    by_rack = ask(expand(each("rack", "avg(m.rack_power_w_mean) AS w", RACKS, "rack"), shown))
    assert {"rack-0000", "rack-0001"} == {place for _, place, _ in by_rack}
    sums = {}
    for time, _, watts in by_rack:
        sums[time] = sums.get(time, 0.0) + watts
    assert sums == pytest.approx(one)
    named = ask(expand(total("rack", SUM_W, RACKS, by="hall"), shown))
    assert one == pytest.approx({time: watts for time, hall, watts in named if hall == "hall"})


def test_a_course_goes_over_all_devices(day):
    """The mean of the racks is half of the sum of two."""
    ask, _, end_ms = day
    shown = _shown(end_ms, 1, 3600)
    where = "device IN (SELECT device FROM inventory FINAL WHERE kind = 'rack')"
    mean = dict(ask(expand(course("rack", "avg(rack_power_w_mean) AS w", where), shown)))
    both = dict(ask(expand(total("rack", SUM_W, RACKS), shown)))
    assert both == pytest.approx({time: 2 * watts for time, watts in mean.items()})


def test_the_foremost_are_those_that_have_most(day):
    """The rack with the higher mean; with all asked for, in their order."""
    ask, _, end_ms = day
    shown = _shown(end_ms, 12)
    ranked = ask(expand(foremost("rack", "avg(rack_power_w_mean)", "1"), shown))
    means = dict(ask(expand(
        f"SELECT device, avg(rack_power_w_mean) FROM rack_1h WHERE t >= toStartOfHour($__fromTime) AND t <= $__toTime GROUP BY device LIMIT {ROWS}", shown,
    )))  # fmt: skip
    assert sorted(means, key=means.get, reverse=True) == [device for (device,) in ranked]
    first = expand(foremost("rack", "avg(rack_power_w_mean)", "1", 1), shown)
    held = ask(expand(each("rack", "avg(m.rack_power_w_mean) AS w", RACKS, "rack", some=first), shown))  # fmt: skip
    assert 1 == len({place for _, place, _ in held})


def test_growth_is_what_the_counter_rose_by_and_a_share_is_of_the_time(day):
    """Seconds that the driver counted, summed over the day; the share is that over the length of the time shown."""
    ask, _, end_ms = day
    where = "device IN (SELECT device FROM inventory FINAL WHERE id = 'rack-0000/node-1/gpu-0')"
    counter = {"held": "power_violation_s_total"}
    shown = _shown(end_ms, 24, 3600)
    steps = ask(expand(grown("gpu_slow", counter, where), shown))
    ((low, high),) = ask(expand(
        f"SELECT min(power_violation_s_total), max(power_violation_s_total) FROM gpu_slow_samples WHERE $__timeFilter(t) AND {where} LIMIT 1", shown,
    ))  # fmt: skip
    assert high - low == pytest.approx(sum(grew_s for _, grew_s in steps), rel=0.1)
    assert high - low > 3600
    shares = [share for _, share in ask(expand(grown("gpu_slow", counter, where, a_second=True), shown))]  # fmt: skip
    assert pytest.approx(1.0) == max(shares)
    assert 0 <= min(shares)


def _rounded(rows):
    return sorted((time, name, *(round(v, 3) for v in values)) for time, name, *values in rows)


def _read(explain, sql):
    return [table for _, table, _, rows, _ in explain(f"EXPLAIN ESTIMATE {sql}") if rows]


@pytest.mark.parametrize(
    ("chosen", "hours", "table"),
    [
        (NONE_CHOSEN, 24, "gpu_1h_stats"), ([Choice("rack", "rack-0000")], 24, "gpu_1m_stats"),
        (NONE_CHOSEN, 1, "gpu_1m_stats"), ([Choice("rack", "rack-0000")], 1, "gpu_samples"),
        (NONE_CHOSEN, 0.25, "gpu_samples"), ([Choice("rack", "rack-0000")], 720, "gpu_1h_stats"),
    ],
)  # fmt: skip
def test_a_choice_is_shown_more_finely_than_all(day, chosen, hours, table):
    """ClickHouse plans to read one tier alone: for all of a level a coarser one."""
    _, explain, end_ms = day
    sql = course("gpu", "max(power_w_max) AS w", "1", by_choice("rack"))
    assert [table] == _read(explain, expand(sql, _shown(end_ms, hours), chosen))


def test_the_rack_dashboard_takes_the_tier_by_the_choice():
    """Of its panels of GPUs."""
    panels = [a for a in asked("rack", rack.BOARD.model()) if "FROM gpu_10s" in a.sql]
    assert 2 == len(panels)
    assert all("if(${rack:sqlstring} = 'all'" in a.sql for a in panels)


def test_short_times_of_a_gpu_are_drawn_from_samples(day):
    """Longer ones from rollups: the same values at a tick a minute, and never both."""
    ask, execute, end_ms = day
    model = gpu.BOARD.model()
    power = next(a for a in asked("gpu", model) if a.place == "Power" and a.ref == "A")
    chosen = choices(model, {"gpu": "rack-0000/node-0/gpu-0"})
    short, tens, long = (
        expand(power.sql, _shown(end_ms, hours, least_s), chosen)
        for hours, least_s in ((0.25, 1), (0.25, 10), (24, 1))
    )
    from_samples = _rounded(ask(short))
    assert 15 <= len(from_samples)
    hours = ask(long)
    assert 1440 <= len(hours) <= 1442
    assert from_samples == _rounded(ask(tens))
    execute("TRUNCATE TABLE gpu_samples")
    assert hours == ask(long)
