"""Where each rack's cell stands: rows as in the hall, in cells as big as fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from coldplate.console.live.picture import Rack

LABEL_MAX = 8
GRID_COLUMNS = 8
"""GPUs side by side in the biggest cells."""

GPUS_MAX = 2_000
"""As many are asked for and drawn at most, for each costs a row of an answer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A size of cells.

    Parameters
    ----------
    width, height
        In columns and lines.
    gap
        Free columns, and lines, after each.
    gpus
        Whether it shows each GPU.
    """

    width: int
    height: int
    gap: int = 0
    gpus: bool = False


DOT, PAIR, BOX = Cell(1, 1), Cell(2, 1), Cell(9, 2, 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells in their places.

    Parameters
    ----------
    cell
        Their size.
    at
        Column and line of each rack's, in the racks' order.
    labels
        Column, line and name of rows.
    width, height
        Of all.
    """

    cell: Cell = DOT
    at: Sequence[tuple[int, int]] = ()
    labels: Sequence[tuple[int, int, str]] = ()
    width: int = 0
    height: int = 0

    def under(self, x: int, y: int) -> int | None:
        """The rack at a column and line."""
        for n, (left, top) in enumerate(self.at):
            if left <= x < left + self.cell.width and top <= y < top + self.cell.height:
                return n
        return None

    def beside(self, n: int, dx: int, dy: int) -> int:
        """The rack next to another in a direction; that itself at the edge."""
        x, y = self.at[n]
        ahead = [
            (abs(b - y) if dy else abs(a - x), abs(a - x) if dy else abs(b - y), m)
            for m, (a, b) in enumerate(self.at)
            if (dx and b == y and (a - x) * dx > 0) or (dy and (b - y) * dy > 0)
        ]
        return min(ahead)[2] if ahead else n


def sizes(racks: Sequence[Rack]) -> list[Cell]:
    """All there are, the biggest first."""
    most = max((rack.gpus for rack in racks), default=0)
    lines = -(-most // GRID_COLUMNS)
    each = Cell(GRID_COLUMNS, 1 + -(-lines // 2), 1, gpus=True)
    return ([each] if 0 < most * len(racks) <= GPUS_MAX else []) + [BOX, PAIR, DOT]


def grid(
    racks: Sequence[Rack], width: int, height: int, cells: Sequence[Cell] | None = None
) -> Grid:
    """The places in so many columns and lines; higher where even the smallest cells do not fit.

    Parameters
    ----------
    cells
        Sizes that may be taken, the biggest first; None: all.
    """
    found = Grid()
    for cell in cells or sizes(racks):
        found = _placed(racks, width, cell)
        if found.height <= height:
            return found
    return found


def _placed(racks: Sequence[Rack], width: int, cell: Cell) -> Grid:
    several = len({rack.hall for rack in racks}) > 1
    rows = [
        (f"{hall} {row}".strip() if several else row, list(members))
        for (hall, row), members in groupby(racks, key=lambda r: (r.hall, r.row))
    ]
    label = min(LABEL_MAX, max((len(name) for name, _ in rows), default=0)) + 1
    pitch = cell.width + cell.gap
    longest = max((len(members) for _, members in rows), default=0)
    each = max(1, min(longest, (width - label) // pitch))
    block = label + each * pitch
    lines: list[tuple[str, int]] = []
    for name, members in rows:
        lines += [
            ("" if first else name, min(each, len(members) - first))
            for first in range(0, len(members), each)
        ]
    blocks = max(1, min((width + 1) // (block + 1), len(lines)))
    deep = -(-len(lines) // blocks) if lines else 0
    at, labels = [], []
    for n, (name, count) in enumerate(lines):
        left, top = n // deep * (block + 1), n % deep * (cell.height + min(cell.gap, 1))
        if name:
            labels.append((left, top, name))
        at += [(left + label + m * pitch, top) for m in range(count)]
    used = -(-len(lines) // deep) if lines else 0
    high = deep * (cell.height + min(cell.gap, 1)) - (1 if cell.gap and deep else 0)
    return Grid(cell, at, labels, used * (block + 1) - 1 if used else 0, high)
