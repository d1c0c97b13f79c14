"""Takes the pictures of docs/pictures/ from a real stack: `make screenshots`.

Kafka, ClickHouse, worker, sink, live hall and a twin of 60 racks (docs/screenshots.toml) run in a temporary folder; Debian's Chromium
looks at them while a pump is down. Some three minutes.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
OUT = HERE / "pictures"
SIZE = {"width": 1440, "height": 810}
RACK, GPU = "rack-0017", "rack-0017/node-3/gpu-2"
WAIT_S = 240.0
SETTLE_MS = 4_000


def main() -> None:
    """All of them, or nothing."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed; on Debian and Ubuntu: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="coldplate-pictures-") as folder,
        _stack(Path(folder)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        OUT.mkdir(exist_ok=True)
        for theme in ("dark", "light"):
            context = browser.new_context(
                viewport=SIZE, color_scheme=theme, reduced_motion="reduce"
            )  # type: ignore[arg-type]
            _take(context.new_page(), url, theme)
        browser.close()


def _take(page: Page, url: str, theme: str) -> None:
    """The hall while the pump is down; in the dark also rack, GPU and past."""
    page.goto(f"{url}#channel=margin")
    _until(
        lambda: _state(page).get("marks", {}).get(RACK) in ("warning", "critical"),
        f"an incident of {RACK}",
    )
    page.wait_for_timeout(SETTLE_MS)
    _shot(page, f"hall-{theme}")
    if theme == "light":
        return
    page.goto(f"{url}#rack={RACK}&channel=temperature")
    page.reload()
    page.wait_for_timeout(2 * SETTLE_MS)
    _shot(page, "rack")
    page.goto(f"{url}#gpu={GPU}&rack={RACK}&channel=temperature")
    page.reload()
    _until(lambda: "SM clock" in _panel(page), f"the metrics of {GPU}")
    _shot(page, "gpu")
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 45))
    page.goto(f"{url}#channel=power&at={at}")
    page.reload()
    _until(lambda: bool(_state(page).get("past")) and bool(_state(page).get("good")), "the past")
    page.wait_for_timeout(SETTLE_MS)
    _shot(page, "past")


def _shot(page: Page, name: str) -> None:
    page.screenshot(path=OUT / f"{name}.png")
    sys.stderr.write(f"{OUT / name}.png\n")


def _panel(page: Page) -> str:
    """What stands in the panel."""
    with suppress(Exception):  # the page is being loaded
        return str(page.evaluate("() => document.getElementById('panel').innerText"))
    return ""


def _state(page: Page) -> dict[str, Any]:
    with suppress(Exception):  # the page is being loaded
        return page.evaluate("() => window.coldplate ? coldplate.state() : {}") or {}
    return {}


@contextmanager
def _stack(folder: Path) -> Iterator[str]:
    """A stack of its own; its live hall's address."""
    words = [
        sys.executable,
        "-m",
        "coldplate.console",
        "--state",
        str(folder),
        "up",
        "--twin",
        str(HERE / "screenshots.toml"),
    ]
    env = {k: v for k, v in os.environ.items() if not k.startswith("COLDPLATE_")}
    with subprocess.Popen(
        words, env=env, stdout=subprocess.DEVNULL, stderr=sys.stderr, cwd=folder
    ) as process:
        try:
            stats = folder / "run" / "web.json"
            _until(stats.exists, "the live hall", lambda: process.poll() is None)
            yield str(json.loads(stats.read_text("utf-8"))["url"]).rstrip("/") + "/"
        finally:
            process.send_signal(signal.SIGTERM)


def _until(true: Callable[[], bool], what: str, goes: Callable[[], bool] = lambda: True) -> None:
    end_s = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > end_s or not goes():
            sys.exit(f"{what} did not come within {WAIT_S:g} s")
        time.sleep(0.3)


if __name__ == "__main__":
    main()
