"""One Chromium a module, and pages that may say nothing wrong and ask nobody else."""

import shutil
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest
from dashboards.web.browser.halls import Answers, hall_of
from dashboards.web.browser.seeing import Seen
from dashboards.web.halls import site

SIZE = {"width": 1280, "height": 720}
CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def chromium():
    """The browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium):
    """Opens pages: `look(hall)` is one that shows it; what they complain of fails the test."""
    with ExitStack() as stack:

        def opened(hall=None, *, fragment="", theme="dark", live=True, may_fail=False, before=None):
            hall = hall or hall_of()
            at = stack.enter_context(site(hall, Answers(hall)))
            return stack.enter_context(
                page(at, fragment, theme, live=live, may_fail=may_fail, before=before)
            )

        @contextmanager
        def page(at, fragment, theme, *, live, may_fail, before):
            context = chromium.new_context(
                viewport=SIZE, color_scheme=theme, reduced_motion="reduce"
            )
            said, asked = [], set()
            of = context.new_page()
            of.on(
                "console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None
            )
            of.on("pageerror", lambda e: said.append(str(e)))
            of.on("request", lambda r: asked.add(urlsplit(r.url)[:2]))
            if before:
                before(of)
            of.goto(at.url + fragment)
            seen = Seen(of, at)
            if live:
                seen.until(lambda: seen.state["good"] and seen.state["painted"], "a picture", 15)
            yield seen
            context.close()
            assert may_fail or [] == said
            assert {("http", at.host), ("data", "")} >= asked

        yield opened
