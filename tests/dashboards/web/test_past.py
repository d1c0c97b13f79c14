"""A viewer's way through the past, over the real server."""

import aiohttp
from dashboards.web.halls import BEGIN_MS, Got, StandInHall, metric, site, with_page

from coldplate.dashboards.web.channels import MARGIN
from coldplate.dashboards.web.options import Options


def test_the_past_runs_until_now_and_ends_live():
    """Pictures are a speed apart, marked as past; at the end the present comes as a snapshot."""
    hall = StandInHall()

    async def use(page):
        await page.picture()
        at_ms = hall.now_ms() - 700_000
        await page.say(replay={"at_ms": at_ms, "speed": 600})
        first = await page.until(lambda g: isinstance(g, Got) and g.past)
        assert (1, at_ms) == (first.kind, first.at_ms)
        assert page.words["past"] is True
        second = await page.picture()
        assert (second.at_ms, second.past, hall.asked["past"][1]) == (
            at_ms + 600_000,
            True,
            (at_ms + 600_000, 600_000),
        )
        last = await page.until(lambda g: isinstance(g, Got) and not g.past)
        assert (1, False) == (last.kind, page.words["past"])
        assert page.cells.tolist() == MARGIN.coded(hall.values["margin"]).tolist()

    with site(hall) as of:
        with_page(of, use)
        assert metric(of, "replaying") == 0


def test_the_past_stands_while_paused_and_shows_other_channels_of_its_moment():
    """No picture is asked for, words still come; speed, jump and return are heard."""
    hall = StandInHall()

    async def use(page):
        at_ms = BEGIN_MS + 600_000
        await page.say(replay={"at_ms": at_ms})
        await page.until(lambda g: isinstance(g, Got) and g.past)
        await page.say(pause=True)
        await page.say(look="power")
        got = await page.until(lambda g: isinstance(g, Got) and g.channel == 4)
        assert got.past
        asked = len(hall.asked["past"])
        for _ in range(2):
            assert (await page.told("picture"))["past"]
        assert len(hall.asked["past"]) <= asked + 1
        await page.say(pause=False)
        await page.say(speed=60)
        await page.until(lambda g: isinstance(g, Got) and g.at_ms >= at_ms + 60_000)
        await page.say(replay={"at_ms": BEGIN_MS, "speed": 10})
        jumped = await page.until(lambda g: isinstance(g, Got) and g.at_ms == BEGIN_MS)
        assert jumped.kind == 1
        await page.say(live=True)
        assert not (await page.until(lambda g: isinstance(g, Got) and not g.past)).past

    with site(hall) as of:
        with_page(of, use)


def test_as_many_pages_as_allowed_look_at_the_past():
    """One more is told so and stays with the present."""

    async def use(page):
        await page.say(replay={"at_ms": BEGIN_MS + 1000})
        await page.until(lambda g: isinstance(g, Got) and g.past)
        async with aiohttp.ClientSession() as session, session.ws_connect(page.url) as socket:
            await socket.send_json({"replay": {"at_ms": BEGIN_MS + 1000}})
            while (told := await socket.receive_json(timeout=5))["type"] != "error":
                pass
            assert "too many" in told["message"]

    with site(options=Options(port=0, replays_max=1)) as of:

        async def both(page):
            page.url = f"{of.url}api/live"
            await use(page)

        with_page(of, both)


def test_a_slow_past_leaves_pictures_out():
    """One question at a time; time goes on meanwhile."""
    hall = StandInHall()

    async def use(page):
        begin_ms = hall.now_ms() - 3_600_000
        await page.picture()
        hall.wait_s = 0.25
        await page.say(replay={"at_ms": begin_ms, "speed": 10})
        first = await page.until(lambda g: isinstance(g, Got) and g.past)
        second = await page.picture()
        assert (begin_ms, begin_ms + 20_000) == (first.at_ms, second.at_ms)

    with site(hall) as of:
        with_page(of, use)
