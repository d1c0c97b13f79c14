"""Which jobs run: each has a number of its own on the page for as long as it runs, so that its colour stays."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from coldplate.console.web.connections import Ask
from coldplate.dashboards.web.channels import F32, JOBS_MAX

OTHERS = "others"
_NAMES = (
    "SELECT number, argMax(job, since) FROM job_spans WHERE number IN %(numbers)s GROUP BY number"
)


class Jobs:
    """Numbers of jobs as the samples have them, and as the page shows them."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        self._names: dict[int, str] = {}
        self._seen: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._shown: F32 = np.zeros(0, np.float32)

    def show(self, ask: Ask, numbers: NDArray[np.uint32]) -> tuple[F32, Sequence[str]]:
        """By cell which job, from 1, NaN for none; and the jobs' names in that order, "" for a number that is free.

        Raises
        ------
        Away
        """
        if not np.array_equal(numbers, self._seen):
            running = [n for n in np.unique(numbers).tolist() if n]
            self._learn(ask, running)
            self._place(running)
            self._shown = self._cells(numbers)
            self._seen = numbers
        return self._shown, self._told()

    def _learn(self, ask: Ask, running: Sequence[int]) -> None:
        new = [n for n in running if n not in self._names]
        if new:
            told = {int(n): str(name) for n, name in ask.rows(_NAMES, {"numbers": new})}
            self._names |= {n: told.get(n, str(n)) for n in new}

    def _place(self, running: Iterable[int]) -> None:
        kept = set(running)
        self._slots = {n: slot for n, slot in self._slots.items() if n in kept}
        self._names = {n: name for n, name in self._names.items() if n in kept}
        free = iter(sorted(set(range(1, JOBS_MAX)) - set(self._slots.values())))
        for number in sorted(kept - self._slots.keys()):
            self._slots[number] = next(free, JOBS_MAX)

    def _cells(self, numbers: NDArray[np.uint32]) -> F32:
        if not self._slots:
            return np.full(len(numbers), np.nan, np.float32)
        known = np.array(sorted(self._slots), np.uint32)
        slots = np.array([self._slots[n] for n in known.tolist()], np.float32)
        at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        return np.where(known[at] == numbers, slots[at], np.float32(np.nan))

    def _told(self) -> list[str]:
        out = [""] * max(self._slots.values(), default=0)
        for number, slot in self._slots.items():
            out[slot - 1] = OTHERS if slot == JOBS_MAX else self._names[number]
        return out
