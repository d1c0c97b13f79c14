"""A rack's GPUs, a line a node."""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from coldplate.console.live.canvas import Canvas
from coldplate.console.live.draw import FAINT, Line
from coldplate.console.live.picture import STALE_S, Gpu
from coldplate.console.live.shade import SIGNS, Shade, style
from coldplate.console.live.words import safe

NAME, WIDTH = 12, 8


class GpuGrid(Canvas):
    """A cell a GPU."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Left", show=False),
        Binding("right", "move(1, 0)", "Right", show=False),
        Binding("up", "move(0, -1)", "Up", show=False),
        Binding("down", "move(0, 1)", "Down", show=False),
        Binding("enter", "open", "Open GPU", show=False),
    ]

    class Opened(Message):
        """A GPU is to be shown."""

        def __init__(self, gpu: str) -> None:
            super().__init__()
            self.gpu = gpu

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  textual's word
        super().__init__(id=id)
        self._rows: list[list[Gpu]] = []
        self._lines_of: list[Line] = []
        self._at = (0, 0)

    @property
    def gpu(self) -> str:
        """Where the cursor stands; "" where there is no GPU."""
        column, row = self._at
        return self._rows[row][column].id if self._rows else ""

    def show(
        self, gpus: Sequence[Gpu], shade: Shade, now_ms: int, signs: dict[str, str], *, grey: bool
    ) -> None:
        """Show them; the cursor stays in its place.

        Parameters
        ----------
        signs
            Of incidents, by GPU.
        """
        self._rows = [list(members) for _, members in groupby(gpus, key=lambda g: g.node)]
        self._clamp(*self._at)
        edges = shade.scale([shade.of_gpu(g) for g in gpus])
        lines: list[Line] = []
        for row, members in enumerate(self._rows):
            name = members[0].node.rpartition("/")[2]
            line = [Segment(safe(name, NAME - 1) + " ", FAINT)]
            for column, gpu in enumerate(members):
                value = shade.of_gpu(gpu)
                old = gpu.t_ms is None or now_ms - gpu.t_ms > 1000 * STALE_S
                sign = signs.get(gpu.id) or (
                    SIGNS["critical"] if held(gpu) else "." if old else " "
                )
                step = None if value is None or old else shade.step(value, edges)
                text = (
                    "-" if value is None else format(value, ".2f" if shade.unit == "kW" else ".1f")
                )
                line.append(
                    Segment(
                        safe(f"{sign}{'' if step is None else step}:{text}", WIDTH - 1),
                        style(step, grey=grey, at=(column, row) == self._at),
                    )
                )
                line.append(Segment(" "))
            lines.append(line)
        self.draw(lines)

    def go(self, gpu: str) -> None:
        """Put the cursor on a GPU."""
        for row, members in enumerate(self._rows):
            for column, found in enumerate(members):
                if found.id == gpu:
                    self._at = (column, row)

    def action_move(self, dx: int, dy: int) -> None:
        """To the next GPU."""
        column, row = self._at
        self._clamp(column + dx, row + dy)
        self.see(NAME + self._at[0] * WIDTH, self._at[1], WIDTH)
        self.screen.renew()  # type: ignore[attr-defined]

    def action_open(self) -> None:
        """Show the GPU."""
        if self.gpu:
            self.post_message(self.Opened(self.gpu))

    def on_click(self, event: events.Click) -> None:
        """Once puts the cursor there, twice opens."""
        x, y = self.place(event)
        if x >= NAME and y < len(self._rows) and (x - NAME) // WIDTH < len(self._rows[y]):
            self._at = ((x - NAME) // WIDTH, y)
            self.screen.renew()  # type: ignore[attr-defined]
            if event.chain >= 2:
                self.action_open()

    def _clamp(self, column: int, row: int) -> None:
        row = max(0, min(row, len(self._rows) - 1))
        column = max(0, min(column, len(self._rows[row]) - 1)) if self._rows else 0
        self._at = (column, row)


def held(gpu: Gpu) -> bool:
    """Whether heat or the power brake holds its clock down."""
    return bool(int(gpu.values.get("clock_event_reasons", 0)) & 0xE0)
