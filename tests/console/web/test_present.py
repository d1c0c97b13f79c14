"""The live hall's picture of now, from a real ClickHouse as the reader, against what SQL says."""

import time
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from console.web.halls import by_gpu
from sinks.servers import database

from coldplate.console.benching.web_feed import Feed, hall_of
from coldplate.console.web.hall import HistoryHall
from coldplate.console.web.jobs import Jobs
from coldplate.console.web.present import AHEAD_MS, STALE_MS
from coldplate.sinks.client import Client
from coldplate.sinks.inventory import store_inventory
from coldplate.sinks.migrate import migrate
from coldplate.sinks.settings import ClickHouseSettings

GPUS = 128
SILENT = "rack-0001"


@pytest.fixture(scope="module")
def fed(endpoints):
    """Two racks, of which the second fell silent a minute ago; the owner's client, and the reader's hall."""
    with database(endpoints.clickhouse_owner) as settings, Client(settings) as owner:
        migrate(owner)
        store_inventory(owner, hall_of(GPUS))
        feed, now_s = Feed(GPUS), int(time.time())
        # Of the first there is more than the tests take: what lies ahead is not looked at.
        both, first = range(now_s - 70, now_s - 60), range(now_s - 20, now_s + 300)
        seconds = [feed.second(t) for t in [*both, *(t for t in first if t % 5 == 0)]]
        for table in seconds[0]:
            whole = {n: np.concatenate([s[table][n] for s in seconds]) for n in seconds[0][table]}
            owner.insert(table, whole, None)
        reader = replace(
            ClickHouseSettings.from_url(endpoints.clickhouse_reader), database=settings.database
        )
        with closing(HistoryHall(reader)) as hall:
            yield owner, hall


def newest(owner, table, columns, picture):
    """Columns of each device's newest row of the moment of a picture, by id."""
    sql = (
        f"SELECT i.id, {columns} FROM {table} s JOIN (SELECT device, id FROM inventory FINAL) i ON i.device = s.device"
        " WHERE s.t <= fromUnixTimestamp64Milli(toInt64(%(until)s)) AND s.t > fromUnixTimestamp64Milli(toInt64(%(since)s))"
        " ORDER BY s.t DESC LIMIT 1 BY i.id"
    )
    given = {"until": picture.at_ms + AHEAD_MS, "since": picture.at_ms - STALE_MS}
    return owner.execute(sql, given)


@pytest.mark.e2e
def test_a_cell_shows_its_gpus_newest_values(fed):
    """Margin, temperature, power and job are those of the view of now, whose last samples are some seconds old."""
    owner, hall = fed
    for picture in (hall.now(), hall.now()):
        rows = newest(owner, "gpu_samples", "margin_c, gpu_c, power_w", picture)
        assert 64 == len(rows)
        for place, channel in enumerate(("margin", "temperature", "power"), 1):
            told = {row[0]: row[place] for row in rows}
            assert pytest.approx(told, abs=0.01) == by_gpu(hall, picture, channel)
    assert {1.0} == set(by_gpu(hall, picture, "job").values())
    assert ["1"] == list(picture.jobs)


@pytest.mark.e2e
def test_flow_without_a_nodes_sensor_is_its_share_of_the_racks(fed):
    """An eighth of the unit's, of a rack of eight nodes."""
    owner, hall = fed
    picture = hall.now()
    ((_, flow_lpm),) = newest(owner, "cdu_samples", "flow_lpm", picture)
    (shown,) = set(by_gpu(hall, picture, "flow").values())
    assert flow_lpm / 8 == pytest.approx(shown)


@pytest.mark.e2e
def test_a_rack_that_fell_silent_is_absent_and_said_to_be(fed):
    """No value of its cells stays; the strip counts it, and its power is nobody's."""
    owner, hall = fed
    picture = hall.now()
    names = [r.id for r in hall.floor().racks]
    assert [SILENT] == [names[n] for n in picture.silent]
    assert (1, 1) == (picture.strip["racks"]["silent"], picture.strip["racks"]["well"])
    ((_, rack_w),) = newest(owner, "rack_samples", "rack_power_w", picture)
    assert pytest.approx(rack_w) == picture.strip["power_w"]
    assert 0.66 == pytest.approx(picture.strip["swing_hz"])
    assert (0, None, None) == tuple(picture.strip[n] for n in ("throttled", "lag_records", "lag_s"))


@pytest.mark.e2e
def test_a_job_keeps_its_number_while_others_come_and_go(fed):
    """So that its colour stays; a number that is free is told as such."""
    _, hall = fed
    jobs, ask = Jobs(), hall._others
    show = lambda *numbers: jobs.show(ask, np.array(numbers, np.uint32))  # noqa: E731
    shown, names = show(7, 0, 9)
    assert ([1.0, 2.0], ["7", "9"]) == ([shown[0], shown[2]], list(names))
    assert np.isnan(shown[1])
    assert ["", "9"] == list(show(0, 0, 9)[1])
    assert ["8", "9"] == list(show(8, 0, 9)[1])
