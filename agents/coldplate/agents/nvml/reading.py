"""One line of the table for one GPU: asks, keeps apart what has no value and why, and knows what asking costs."""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.collector import Origin
from coldplate.agents.nvml.calls import Read
from coldplate.agents.nvml.driver import Device, error
from coldplate.agents.nvml.errors import (
    DriverGone,
    Lost,
    NeedsReset,
    NoPermission,
    NvmlError,
    Unsupported,
)
from coldplate.agents.nvml.fields import FieldCall
from coldplate.agents.nvml.metrics import Call, Fields, Rate
from coldplate.wire.metric import Kind, metric

FINAL = frozenset({Unsupported.reason, NoPermission.reason})
"""What is not asked again before the driver is initialised anew."""

STEP_MIN, STEP_FIRST = 0.05, 0.5
"""Of the running median: how far a cost moves it, as a share of itself; at first in larger steps."""

Values = NDArray[np.float64]


class Cost:
    """The running median of what a call takes, without keeping what it took."""

    def __init__(self) -> None:
        self.us: float | None = None
        self._step = STEP_FIRST

    def took(self, seconds: float) -> None:
        """One more call."""
        us = seconds * 1e6
        if self.us is None:
            self.us = us
            return
        self.us *= 1 + self._step if us > self.us else 1 - self._step
        self._step = max(STEP_MIN, 0.8 * self._step)


class CallReading:
    """A function of the table.

    Parameters
    ----------
    call, device
        What is asked of whom.
    """

    def __init__(self, call: Call, device: Device) -> None:
        self.rate = call.rate
        self.cost = Cost()
        self.absent = ""
        self._device = device
        self._read: Read | None
        self._rows: list[tuple[int, float]]
        self._take(call)

    @property
    def done(self) -> bool:
        """Whether asking again is useless."""
        return self.absent in FINAL

    @property
    def reset(self) -> bool:
        """Whether it waits for the GPU's reset."""
        return self.absent == NeedsReset.reason

    def read(self, out: Values) -> None:
        """Put the values into their rows; rows of what does not answer stay as they are.

        Raises
        ------
        Lost, DriverGone
            Which concern more than this reading.
        """
        try:
            if self._read is None:
                self._read = self._call.make(self._device)
            began_s = perf_counter()
            values = self._read()
        except (Lost, DriverGone):
            raise
        except Unsupported as why:
            if self._call.instead is not None:
                self._take(self._call.instead)
                self.read(out)
            else:
                self.absent = why.reason
            return
        except NvmlError as why:
            self.absent = why.reason
            return
        self.cost.took(perf_counter() - began_s)
        self.absent = ""
        for (row, factor), value in zip(self._rows, values, strict=True):
            out[row] = value * factor

    def origins(self) -> Iterator[tuple[str, Origin]]:
        """By metric."""
        for name, _ in self._call.tells:
            yield name, Origin(self._call.source, self.cost.us, self.absent)

    def _take(self, call: Call) -> None:
        self._call, self._read = call, None
        self._rows = [(metric(Kind.GPU, name).number, factor) for name, factor in call.tells]


class FieldsReading:
    """Fields of the table that are read together; those that are unsupported are left out of later calls.

    Parameters
    ----------
    fields, device
        What is asked of whom.
    """

    def __init__(self, fields: Fields, device: Device) -> None:
        self.rate = fields.rate
        self.cost = Cost()
        self._fields, self._device = fields.fields, device
        # What each field answered last: "" is a value.
        self._absent = {(f.scope, n): "" for f in fields.fields for n in f.numbers}
        self._others: dict[str, CallReading] = {}
        self._call: FieldCall | None = None
        self._asked: list[tuple[int, int]] = []
        self._plan: list[tuple[int, float, list[int]]] = []
        self._failing = False
        self._build()

    @property
    def done(self) -> bool:
        """Whether asking again is useless."""
        return not self._asked and all(o.done for o in self._others.values())

    @property
    def absent(self) -> str:
        """Why nothing at all came; "" when something did."""
        reasons = [*self._absent.values(), *(o.absent for o in self._others.values())]
        return "" if "" in reasons else reasons[0]

    @property
    def reset(self) -> bool:
        """Whether one of them waits for the GPU's reset."""
        reason = NeedsReset.reason
        return reason in self._absent.values() or any(o.reset for o in self._others.values())

    def read(self, out: Values) -> None:
        """Put the values into their rows, each the sum of its fields.

        Raises
        ------
        Lost, DriverGone
            Which concern more than this reading.
        """
        if self._asked:
            try:
                if self._call is None:
                    self._call = FieldCall(self._device, [(n, s) for s, n in self._asked])
                began_s = perf_counter()
                codes, values = self._call.read()
            except (Lost, DriverGone):
                raise
            except NvmlError as why:
                self._absent.update(dict.fromkeys(self._asked, why.reason))
                self._failing = True
                if why.reason in FINAL:
                    self._build()
            else:
                self.cost.took(perf_counter() - began_s)
                self._put(out, codes, values)
        for other in self._others.values():
            other.read(out)

    def origins(self) -> Iterator[tuple[str, Origin]]:
        """By metric."""
        for field in self._fields:
            if field.metric in self._others:
                yield from self._others[field.metric].origins()
            else:
                absent = self._why([self._absent[field.scope, n] for n in field.numbers])
                yield field.metric, Origin(field.source, self.cost.us, absent)

    def _put(self, out: Values, codes: tuple[int, ...], values: tuple[float, ...]) -> None:
        """Put what was answered into its rows, and remember what was not."""
        if not any(codes) and not self._failing:
            for row, factor, places in self._plan:
                out[row] = sum([values[p] for p in places]) * factor
            return
        reasons = [self._reason(code) for code in codes]
        self._absent.update(zip(self._asked, reasons, strict=True))
        self._failing = any(codes)
        for row, factor, places in self._plan:
            # A sum is told when none of its parts may still come.
            there = [values[p] for p in places if not codes[p]]
            if there and all(not reasons[p] or reasons[p] in FINAL for p in places):
                out[row] = sum(there) * factor
        if not FINAL.isdisjoint(reasons):
            self._build()

    @staticmethod
    def _why(reasons: list[str]) -> str:
        """Of a sum: "" when one part is told, and the first reason that is not final before those that are."""
        if "" in reasons and all(r in FINAL or not r for r in reasons):
            return ""
        return next((r for r in reasons if r and r not in FINAL), reasons[0])

    def _reason(self, code: int) -> str:
        if not code:
            return ""
        why = error(code, "field")
        if isinstance(why, (Lost, DriverGone)):
            raise why
        return why.reason

    def _build(self) -> None:
        """Plan the next call: what is still worth asking, and what is asked instead."""
        self._asked = [k for k, why in self._absent.items() if why not in FINAL]
        self._call, self._plan = None, []
        place = {key: i for i, key in enumerate(self._asked)}
        for field in self._fields:
            places = [place[field.scope, n] for n in field.numbers if (field.scope, n) in place]
            if places:
                self._plan.append((metric(Kind.GPU, field.metric).number, field.factor, places))
            elif field.instead is not None and field.metric not in self._others:
                self._others[field.metric] = CallReading(field.instead, self._device)


Reading = CallReading | FieldsReading


def reading(line: Call | Fields, device: Device) -> Reading:
    """What reads a line of the table."""
    return CallReading(line, device) if isinstance(line, Call) else FieldsReading(line, device)


def period_ticks(rate: Rate, slow_ticks: int) -> int:
    """Every how many ticks."""
    return {Rate.TICK: 1, Rate.SLOW: slow_ticks, Rate.RARE: min(60, 6 * slow_ticks)}[rate]
