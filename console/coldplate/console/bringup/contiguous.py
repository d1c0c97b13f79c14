"""Which accepted racks a job could have as one piece: next to each other in the network and on one power feed.

The rule: racks of a hall stand in the order of its rows, and in a row in the order of their places, as the inventory has
them; rows of one power feed that follow one another there are one line, and so are the cables of their leaf switches. A
set is contiguous when its racks follow one another in such a line without one between that is not accepted. Which rows a
feed has the plan says (`[plan.feed]`); without it each row is a line of its own, for nobody then knows what a feed that
trips takes along.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from coldplate.console.bringup.states import Place


@dataclass(frozen=True, slots=True)
class Run:
    """Racks that follow one another.

    Parameters
    ----------
    line
        Name of the feed, or the row.
    first, last
        Numbers of racks, both within.
    gpus
        That may be used.
    """

    line: str
    first: int
    last: int
    gpus: int

    @property
    def racks(self) -> int:
        """How many."""
        return self.last - self.first + 1


def lines(places: Sequence[Place], feeds: Mapping[str, Iterable[str]]) -> list[str]:
    """By rack, the line it stands in; other racks of the name that do not follow it are a line of their own.

    Examples
    --------
    >>> row = [Place(f"r{n}", "hall", f"row-{n // 2}") for n in range(6)]
    >>> lines(row, {"a": ["row-0", "row-1"]})
    ['hall a', 'hall a', 'hall a', 'hall a', 'hall row-2', 'hall row-2']
    """
    names = []
    for place in places:
        feed = next((f for f, rows in feeds.items() if any(fnmatchcase(place.row, r) for r in rows)), None)  # fmt: skip
        names.append(f"{place.hall} {feed or place.row}".strip())
    return names


def runs(names: Sequence[str], good: Callable[[int], bool]) -> Iterable[tuple[int, int]]:
    """First and last number of each run of good racks within a line."""
    first: int | None = None
    for n in range(len(names) + 1):
        ends = n == len(names) or not good(n) or (n > 0 and names[n] != names[n - 1])
        if first is not None and ends:
            yield first, n - 1
            first = None
        if n < len(names) and good(n) and first is None:
            first = n


def largest(names: Sequence[str], usable: Sequence[int]) -> Run | None:
    """The run with most GPUs; None without any.

    Parameters
    ----------
    names
        By rack, as `lines` gives them.
    usable
        By rack, GPUs that are free for a job; 0 for a rack that is not accepted.
    """
    found = [
        Run(names[a], a, b, sum(usable[a : b + 1])) for a, b in runs(names, lambda n: usable[n] > 0)
    ]
    return max(found, key=lambda r: r.gpus, default=None)


def when(
    names: Sequence[str], gpus: Sequence[int], each_day: NDArray[np.float64], wanted: int
) -> NDArray[np.float64] | None:
    """In each run of a forecast the day on which some contiguous set first has so many GPUs; None where no line is so long.

    Parameters
    ----------
    names, gpus
        By rack, its line and its GPUs; 0 for one that others use, which a set cannot reach over.
    each_day
        When each rack is accepted: run by rack.
    wanted
        GPUs.
    """
    best: NDArray[np.float64] | None = None
    for first, last in runs(names, lambda n: gpus[n] > 0):
        total = np.cumsum([0, *gpus[first : last + 1]])
        for a in range(len(total) - 1):
            # The shortest piece from here that has enough.
            b = int(np.searchsorted(total, total[a] + wanted))
            if b >= len(total):
                break
            day = each_day[:, first + a : first + b].max(axis=1)
            best = day if best is None else np.minimum(best, day)
    return best
