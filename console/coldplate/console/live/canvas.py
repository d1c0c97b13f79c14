"""Widgets that draw lines of their own: a canvas that scrolls, and a list of lines to choose from.

They hand finished lines to the terminal: a hall of 1,563 racks as that many widgets would take the processor for itself.
"""

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from coldplate.console.live.draw import Line

_CONSOLE = Console(width=10_000, color_system="truecolor", force_terminal=True)
CURSOR = Style(reverse=True)


class Canvas(ScrollView, can_focus=True):
    """Lines that scroll."""

    DEFAULT_CSS = """
    Canvas { background: $background; scrollbar-size: 1 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  textual's word
        super().__init__(id=id)
        self._lines: list[Strip] = []

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these from now on."""
        self._lines = [Strip(line) for line in lines]
        width = max((strip.cell_length for strip in self._lines), default=0)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One of them, cut to what is seen."""
        left, top = self.scroll_offset
        width, style = self.size.width, self.rich_style
        if top + y >= len(self._lines):
            return Strip.blank(width, style)
        strip = self._lines[top + y].crop_extend(left, left + width, style)
        return strip.apply_style(style)

    def see(self, x: int, y: int, width: int = 1, height: int = 1) -> None:
        """Scroll until a place is seen."""
        self.scroll_to_region(Region(x, y, width, height), animate=False)

    def place(self, event: events.Click) -> tuple[int, int]:
        """Column and line of what was clicked at."""
        return event.x + self.scroll_offset.x, event.y + self.scroll_offset.y


class Lines(Canvas):
    """Lines of which one is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "move(-10)", "Page up", show=False),
        Binding("pagedown", "move(10)", "Page down", show=False),
        Binding("home", "move(-100000)", "First", show=False),
        Binding("end", "move(100000)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Chosen(Message):
        """A line was chosen."""

        def __init__(self, lines: "Lines", name: str) -> None:
            super().__init__()
            self.lines, self.name = lines, name

        @property
        def control(self) -> "Lines":
            """Which list it was."""
            return self.lines

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  textual's word
        super().__init__(id=id)
        self._texts: list[Text] = []
        self._names: list[str] = []
        self._at = 0

    @property
    def chosen(self) -> str:
        """The name of the line where the cursor stands; "" when there is none."""
        return self._names[self._at] if self._names else ""

    def show(self, texts: Sequence[Text], names: Sequence[str]) -> None:
        """Show these; the cursor stays on the name it was on.

        Parameters
        ----------
        names
            Of the lines; () where none is to be chosen.
        """
        before = self.chosen
        self._texts, self._names = list(texts), list(names)
        known = self._names.index(before) if before in self._names else self._at
        self._at = max(0, min(known, len(self._names) - 1))
        self._redraw()

    def action_move(self, by: int) -> None:
        """Move the cursor, or scroll where there is none."""
        if not self._names:
            self.scroll_relative(y=by, animate=False)
            return
        self._at = max(0, min(self._at + by, len(self._names) - 1))
        self._redraw()
        self.see(0, self._at)

    def action_choose(self) -> None:
        """Tell what is chosen."""
        if self.chosen:
            self.post_message(self.Chosen(self, self.chosen))

    def on_click(self, event: events.Click) -> None:
        """The mouse chooses."""
        _, y = self.place(event)
        if y < len(self._names):
            self._at = y
            self._redraw()
            self.action_choose()

    def on_focus(self) -> None:
        """The cursor is seen while keys come here."""
        self._redraw()

    def on_blur(self) -> None:
        """And not any more."""
        self._redraw()

    def _redraw(self) -> None:
        out = []
        for n, text in enumerate(self._texts):
            at = bool(self._names) and n == self._at and self.has_focus
            segments = [s for s in text.render(_CONSOLE) if s.text]
            out.append(list(Segment.apply_style(segments, None, CURSOR)) if at else segments)
        self.draw(out)
