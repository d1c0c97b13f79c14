"""A display that must not lie: stale, away, server gone, floor changed, names that bite, addresses of nothing."""

import pytest
from dashboards.web.browser.axe import CONTRAST, faults
from dashboards.web.browser.halls import Answers, hall_of, incident
from dashboards.web.halls import MARK, site
from waiting import await_that

from coldplate.dashboards.web.options import Options
from coldplate.dashboards.web.ports import Away

pytestmark = pytest.mark.browser

GPU = "rack-0000/n0/g0"


def test_old_data_is_said_to_be_stale_and_turns_grey(look):
    """The newest sample is older than the server's limit: words, and no colour left."""
    seen = look()
    seen.hall.age_ms = 47_000
    seen.shows("#verdict", "STALE")
    assert "old" in seen.text("#verdict-words")
    red, green, blue = seen.pixel("rack-0001")
    assert red == green == blue
    seen.hall.age_ms = 1000
    seen.until(lambda: seen.state["good"], "a fresh picture")
    assert "" == seen.text("#verdict")


def test_a_history_that_is_away_is_said_with_its_reason(look):
    """Also where the page is opened while it is away; both come back by themselves."""
    hall = hall_of()
    seen = look(hall)
    hall.away = "no route to the database"
    seen.shows("#verdict", "no route to the database")
    late = look(hall, live=False, may_fail=True)
    late.shows("#verdict", "no route to the database")
    hall.away = ""
    for page in (seen, late):
        page.until(lambda page=page: page.state["good"] and page.value_at(GPU) == 20, "the picture")


def test_a_server_that_restarts_with_another_floor_is_found_again(chromium):
    """Lost, said, reconnected, and the new floor shown; what was open there and is no more is said."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    hall = hall_of()
    with site(hall, Answers(hall)) as first:
        port = first.port
        page.goto(f"{first.url}#rack=rack-0007")
        await_that(lambda: page.evaluate("coldplate.state().good"), 15, "a picture")
    await_that(lambda: page.locator("#verdict").is_visible(), 10, "the verdict")
    assert "trying again" in page.locator("#verdict").inner_text()
    smaller = hall_of(4)
    with site(smaller, Answers(smaller), Options(port=port)):
        await_that(lambda: page.evaluate("coldplate.state().good && coldplate.state().racks === 4"), 15, "the new floor")  # fmt: skip
        assert "rack-0007 is no longer" in page.locator("#message").inner_text()
        assert not page.locator("#panel").is_visible()
    context.close()


def test_a_message_that_is_lost_is_noticed(look):
    """A delta that does not follow the number before it is not added: the page asks for all cells again."""
    said, lose = [], []

    def between(line):
        server = line.connect_to_server()
        line.on_message(lambda text: (said.append(text), server.send(text)))
        server.on_message(lambda message: _passed(line, message, lose))

    seen = look(before=lambda page: page.route_web_socket("**/api/live", between))
    seen.hall.values["margin"][:] = 30
    lose.append(True)
    seen.until(lambda: seen.state["good"] and not lose, "a lost delta")
    seen.hall.values["margin"][:] = 33
    seen.until(lambda: seen.value_at(GPU) == 33, "the right value")
    assert '{"again":true}' in said


def _passed(line, message, lose):
    if lose and isinstance(message, bytes):
        lose.clear()
    else:
        line.send(message)


def test_a_floor_that_changes_is_drawn_anew(look):
    """While the server runs: cells of the new floor in their places."""
    seen = look()
    hall = hall_of(12)
    hall.values["margin"][11 * 64 :] = 3
    seen.hall.of, seen.hall.values = hall.of, hall.values
    seen.until(lambda: seen.state["racks"] == 12 and seen.value_at("rack-0011/n7/g7") == 3, "the new floor", 15)  # fmt: skip


def test_names_that_are_scripts_stay_text(look):
    """A rack's, an incident's and a job's name with markup in it is shown as it is written."""
    hall = hall_of(8, name=MARK + "-{}")
    hall.incidents = [incident(hall, cause=MARK, kind=MARK, acked_by=MARK)]
    seen = look(hall)
    seen.press("i", "Enter")
    seen.shows("#panel h2", MARK)
    assert MARK in seen.page.locator("#incidents").text_content()
    assert 0 == seen.page.locator("img").count()


def test_an_address_that_names_nothing_says_so(look):
    """Rack, channel and time of a fragment that are none are each named; the floor is shown all the same."""
    seen = look(fragment="#rack=rack-000&channel=colour&at=yesterday")
    for words in ('No rack is called "rack-000"', "rack-0000", '"colour"', '"yesterday"'):
        seen.shows("#message", words)
    assert "" == seen.state["rack"]


def test_who_has_no_token_is_asked_for_it(chromium, tmp_path):
    """A page without a session leads to the form; the right token leads to the hall."""
    token = "a-token-of-thirty-two-characters"
    file = tmp_path / "token"
    file.write_text(token)
    file.chmod(0o600)
    hall = hall_of()
    context = chromium.new_context()
    page = context.new_page()
    with site(hall, Answers(hall), Options(port=0, token_file=str(file))) as of:
        page.goto(of.url)
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Log in").click()
        await_that(lambda: page.evaluate("window.coldplate?.state().good"), 15, "the hall")
        context.clear_cookies()
        page.evaluate("fetch('api/floor').then(r => r.status)")
        page.reload()
        page.get_by_label("Token").wait_for()
    context.close()


def test_axe_finds_no_serious_fault(look):
    """On the floor, with a rack open, with a GPU open, and in the past; contrast in both themes."""
    hall = hall_of()
    hall.incidents = [
        incident(hall), incident(hall, 1, "ticket", id_="b", silenced=True, acked_by="ada"),
        incident(hall, 2, "warning", id_="c"), incident(hall, 4, "info", id_="d"),
    ]  # fmt: skip
    seen = look(hall)
    seen.shows("#incidents", "pump-stop")
    try:
        found = faults(seen.page)
    except (ImportError, OSError) as error:
        pytest.skip(f"axe-core cannot be fetched: {error}")
    seen.press("i", "Enter")
    seen.shows("#panel .chart", "60.0")
    found += faults(seen.page)
    seen.page.locator(".gpus button").first.click()
    seen.shows("#panel", "baseline")
    found += faults(seen.page)
    seen.page.locator("#goto-at").fill("-2h")
    seen.press("Enter")
    seen.until(lambda: seen.state["past"] and seen.state["good"], "the past")
    found += faults(seen.page)
    seen.page.get_by_role("button", name="Light theme").click()
    assert "light" == seen.state["theme"]
    seen.page.wait_for_timeout(150)  # colours of buttons take 120 ms to change
    found += faults(seen.page, only=CONTRAST)
    seen.press("Escape")
    seen.shows("#panel .chart", "60.0")
    assert [] == found + faults(seen.page, only=CONTRAST)


def test_the_bring_up_is_shown_and_axe_finds_no_serious_fault_in_it(look):
    """Racks by state, phase, burn-up, queues, held racks with cause; in both themes; away is said with its reason."""
    seen = look()
    with seen.page.expect_navigation():
        seen.press("b")
    seen.shows("#held", "coupling")
    seen.shows("#phase", "First phase ready: 320 GPUs contiguous, r000 to r004")
    for selector, words in (
        ("#numbers", "accepted"),
        ("#states", "burning-in"),
        ("#queues", "flushing-skid"),
    ):
        assert words in seen.text(selector).lower()
    assert "A" == seen.text("[data-rack=r000]")
    assert "X" == seen.text("[data-rack=r009]")
    assert "racks accepted" in seen.page.locator(".burn").get_attribute("aria-label")
    try:
        found = faults(seen.page)
    except (ImportError, OSError) as error:
        pytest.skip(f"axe-core cannot be fetched: {error}")
    seen.page.get_by_role("button", name="Light theme").click()
    seen.page.wait_for_timeout(150)  # colours of buttons take 120 ms to change
    assert [] == found + faults(seen.page, only=CONTRAST)
    with seen.page.expect_navigation():
        seen.press("h")
    seen.until(lambda: seen.state["good"], "the hall")


def test_a_board_that_is_away_is_said_with_its_reason(look):
    """And comes back by itself."""
    seen = look(may_fail=True)
    seen.site.answers.error = Away("no route to the database")
    seen.page.goto(f"{seen.site.url}board")
    seen.shows("#trouble", "no route to the database")
    assert "AWAY" == seen.text("#state-word")
    seen.site.answers.error = None
    seen.shows("#state-word", "LIVE")
