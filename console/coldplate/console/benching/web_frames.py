"""How fast a browser draws the live hall while its map is dragged about: Chromium without a window, where there is one."""

import shutil
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRAGS, STEPS = 20, 30
LOAD_MS = 60_000
_WIDTH, _HEIGHT = 1280, 720


def frames(url: str) -> dict[str, Any]:
    """`frame_ms_p95`, or None with `frame_why`."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        return {"frame_ms_p95": None, "frame_why": f"no browser: none of {', '.join(BROWSERS)} is there"}  # fmt: skip
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError:
        return {"frame_ms_p95": None, "frame_why": "playwright is not installed"}
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
            try:
                page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
                page.goto(url, timeout=LOAD_MS)
                page.wait_for_function("window.coldplate && window.coldplate.frames.count > 2", timeout=LOAD_MS)  # fmt: skip
                _drag(page)
                drawn = page.evaluate(
                    "(f => ({count: f.count, p95Ms: f.p95Ms}))(window.coldplate.frames)"
                )
            finally:
                browser.close()
    except Error as error:
        return {"frame_ms_p95": None, "frame_why": str(error).splitlines()[0][:200]}
    p95_ms = drawn.get("p95Ms")
    return {"frame_ms_p95": None if p95_ms is None else round(p95_ms, 2), "frames": drawn.get("count")}  # fmt: skip


def _drag(page: Any) -> None:
    """To and fro over the map, zoomed in a little."""
    x, y = _WIDTH // 3, _HEIGHT // 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    for n in range(DRAGS):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + (120 if n % 2 else -120), y + 60, steps=STEPS)
        page.mouse.up()
