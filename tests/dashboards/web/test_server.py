"""The server over real sockets: pages, answers, pictures once a second, the past."""

import asyncio
import gzip
import json
import threading
import time
from dataclasses import replace

import aiohttp
import numpy as np
import pytest
from dashboards.web.halls import (
    BEGIN_MS,
    NOW_MS,
    QUICK,
    Got,
    StandInAnswers,
    StandInHall,
    ask,
    floor_of,
    metric,
    site,
    unpacked,
    with_page,
)
from waiting import await_that

from coldplate.dashboards.web.app import running, serve
from coldplate.dashboards.web.channels import CHANNELS, MARGIN
from coldplate.dashboards.web.options import Options, OptionsError


@pytest.fixture(scope="module")
def quiet():
    """One server for tests that change nothing."""
    with site() as of:
        yield of


def test_the_page_is_served_with_its_type_and_a_tag(quiet):
    """A browser asks each time and is told that nothing has changed."""
    status, headers, body = ask(quiet, "/")
    assert (200, "text/html; charset=utf-8", "no-cache") == (
        status, headers["Content-Type"], headers["Cache-Control"],
    )  # fmt: skip
    assert b"<html" in body
    again = ask(quiet, "/", headers={"If-None-Match": headers["ETag"]})
    assert (304, b"") == (again[0], again[2])
    status, headers, _ = ask(quiet, "/static/main.js")
    assert (200, "text/javascript; charset=utf-8") == (status, headers["Content-Type"])


@pytest.mark.parametrize(
    "name", ["../app.py", "%2e%2e/app.py", "..%2fapp.py", ".", "no.js", "a%00b.js"]
)
def test_nothing_beside_the_page_is_served(quiet, name):
    """What is not a file of the page is not there."""
    assert ask(quiet, f"/static/{name}")[0] == 404


def test_the_floor_has_its_version_as_tag(quiet):
    """A page that has the floor is not sent it again."""
    status, headers, body = ask(quiet, "/api/floor")
    told = json.loads(body)
    assert (200, f'"{told["version"]}"') == (status, headers["ETag"])
    assert quiet.hall.of.told()["racks"] == told["racks"]
    assert ask(quiet, "/api/floor", headers={"If-None-Match": headers["ETag"]})[0] == 304


def test_answers_are_packed_for_who_can_read_that():
    """A big answer comes as gzip when asked for, and plainly otherwise."""
    hall = StandInHall(floor_of(200, 8, "a-rack-whose-name-is-long-{:04d}"))
    with site(hall) as of:
        plain = ask(of, "/api/floor", headers={"Accept-Encoding": "identity"})
        packed = ask(of, "/api/floor", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain[1]
    assert (packed[1]["Content-Encoding"], plain[2]) == ("gzip", packed[2])
    assert int(packed[1]["Content-Length"]) < len(plain[2]) / 4
    assert gzip.decompress(gzip.compress(plain[2])) == packed[2]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/hall", {"of": "hall", "power_w": None, "racks": 3}),
        ("/api/rack/rack-0000", {"of": "rack", "rack": "rack-0000", "at_ms": None}),
        ("/api/rack/a/b%2Fc?at=1500", {"of": "rack", "rack": "a/b/c", "at_ms": 1500}),
        ("/api/rack/rack-0000?at=2026-11-20T10:00:00Z", {"of": "rack", "rack": "rack-0000", "at_ms": 1795168800000}),
        ("/api/rack/rack-0000?at=2026-11-20T11:00:00%2B01:00", {"of": "rack", "rack": "rack-0000", "at_ms": 1795168800000}),
        ("/api/gpu/rack-0000%2Fn0%2Fg1", {"of": "gpu", "gpu": "rack-0000/n0/g1", "at_ms": None}),
        ("/api/gpu/%3Cb%3E", {"of": "gpu", "gpu": "<b>", "at_ms": None}),
        ("/api/incidents", {"of": "incidents", "state": "open", "limit": 100}),
        ("/api/incidents?state=all&limit=7", {"of": "incidents", "state": "all", "limit": 7}),
        ("/api/why/i-1", {"of": "why", "incident": "i-1"}),
        ("/api/power/r?from=1000&to=2000&steps=5", {"of": "power", "rack": "r", "begin_ms": 1000, "end_ms": 2000, "steps": 5}),
        ("/api/resistance/g?from=1000&to=2000", {"of": "resistance", "gpu": "g", "begin_ms": 1000, "end_ms": 2000, "steps": 600}),
    ],
)  # fmt: skip
def test_answers_are_what_was_asked_for(quiet, path, said):
    """Parameters reach whoever answers; absent numbers are null."""
    quiet.answers.racks = ("rack-0000", "r")
    status, headers, body = ask(quiet, path)
    assert (200, "application/json", "no-store") == (
        status, headers["Content-Type"], headers["Cache-Control"],
    )  # fmt: skip
    assert said == json.loads(body)


def test_without_a_span_the_last_hour_is_told(quiet):
    """The history's clock counts, not the server's."""
    _, _, body = ask(quiet, "/api/power/rack-0000")
    told = json.loads(body)
    assert told["end_ms"] - told["begin_ms"] == 3_600_000
    assert abs(told["end_ms"] - quiet.hall.now_ms()) < 60_000


def test_a_past_moment_is_told_as_numbers_and_as_a_snapshot(quiet):
    """Both forms hold the same cells."""
    at_ms = BEGIN_MS + 7 * 60_000
    path = f"/api/replay?at={at_ms}&channel=power&step_ms=60000"
    told = json.loads(ask(quiet, path)[2])
    minute = float(at_ms // 60_000 % 60)
    assert (at_ms, "power", [minute] * 24) == (told["at_ms"], told["channel"], told["values"])
    assert (at_ms, 60_000) in quiet.hall.asked["past"]
    _, headers, body = ask(quiet, path, headers={"Accept": "application/octet-stream"})
    got = unpacked(body)
    assert (headers["Content-Type"], got.past, got.at_ms, got.channel) == (
        "application/octet-stream", True, at_ms, 4,
    )  # fmt: skip
    assert {round(minute / 5) + 1} == set(got.cells.tolist())
    assert ask(quiet, f"/api/replay?at={at_ms}&channel=incident")[0] == 404


def test_a_page_is_greeted_and_gets_a_snapshot_and_then_changes():
    """Words come before cells, the first cells are all, what follows is only what is another."""
    hall = StandInHall()
    hall.values["margin"][3] = 5.0

    async def use(page):
        first = await page.picture()
        assert (1, 0, NOW_MS) <= (first.kind, first.number, first.at_ms)
        assert page.texts[-1]["at_ms"] == first.at_ms
        assert {"floor", "at_ms", "t_ms", "silent", "strip", "jobs", "incidents"} <= set(
            page.texts[-1]
        )
        hall.values["margin"] = hall.values["margin"].copy()
        hall.values["margin"][5] = -3.0
        hall.strip = {"power_w": 2000.0}
        second = await page.until(lambda g: isinstance(g, Got) and g.cells.any())
        assert (second.kind, np.count_nonzero(second.cells)) == (2, 1)
        assert MARGIN.coded(hall.values["margin"]).tolist() == page.cells.tolist()
        words = page.texts[-1]
        assert (words["at_ms"], words["strip"]) == (second.at_ms, {"power_w": 2000.0})
        assert "jobs" not in words
        assert "incidents" not in words
        return page

    with site(hall) as of:
        page = with_page(of, use)
    hello = page.texts[0]
    assert (1, hall.of.version, [1, 10, 60, 600], 15) == (
        hello["protocol"], hello["floor"], hello["speeds"], hello["stale_s"],
    )  # fmt: skip
    assert [c.name for c in CHANNELS] == [c["name"] for c in hello["channels"]]
    assert (hello["span_ms"][0], hello["severities"][4]) == (BEGIN_MS, "critical")


def test_a_page_may_look_at_another_channel_and_ask_again():
    """Each of both is answered by a snapshot, at once."""

    async def use(page):
        await page.picture()
        await page.say(look="temperature")
        got = await page.until(lambda g: isinstance(g, Got) and g.channel == 2)
        assert (got.kind, got.number) == (1, 0)
        await page.until(lambda g: isinstance(g, Got) and g.kind == 2)
        await page.say(again=True)
        assert (await page.until(lambda g: isinstance(g, Got) and g.kind == 1)).channel == 2

    with site() as of:
        with_page(of, use)


def test_a_channel_that_cannot_be_shown_is_absent_everywhere():
    """A page does not go on showing cells that are no longer known."""
    hall = StandInHall()
    del hall.values["drift"]

    async def use(page):
        assert {0} == set((await page.picture()).cells.tolist())

    with site(hall) as of:
        with_page(of, use, look="drift")


def test_a_changed_floor_is_told_with_its_cells_anew():
    """The new version stands in the words and in the message's head."""
    hall = StandInHall()

    async def use(page):
        await page.picture()
        hall.values = StandInHall(floor_of(5)).values
        hall.of = floor_of(5)
        got = await page.until(lambda g: isinstance(g, Got) and len(g.cells) == 40)
        assert (1, int(hall.of.version[:8], 16)) == (got.kind, got.floor)
        assert page.words["floor"] == hall.of.version

    with site(hall) as of:
        with_page(of, use)
        assert json.loads(ask(of, "/api/floor")[2])["version"] == hall.of.version


def test_nobody_asks_for_pictures_that_nobody_looks_at():
    """`now` is called while there is a viewer, and not before or after."""
    with site() as of:
        ask(of, "/api/hall")
        assert of.hall.asked["now"] == 0
        with_page(of, lambda page: page.picture())
        await_that(lambda: metric(of, "viewers") == 0, 5, "the viewer to be forgotten")
        asked = of.hall.asked["now"]
        time.sleep(0.5)  # that nothing comes has no condition to await
        assert of.hall.asked["now"] <= asked + 1


def test_an_away_history_is_told_and_asked_again():
    """Viewers hear why each second, and pictures come again by themselves."""
    hall = StandInHall()

    async def use(page):
        await page.picture()
        hall.away = "the history does not answer"
        assert (await page.told("away"))["why"] == hall.away
        await page.told("away")
        hall.away = ""
        await page.told("picture")

    with site(hall) as of:
        with_page(of, use)
        assert metric(of, "away_total") >= 2


def test_a_history_that_is_away_from_the_start_is_no_end():
    """A page is greeted without a floor, and hears why."""
    hall = StandInHall()
    hall.away = "gone"

    async def use(page):
        assert (page.texts[0]["floor"], page.texts[0]["span_ms"]) == ("", None)
        await page.told("away")
        hall.away = ""
        assert (await page.picture()).kind == 1

    with site(hall) as of:
        status, headers, body = ask(of, "/api/floor")
        assert (503, "gone", "2") == (status, json.loads(body)["error"], headers["Retry-After"])
        with_page(of, use)


def test_a_history_that_hangs_is_told_and_not_asked_twice():
    """One question is under way, however long it takes; its answer counts when it comes."""
    hall = StandInHall()

    async def use(page):
        await page.picture()
        hall.hold = threading.Event()
        await page.told("away")
        await page.say(look="power")
        assert (await page.picture()).channel == 4
        asked = hall.asked["now"]
        await page.told("away")
        assert asked == hall.asked["now"]
        hall.hold.set()
        await page.told("picture")

    with site(hall, waits=replace(QUICK, now_s=0.3)) as of:
        with_page(of, use)


def test_an_address_that_is_taken_is_told_and_everything_let_go(quiet):
    """The message names the options; nothing is left open."""
    hall, answers = StandInHall(), StandInAnswers()
    with pytest.raises(OptionsError, match=r"web\.port: cannot listen on 127\.0\.0\.1"):
        serve(hall, answers, Options(port=quiet.port), threading.Event())
    assert (True, True) == (hall.closed, answers.closed)


def test_serving_ends_when_told_and_lets_go_of_everything():
    """The address is told once it listens; viewers hear that the server goes."""
    hall, answers, stop, told = StandInHall(), StandInAnswers(), threading.Event(), []
    thread = threading.Thread(
        target=serve, args=(hall, answers, Options(port=0), stop, told.append)
    )
    thread.start()
    await_that(lambda: told, 5, "the address")

    async def look():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{told[0]}api/live") as socket:  # fmt: skip
            await socket.receive_json()
            stop.set()
            async with asyncio.timeout(5):
                async for _ in socket:
                    pass
            return socket.close_code

    assert asyncio.run(look()) == 1001
    thread.join(10)
    assert (False, True, True) == (thread.is_alive(), hall.closed, answers.closed)


def test_a_history_that_hangs_does_not_keep_the_server_from_ending():
    """Its threads are left behind when they do not end in time."""
    hall, done = StandInHall(), threading.Event()
    hall.hold = threading.Event()

    waits = replace(QUICK, close_s=0.2, now_s=0.2)

    async def run():
        async with (
            running(hall, StandInAnswers(), Options(port=0), waits) as url,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}api/live") as socket,
        ):
            while (await socket.receive_json(timeout=5))["type"] != "away":
                pass
        done.set()

    asyncio.run(run())
    assert done.is_set()
    assert hall.closed
    hall.hold.set()
