"""The map of the hall, and the cursor on it."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from coldplate.console.live.canvas import Canvas
from coldplate.console.live.draw import cells
from coldplate.console.live.grid import Grid, grid
from coldplate.console.live.picture import Gpu, Hall
from coldplate.console.live.shade import MARGIN, Shade


class HallMap(Canvas):
    """A cell a rack."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Left", show=False),
        Binding("right", "move(1, 0)", "Right", show=False),
        Binding("up", "move(0, -1)", "Up", show=False),
        Binding("down", "move(0, 1)", "Down", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("enter", "open", "Open rack", show=False),
    ]

    class Moved(Message):
        """The cursor stands elsewhere."""

    class Opened(Message):
        """A rack is to be shown."""

        def __init__(self, rack: str) -> None:
            super().__init__()
            self.rack = rack

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  textual's word
        super().__init__(id=id)
        self._hall = Hall(0)
        self._shade: Shade = MARGIN
        self._gpus: Mapping[str, Sequence[Gpu]] = {}
        self._grey = False
        self._at = 0
        self.grid = Grid()

    @property
    def rack(self) -> str:
        """Where the cursor stands; "" in an empty hall."""
        return self._hall.racks[self._at].id if self._hall.racks else ""

    @property
    def shown_gpus(self) -> tuple[str, ...]:
        """Racks whose GPUs the cells show."""
        return tuple(r.id for r in self._hall.racks) if self.grid.cell.gpus else ()

    def show(
        self, hall: Hall, shade: Shade, gpus: Mapping[str, Sequence[Gpu]], *, grey: bool
    ) -> None:
        """Show a hall; the cursor stays on its rack."""
        before = self.rack
        self._hall, self._shade, self._gpus, self._grey = hall, shade, gpus, grey
        if before != self.rack:
            self.go(before)
        self._redraw()

    def go(self, rack: str) -> bool:
        """Put the cursor on a rack; False when there is none of that name."""
        names = [r.id for r in self._hall.racks]
        found = rack in names
        self._at = names.index(rack) if found else max(0, min(self._at, len(names) - 1))
        if found:
            self._moved()
        return found

    def action_move(self, dx: int, dy: int) -> None:
        """To the next rack in a direction."""
        if self.grid.at:
            self._at = self.grid.beside(self._at, dx, dy)
            self._moved()

    def action_first(self) -> None:
        """To the first rack."""
        self._at = 0
        self._moved()

    def action_last(self) -> None:
        """To the last rack."""
        self._at = max(0, len(self._hall.racks) - 1)
        self._moved()

    def action_open(self) -> None:
        """Show the rack."""
        if self.rack:
            self.post_message(self.Opened(self.rack))

    def on_click(self, event: events.Click) -> None:
        """Once puts the cursor there, twice opens."""
        found = self.grid.under(*self.place(event))
        if found is not None:
            self._at = found
            self._moved()
            if event.chain >= 2:
                self.action_open()

    def on_resize(self) -> None:
        """Cells as big as fit now."""
        self._redraw()

    def _moved(self) -> None:
        self._redraw()
        if self._at < len(self.grid.at):
            x, y = self.grid.at[self._at]
            self.see(x, y, self.grid.cell.width, self.grid.cell.height)
        self.post_message(self.Moved())

    def _redraw(self) -> None:
        # One column stays free for the scroll bar.
        self.grid = grid(self._hall.racks, max(1, self.size.width - 1), self.size.height)
        at = self._at if self._hall.racks else None
        self.draw(
            cells(self._hall, self._shade, self.grid, at=at, grey=self._grey, gpus=self._gpus)
        )
