"""The floor in a real browser: every rack's cells, in the right colour, at the size of a whole cluster."""

import time

import numpy as np
import pytest
from dashboards.web.browser.halls import hall_of, incident
from dashboards.web.halls import StandInHall

from coldplate.dashboards.web.floor import Floor, RackPlace

pytestmark = pytest.mark.browser

RACKS = 1563
LOAD_S = 15
YELLOW, PURPLE = (253, 231, 37), (68, 1, 84)
CRITICAL, MAP = (255, 111, 111), (13, 18, 23)


def test_a_hundred_thousand_cells_are_shown(look):
    """1,563 racks: all cells have their value, and a page that was just opened shows them within seconds."""
    hall = hall_of(RACKS)
    hall.values["margin"] = np.arange(len(hall.of.gpus), dtype=np.float32) % 50
    began_s = time.monotonic()
    seen = look(hall)
    took_s = time.monotonic() - began_s
    frames = seen.page.evaluate("() => ({...coldplate.frames, p95Ms: coldplate.frames.p95Ms})")
    # What a reader of a run wants to know; nothing hangs on it but the generous limit below.
    print(f"100,032 cells shown after {took_s:.2f} s; drawing took {frames['lastMs']:.1f} ms")  # noqa: T201
    assert (RACKS, RACKS * 64) == (seen.state["racks"], seen.state["cells"])
    last = RACKS * 64 - 1
    assert last % 50 == seen.value_at(hall.of.gpus[last])
    assert took_s < LOAD_S


def test_a_rack_that_changes_has_the_new_colour_on_the_screen(look):
    """What needs a look is bright, what is well is dark, and no other rack changes."""
    seen = look()
    before = seen.pixel("rack-0005")
    changed = seen.hall.values["margin"].copy()
    changed[5 * 64 : 6 * 64] = 0
    changed[6 * 64 : 7 * 64] = 40
    seen.hall.values["margin"] = changed
    seen.until(lambda: seen.value_at("rack-0005/n0/g0") == 0, "the change")
    assert (YELLOW, PURPLE) == (seen.pixel("rack-0005"), seen.pixel("rack-0006", 7.5, 7.5))
    assert before == seen.pixel("rack-0004")
    assert "#fde725" == seen.page.evaluate("coldplate.colourAt('rack-0005')")


def test_what_is_absent_is_grey(look):
    """A cell without a value has no colour of the scale."""
    hall = hall_of()
    hall.values["margin"][0] = np.nan
    seen = look(hall)
    assert seen.value_at("rack-0000/n0/g0") is None
    red, green, blue = seen.pixel("rack-0000")
    assert max(red, green, blue) - min(red, green, blue) < 20


def test_each_channel_is_chosen_by_its_number(look):
    """The keys 1 to 7 colour by something else; the legend tells by what, with numbers."""
    seen = look()
    seen.hall.values["power"][:] = 350
    seen.press("4")
    seen.until(lambda: seen.value_at("rack-0000/n0/g0") == 350, "watts")
    assert "700" in seen.text("#legend")
    assert "channel=power" in seen.page.url
    seen.press("c")
    seen.until(lambda: seen.state["channel"] == "flow", "the next channel")


def test_an_incident_has_outline_and_sign_and_is_in_the_list(look):
    """Nothing is told by colour alone: rack, list and strip have the sign."""
    hall = hall_of()
    hall.incidents = [incident(hall)]
    hall.strip = {"racks": {"critical": 1, "warning": 0, "ticket": 0, "info": 0, "silent": 0, "well": 7}}  # fmt: skip
    seen = look(hall)
    seen.until(lambda: seen.state["marks"] == {"rack-0003": "critical"}, "the mark")
    outside = -2.5 * 8 / seen.box("rack-0003")["w"]
    assert (CRITICAL, MAP) == tuple(seen.pixel(r, outside, 4) for r in ("rack-0003", "rack-0004"))
    assert "!" in seen.text("#incidents")
    assert "pump-stop" in seen.text("#incidents")
    assert "!critical 1" in seen.page.locator("#numbers .racks").text_content()


def test_a_click_on_an_incident_flies_to_its_rack_and_opens_it(look):
    """The rack stands in the middle, near enough to be read, and its panel is open."""
    hall = hall_of(RACKS)
    hall.incidents = [incident(hall, 777)]
    seen = look(hall)
    far = seen.state["scale"]
    seen.page.locator("#incidents button").click()
    seen.shows("#panel h2", "rack-0777")
    stage = seen.page.locator("#stage").bounding_box()
    seen.until(lambda: abs(_middle(seen.box("rack-0777")) - _middle(_named(stage))) < 30, "the rack in the middle")  # fmt: skip
    assert seen.state["scale"] > 3 * far


def test_racks_of_any_size_in_several_halls_are_placed(look):
    """First and last cell of each have their value and its colour, whatever GPUs are called."""
    places, gpus = [], []
    for hall_name, cells in (("west", 72), ("west", 5), ("east", 64), ("east", 16)):
        rack = f"{hall_name}/r{len(places)}"
        places.append(RackPlace(rack, hall_name, f"{hall_name}-row", len(gpus), cells))
        gpus += [f"GPU-{len(gpus) + n}" for n in range(cells)]
    hall = StandInHall(Floor(places, gpus))
    hall.values["margin"][:] = 20
    for place in places:
        hall.values["margin"][[place.first, place.first + place.cells - 1]] = 0, 40
    seen = look(hall)
    for place in places:
        last = place.cells - 1
        assert (0, 40) == (
            seen.value_at(gpus[place.first]),
            seen.value_at(gpus[place.first + last]),
        )
        ends = seen.pixel(place.id), seen.pixel(place.id, last % 8 + 0.5, last // 8 + 0.5)
        assert (YELLOW, PURPLE) == ends


def test_the_mouse_moves_zooms_reads_and_opens(look):
    """Wheel, drag, hover and click, and the key that shows all again."""
    seen = look()
    box, far = seen.box("rack-0002"), seen.state["scale"]
    x, y = box["x"] + 2, box["y"] + 2
    seen.page.mouse.move(x, y)
    seen.shows("#tip", "rack-0002/n0/g0\nmargin 20")
    seen.page.mouse.wheel(0, -300)
    seen.until(lambda: seen.state["scale"] > 1.3 * far, "the zoom")
    near = seen.box("rack-0002")
    assert abs(near["x"] + 2 * near["w"] / box["w"] - x) < 1
    seen.page.mouse.down()
    seen.page.mouse.move(x + 60, y + 40, steps=4)
    seen.page.mouse.up()
    moved = seen.box("rack-0002")
    assert (60, 40) == (round(moved["x"] - near["x"]), round(moved["y"] - near["y"]))
    assert "" == seen.state["rack"]
    seen.press("0")
    seen.until(lambda: seen.box("rack-0002") == box, "the whole floor")
    seen.page.mouse.click(x + 8, y + 8)
    seen.until(lambda: seen.state["rack"] == "rack-0002", "the rack")


def test_a_number_that_is_not_known_is_a_dash(look):
    """Nothing is shown as 0 because it is not there."""
    seen = look()
    seen.shows("#numbers", "0.00")  # 1 kW in MW
    seen.hall.strip = {"power_w": None}
    seen.until(lambda: "-" == seen.page.locator("#numbers .value").first.inner_text(), "a dash")
    assert {"-"} == set(seen.page.locator("#numbers .value").all_inner_texts())


def _middle(box):
    return box["x"] + box["w"] / 2


def _named(box):
    return {"x": box["x"], "w": box["width"]}
