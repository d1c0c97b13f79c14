"""The hall without a mouse: find, walk, open, read, and back."""

import pytest
from dashboards.web.browser.halls import hall_of, incident

pytestmark = pytest.mark.browser


def test_search_cursor_rack_and_gpu_are_reached_by_keys_alone(look):
    """From the page as it opens to a GPU's thermal resistance and back, with no click."""
    seen = look()
    seen.press("/")
    seen.page.keyboard.type("0002/n1")
    seen.shows("#search-found", "rack-0002/n1/g0")
    seen.press("Escape", "m", "ArrowRight", "ArrowRight", "ArrowRight")
    seen.shows("#cursor-words", "rack-0002, row-0, hall: margin 20")
    seen.press("Enter")
    seen.shows("#panel h2", "rack-0002")
    seen.until(lambda: seen.page.locator(".gpus button").count() == 64, "64 GPUs")
    seen.page.locator(".gpus button").first.focus()
    seen.press("ArrowRight", "ArrowDown", "Enter")
    seen.shows("#panel h2", "n1/g1")
    seen.shows("#panel", "baseline")
    assert "gpu=rack-0002/n1/g1" in seen.page.url
    seen.press("Escape")
    seen.shows("#panel h2", "rack-0002")
    assert "n1/g1" in seen.page.evaluate("document.activeElement.ariaLabel")
    seen.press("Escape")
    seen.until(lambda: seen.state["rack"] == "", "the floor alone")
    assert "map" == seen.page.evaluate("document.activeElement.id")


def test_enter_in_the_search_box_flies_there(look):
    """A part of a GPU's id is enough; what nobody is called so is said."""
    seen = look(hall_of(1563))
    seen.press("/")
    seen.page.keyboard.type("1234/n7/g7")
    seen.press("Enter")
    seen.shows("#panel h2", "n7/g7")
    assert ("rack-1234", "rack-1234/n7/g7") == (seen.state["rack"], seen.state["gpu"])
    seen.press("/")
    seen.page.keyboard.type("nothing-like-it")
    seen.press("Enter")
    seen.shows("#message", "nothing-like-it")


def test_a_rack_shows_its_water_its_odd_gpus_and_why(look):
    """A pump that stands still, the GPU that is off, power, job, and what the incident says of itself."""
    hall = hall_of()
    hall.values["temperature"][3 * 64 + 9] = 61
    hall.incidents = [incident(hall)]
    seen = look(hall)
    seen.press("i", "Enter")
    seen.shows("#panel .water", "32.1")
    assert "0\u202frpm" in seen.text("#panel .water")
    assert "dry" in seen.text("#panel .water")
    assert ["n1/g1: 61.0\u202f\u00b0C, 41.0\u202fK above the rack's median"] == [
        b.get_attribute("aria-label") for b in seen.page.locator(".gpus .odd").all()
    ]
    seen.shows("#panel", "train-7")
    seen.shows("#panel .chart", "60.0")
    seen.page.locator("#panel .stories button").focus()
    seen.press("Enter")
    seen.shows("#panel .story", "Run pump 2 at full speed.")
    seen.shows("#panel .story", "pump 1 over 2,500 rpm")
