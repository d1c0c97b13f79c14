"""Looks at the live hall of a demo in Chromium, from a thread, and writes down what a person would have seen."""

import json
import shutil
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

CHROMIUM = shutil.which("chromium")
LOOK_S = 0.1
FIRST_S = 60.0
REPLAY_S = 30.0


class Looker(threading.Thread):
    """Opens the page as soon as it is offered.

    Parameters
    ----------
    stats
        Where the demo's live hall writes its address.
    rack, gpu
        Looked at.
    """

    def __init__(self, stats, rack, gpu):
        super().__init__(name="looker", daemon=True)
        self._stats, self._rack, self._gpu = stats, rack, gpu
        self._over = threading.Event()
        self.marked_s = self.told_s = None
        """Unix seconds: when the rack had its mark and its colour, and when the history had the incident."""
        self.colours = set()
        self.replayed = None
        """Moment (Unix milliseconds) and value, as the page's replay showed it."""
        self.complaints = []
        self.error = None

    def run(self):
        """Until told to end."""
        try:
            from playwright.sync_api import sync_playwright  # noqa: PLC0415  not everywhere

            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox"]
                )
                try:
                    self._look(browser)
                finally:
                    browser.close()
        except Exception as error:  # noqa: BLE001  the test's, not the thread's
            self.error = error

    def end(self):
        """Look no more."""
        self._over.set()
        self.join(60)

    def _look(self, browser):
        url = self._address()
        if url is None:
            return
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))
        page.goto(f"{url}#channel=incident")
        while not self._over.wait(LOOK_S) and self.marked_s is None:
            seen = page.evaluate(
                "r => window.coldplate && [coldplate.state().marks[r], coldplate.colourAt(r)]",
                self._rack,
            )
            if not seen:
                continue
            mark, colour = seen
            self.colours.add(colour)
            told = page.evaluate("() => fetch('/api/incidents?state=open').then(r => r.json())")
            if self.told_s is None and any(self._rack in str(i) for i in told["incidents"]):
                self.told_s = time.time()
            if mark in ("warning", "critical"):
                self.marked_s = time.time()
        if not self._over.is_set():
            self._replay(page)

    def _replay(self, page):
        """What a cell showed of a moment, with the page paused there."""
        at_ms = (int(self.marked_s) - 8) * 1000
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        page.evaluate(
            "h => { location.hash = h; location.reload(); }", f"#channel=temperature&at={at}"
        )
        until_s = time.monotonic() + REPLAY_S
        while not self._over.wait(LOOK_S) and time.monotonic() < until_s:
            with suppress(Exception):  # the page is being loaded anew
                state = page.evaluate("() => window.coldplate && coldplate.state()")
                if (
                    state
                    and state["past"]
                    and state["good"]
                    and state["painted"]
                    and state["channel"] == "temperature"
                ):
                    self.replayed = (
                        state["atMs"],
                        page.evaluate("g => coldplate.valueAt(g)", self._gpu),
                    )
                    return

    def _address(self):
        until_s = time.monotonic() + FIRST_S
        while not self._over.wait(LOOK_S) and time.monotonic() < until_s:
            with suppress(OSError, ValueError, KeyError):
                return json.loads(self._stats.read_text())["url"]
        return None
