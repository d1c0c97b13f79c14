"""What somebody sees of a page."""

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image
from waiting import await_that

WITHIN_S = 8.0


@dataclass
class Seen:
    """A page that shows a hall.

    Parameters
    ----------
    page
        Playwright's.
    site
        Where it comes from.
    """

    page: Any
    site: Any

    @property
    def hall(self):
        """What the server is handed."""
        return self.site.hall

    @property
    def state(self):
        """As the page tells it."""
        return self.page.evaluate("() => window.coldplate ? coldplate.state() : {good: false}")

    def until(self, true, what, within_s=WITHIN_S):
        """Waits for a condition of the page."""
        return await_that(true, within_s, what)

    def text(self, selector):
        """What is written there; "" where it is not shown."""
        found = self.page.locator(selector)
        if not found.count() or not found.first.is_visible():
            return ""
        # A drawing (SVG) has no inner text.
        return found.first.evaluate("e => e.innerText ?? e.textContent")

    def shows(self, selector, words, within_s=WITHIN_S):
        """Waits for words."""
        self.until(lambda: words in self.text(selector), f"{words!r} in {selector}", within_s)

    def value_at(self, gpu):
        """Of the cell of a GPU; None where absent."""
        return self.page.evaluate("id => coldplate.valueAt(id)", gpu)

    def box(self, rack):
        """Where a rack is on the page, pixels."""
        return self.page.evaluate("id => coldplate.boxOf(id)", rack)

    def pixel(self, rack, column=0.5, line=0.5):
        """Red, green, blue on the screen, at a place (in cells) of a rack."""
        box = self.box(rack)
        cell = box["w"] / 8
        x, y = box["x"] + cell * column, box["y"] + cell * line
        shot = self.page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})
        return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((0, 0))

    def press(self, *keys):
        """Keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)
