"""The past on the page: its values, said to be past, and the way back."""

import pytest
from dashboards.web.halls import BEGIN_MS

pytestmark = pytest.mark.browser

AT = "2023-11-15T03:07:00Z"
AT_MS = 1_700_017_620_000
MINUTE = 7
GPU = "rack-0000/n0/g0"


def test_a_replay_shows_the_values_of_its_time_and_says_so(look):
    """A date in the time field: cells, banner, address and the rack's request are all of that moment."""
    seen = look()
    seen.page.locator("#goto-at").fill("2023-11-15 03:07")
    seen.press("Enter")
    seen.until(lambda: seen.value_at(GPU) == MINUTE and seen.state["good"], "the past's value")
    assert "2023-11-15 03:07" in seen.text("#past-banner")
    assert seen.page.evaluate("document.body.classList.contains('past')")
    assert "at=2023-11-15T03:07" in seen.page.url
    seen.press("m", "ArrowRight", "Enter")
    seen.shows("#panel .gpus", "7")
    at_ms = [at for what, _, at in seen.site.answers.asked if what == "rack"][-1]
    assert AT_MS <= at_ms < AT_MS + 60_000
    seen.page.get_by_role("button", name="Back to now").click()
    seen.until(lambda: seen.value_at(GPU) == 20 and not seen.state["past"], "now")
    assert "" == seen.text("#past-banner")
    assert "at=" not in seen.page.url


def test_an_address_with_a_time_opens_in_the_past(look):
    """What a colleague was sent shows what was seen."""
    seen = look(fragment=f"#rack=rack-0002&channel=temperature&at={AT}")
    seen.until(lambda: seen.value_at(GPU) == MINUTE, "the past's value")
    assert (True, "rack-0002", "temperature") == tuple(
        seen.state[k] for k in ("past", "rack", "channel")
    )


def test_speed_and_pause(look):
    """At 600x a minute passes in a tenth of a second; a pause holds it, and the picture stays good."""
    seen = look(fragment=f"#at={AT}")
    seen.page.get_by_role("radio", name="600 times").click()
    seen.until(lambda: seen.state["atMs"] > AT_MS + 600_000, "ten minutes")
    seen.press("p")
    seen.until(lambda: seen.text("#play") == "Go on", "the pause")
    seen.shows("#state", "PAUSED")
    stands = seen.hall.asked["past"][-1]
    seen.page.wait_for_timeout(1500)
    assert (stands, True) == (seen.hall.asked["past"][-1], seen.state["good"])


def test_a_time_that_is_not_kept_is_said_and_now_is_shown(look):
    """The page does not stay in a past that has no pictures."""
    seen = look(fragment=f"#at={BEGIN_MS - 86_400_000}")
    seen.shows("#message", "kept is from")
    seen.until(lambda: seen.state["good"] and not seen.state["past"], "now")
