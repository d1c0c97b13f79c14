"""The terminal's program: what keys do, and what is said when data are old, away or hostile."""

import asyncio
import re
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from console.live.fakes import NOW_MS, FakeSource, a_hall
from textual.widgets import Input

from coldplate.console.failure import Failure
from coldplate.console.live.app import Live
from coldplate.console.live.canvas import Lines
from coldplate.console.live.gpugrid import GpuGrid
from coldplate.console.live.gpuview import GpuView
from coldplate.console.live.hallmap import HallMap
from coldplate.console.live.hallview import HallView
from coldplate.console.live.overlays import HelpView, SearchView, WhyView
from coldplate.console.live.picture import Hall
from coldplate.console.live.rackview import RackView

WITHIN_S = 10.0
EVERY_S = 0.2


def screen_text(app):
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips)


@asynccontextmanager
async def running(source, size=(120, 40), act=None):
    app = Live(source, EVERY_S, act)
    async with app.run_test(size=size, notifications=True) as pilot:
        await shows(app, pilot, "MW" if not source.away else "away")
        yield app, pilot
    assert source.closed.wait(WITHIN_S)


async def until(pilot, condition, what):
    """Await a condition; the app goes on meanwhile."""
    deadline_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s, f"waited for {what}\n{screen_text(pilot.app)}"
        await pilot.pause(0.02)


async def shows(app, pilot, words):
    await until(pilot, lambda: re.search(words, screen_text(app)), words)


def on(app, view):
    return lambda: isinstance(app.screen, view) and app.screen.ready


def test_from_the_hall_to_a_rack_to_a_gpu_and_back():
    """Enter goes in, escape comes out; the cursor stays where it was."""

    async def go():
        async with running(FakeSource(a_hall(40))) as (app, pilot):
            await pilot.press("right", "down")
            assert "rack-0012" == app.screen.query_one(HallMap).rack
            await pilot.press("enter")
            await until(pilot, on(app, RackView), "the rack")
            await shows(app, pilot, r"supply 30\.0 C  return 40\.0 C  flow 48\.0 l/min")
            await shows(app, pilot, r"node-7 .*!5:2\.0")
            await shows(app, pilot, r"power_w .*█.* 0 \(0 to 4\)")
            await pilot.press("right", "down", "down")
            assert "rack-0012/node-2/gpu-1" == app.screen.query_one(GpuGrid).gpu
            await pilot.press("enter")
            await until(pilot, on(app, GpuView), "the GPU")
            await shows(app, pilot, r"power_w +612\.5 W")
            await shows(app, pilot, "clock held by: hw-thermal")
            await pilot.press("escape")
            await until(pilot, on(app, RackView), "the rack again")
            assert "rack-0012/node-2/gpu-1" == app.screen.query_one(GpuGrid).gpu
            await pilot.press("escape", "escape")
            await until(pilot, on(app, HallView), "the hall again")
            assert "rack-0012" == app.screen.query_one(HallMap).rack

    asyncio.run(go())


def test_an_incident_is_flown_to_told_and_acknowledged():
    """Tab to the list; w tells evidence and steps, a acts on the chosen one, enter shows its rack."""
    did = []

    def act(verb, incident):
        did.append((verb, incident.id))
        return "[b]done[/b]"

    async def go():
        async with running(FakeSource(a_hall(10)), act=act) as (app, pilot):
            await pilot.press("tab", "w")
            await until(pilot, on(app, WhyView), "why")
            await shows(app, pilot, "critical open +worse")
            await shows(app, pilot, "x/cdu  flow_lpm  value 2  threshold 8  by flow")
            await pilot.press("escape", "a")
            await until(pilot, lambda: did == [("ack", "aaa")], "the act")
            await until(
                pilot,
                lambda: ["[b]done[/b]"] == [n.message for n in app._notifications],
                "its word",
            )
            await pilot.press("down", "enter")
            await until(pilot, on(app, RackView), "the rack")
            assert "rack-0002" == app.screen.rack
            await pilot.press("escape")
            await until(pilot, on(app, HallView), "the hall")
            assert "rack-0002" == app.screen.query_one(HallMap).rack
            # Of the hall as a whole there is no rack to fly to.
            await pilot.press("down", "enter")
            await until(
                pilot, lambda: [n for n in app._notifications if "no rack" in n.message], "a word"
            )
            assert isinstance(app.screen, HallView)

    asyncio.run(go())


def test_an_act_that_fails_is_told():
    """What Kafka said, and the program goes on; without a way to act that is said."""

    def act(verb, incident):
        raise Failure("Kafka is [red]away")

    async def go(given, said):
        async with running(FakeSource(), act=given) as (app, pilot):
            await pilot.press("right", "a")
            await until(
                pilot, lambda: [n for n in app._notifications if said in n.message], "its word"
            )

    asyncio.run(go(act, "Kafka is [red]away"))
    asyncio.run(go(None, "no Kafka"))


def test_search_finds_racks_and_gpus():
    """A part of an id; enter takes the first, down goes into the list."""

    async def go():
        async with running(FakeSource(a_hall(30))) as (app, pilot):
            await pilot.press("slash")
            await until(pilot, on(app, SearchView), "search")
            await pilot.press(*"0017", "enter")
            await until(pilot, on(app, RackView), "the rack")
            assert "rack-0017" == app.screen.rack
            await pilot.press("slash")
            await until(pilot, on(app, SearchView), "search")
            app.screen.query_one(Input).value = "node-3/"
            await until(pilot, lambda: app.screen.query_one(Lines).chosen, "what is found")
            await pilot.press("down", "down", "enter")
            await until(pilot, on(app, GpuView), "the GPU")
            assert "rack-0002/node-3/gpu-1" == app.screen.gpu
            await pilot.press("escape")
            await until(pilot, on(app, RackView), "its rack")
            await until(
                pilot,
                lambda: app.screen.query_one(GpuGrid).gpu == "rack-0002/node-3/gpu-1",
                "cursor",
            )

    asyncio.run(go())


def test_colours_cycle_and_the_legend_has_the_unit():
    """Five ways, and the first again; help says it."""

    async def go():
        async with running(FakeSource(a_hall(100))) as (app, pilot):
            for words in (
                "hottest GPU in C", "power in kW", "flow in l/min", "incident: .*! critical", "least margin in K",
            ):  # fmt: skip
                await pilot.press("c")
                await shows(app, pilot, words)
            await pilot.press("question_mark")
            await until(pilot, on(app, HelpView), "help")
            await shows(app, pilot, "colour by margin, temperature, power, flow, incident")
            await pilot.press("escape")
            await until(pilot, on(app, HallView), "the hall")

    asyncio.run(go())


def test_old_data_are_called_stale_and_lose_their_colours():
    """In words, with the age; the map is grey."""
    hall = a_hall(6)
    old = replace(hall, t_ms=hall.now_ms - 42_000)

    async def go():
        async with running(FakeSource(old)) as (app, pilot):
            await shows(app, pilot, "STALE: data 4[2-9] s old")
            assert app.grey
            source = app._poller._source
            source.told = hall
            await shows(app, pilot, r"(?<!STALE: )data \d s old")
            assert not app.grey

    asyncio.run(go())


def test_a_history_that_is_away_is_said_and_asked_again():
    """The last picture stays, grey, with its age; it comes back by itself."""

    async def go():
        source = FakeSource()
        source.away = "refused [red]\x1b[31m"
        async with running(source) as (app, pilot):
            await shows(app, pilot, r"ClickHouse away: refused \[red\]\?\[31m; it is asked again")
            source.away = ""
            await shows(app, pilot, "MW")
            source.away = "gone"
            await shows(app, pilot, r"ClickHouse away: gone; data \d s old")
            await shows(app, pilot, "0.121 MW")
            assert app.grey
            asked = source.asked
            await until(pilot, lambda: source.asked > asked + 1, "further tries")
            await pilot.press("enter")
            await until(pilot, on(app, RackView), "a rack meanwhile")
            source.away = ""
            await until(pilot, lambda: not app.grey, "its return")

    asyncio.run(go())


def test_names_of_others_move_no_cursor_and_colour_nothing():
    """Markup is text, escapes are question marks, wide letters keep columns straight."""
    hall = a_hall(3)
    racks = [
        replace(hall.racks[0], id="[red]x[/red]", row="\x1b[2J"),
        replace(hall.racks[1], id="機" * 20, row="\x1b[2J"),
        replace(hall.racks[2], id="\u202ereversed\n", row="\x1b[2J"),
    ]
    evil = replace(
        hall.incidents[0], rack="[red]x[/red]", cause="[bold]it[/bold]\x07 \x1b]0;title\x07"
    )
    source = FakeSource(replace(hall, racks=racks, incidents=[evil]))

    async def go():
        async with running(source) as (app, pilot):
            await shows(app, pilot, re.escape("[red]x[/red] ?[2J: 30.0 kW"))
            await shows(app, pilot, re.escape("[bold]it[/bold]? ?]0;title?"))
            for keys in (["enter"], ["escape", "w"], ["escape", "slash", *"red"]):
                await pilot.press(*keys)
                await pilot.pause(EVERY_S)
                strips = app.screen._compositor.render_strips()
                text = "".join(s.text for strip in strips for s in strip)
                assert not [c for c in text if not c.isprintable()]
                assert {120} == {strip.cell_length for strip in strips}

    asyncio.run(go())


@pytest.mark.parametrize(("size", "cell"), [((80, 24), 1), ((120, 40), 1), ((200, 60), 2)])
def test_a_hall_of_1563_racks_fits_or_scrolls(size, cell):
    """Each size of terminal has the biggest cells that fit; the cursor is always seen."""

    async def go():
        async with running(FakeSource(a_hall(1563)), size) as (app, pilot):
            found = app.screen.query_one(HallMap)
            assert cell == found.grid.cell.width
            assert (found.grid.height > found.size.height) == (size == (80, 24))
            await pilot.press("end")
            assert "rack-1562" == found.rack
            x, y = found.grid.at[-1]
            assert found.scroll_offset.y <= y < found.scroll_offset.y + found.size.height
            await shows(app, pilot, "rack-1562 row-78: silent; last: ")
            # The sign of silence stands in its cell, whatever the colours.
            line = found.render_line(y - found.scroll_offset.y)
            text = "".join(s.text for s in line)
            assert "." == text[x - found.scroll_offset.x]

    asyncio.run(go())


def test_a_terminal_that_changes_its_size_is_filled_anew():
    """From 120 columns to 80 and to 200, on each screen."""

    async def go():
        async with running(FakeSource(a_hall(24))) as (app, pilot):
            found = app.screen.query_one(HallMap)
            assert found.grid.cell.gpus
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: not found.grid.cell.gpus, "smaller cells")
            await shows(app, pilot, "0023")
            await pilot.press("enter")
            await until(pilot, on(app, RackView), "the rack")
            await shows(app, pilot, "node-7")
            await pilot.resize_terminal(200, 60)
            await pilot.press("escape")
            await until(pilot, lambda: found.grid.cell.gpus, "cells with GPUs")
            await until(pilot, lambda: "▀" in "".join(s.text for s in found.render_line(1)), "GPUs")

    asyncio.run(go())


def test_the_mouse_chooses_and_opens():
    """Once puts the cursor there, twice opens; the list takes one click."""

    async def go():
        async with running(FakeSource(a_hall(600))) as (app, pilot):
            found = app.screen.query_one(HallMap)
            x, y = found.grid.at[25]
            await pilot.click(HallMap, offset=(x, y))
            assert "rack-0025" == found.rack
            await pilot.double_click(HallMap, offset=(x, y))
            await until(pilot, on(app, RackView), "the rack")
            assert "rack-0025" == app.screen.rack
            await pilot.press("escape")
            await until(pilot, on(app, HallView), "the hall")
            await pilot.click("#incidents", offset=(3, 0))
            await until(pilot, on(app, RackView), "the incident's rack")
            assert "rack-0001" == app.screen.rack

    asyncio.run(go())


def test_an_empty_hall_is_no_error():
    """No rack, no incident: each key is answered."""
    source = FakeSource(Hall(NOW_MS))

    async def go():
        app = Live(source, EVERY_S)
        async with app.run_test(size=(80, 24)) as pilot:
            await shows(app, pilot, "NO DATA")
            await pilot.press(
                "enter", "right", "down", "c", "w", "a", "end", "tab", "enter", "down"
            )
            await shows(app, pilot, "the inventory has no rack")

    asyncio.run(go())


def test_keys_are_answered_while_the_history_hangs():
    """It is asked from a thread of its own."""
    go_on = threading.Event()

    class Hanging(FakeSource):
        def hall(self):
            if self.asked:
                go_on.wait(WITHIN_S)
            return super().hall()

    async def go():
        async with running(Hanging()) as (app, pilot):
            await pilot.press("c")
            await shows(app, pilot, "hottest GPU in C")
            await pilot.press("enter")
            await until(pilot, on(app, RackView), "the rack")
            go_on.set()

    asyncio.run(go())
