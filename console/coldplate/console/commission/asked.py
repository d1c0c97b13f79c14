"""Evidence out of the history: samples and events of a rack over a span, as ClickHouse has them."""

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from coldplate.console.commission.evidence import Happened, Rack, Span
from coldplate.console.commission.rehearsal import KINDS, wanted
from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.console.querying import Asking, Limits
from coldplate.sinks.tables import SAMPLE_TABLES, SampleTable
from coldplate.wire.inventory import Device, Inventory, InventoryError, device_key, load

T = TypeVar("T")

TICKS_MAX = 1800
"""Of a longer span so many ticks are read, evenly: counters miss nothing, and means lose nothing that matters."""

LIMITS = Limits(seconds=60, rows=500_000)
"""Of a query: three days of 64 GPUs are read, and 1,800 of their ticks answered."""

_RACK = """
SELECT kind, id, parent, `index`, uuid, serial, hall, `row` FROM inventory FINAL
WHERE rack = %(rack)s AND kind IN ('rack', 'node', 'gpu', 'cdu') ORDER BY kind != 'rack', kind, `index`, id
"""
_SAMPLES = """
SELECT device, toUnixTimestamp64Milli(t) AS t_ms, {columns} FROM {table}
WHERE device IN %(devices)s AND t >= fromUnixTimestamp64Milli(toInt64(%(begin)s))
    AND t < fromUnixTimestamp64Milli(toInt64(%(end)s)) AND toUnixTimestamp64Milli(t) %% {step_ms} = 0
ORDER BY t_ms
"""
# Slow metrics come one by one: of each the newest of a step.
_SLOW = """
SELECT device, intDiv(toUnixTimestamp64Milli(t), {step_ms}) * {step_ms} AS t_ms, {columns} FROM {table}
WHERE device IN %(devices)s AND t >= fromUnixTimestamp64Milli(toInt64(%(begin)s))
    AND t < fromUnixTimestamp64Milli(toInt64(%(end)s))
GROUP BY device, t_ms ORDER BY t_ms
"""
_EVENTS = """
SELECT kind, subject, code, text FROM events FINAL
WHERE rack = %(rack)s AND t >= fromUnixTimestamp64Milli(toInt64(%(begin)s)) AND t < fromUnixTimestamp64Milli(toInt64(%(end)s))
ORDER BY t LIMIT 1000
"""


class Asked:
    """The source over a history.

    Parameters
    ----------
    asking
        The history; the caller closes it.
    tick_ms
        From tick to tick, as agents have it.
    gate
        Shared by several of them, which then hold a connection only while they ask.
    """

    def __init__(
        self, asking: Asking, tick_ms: int = 1000, gate: threading.BoundedSemaphore | None = None
    ) -> None:
        self._asking, self._tick_ms, self._gate = asking, tick_ms, gate

    def once(self, ask: Callable[[], T]) -> T:
        """Ask in one's turn."""
        with self._gate or nullcontext():
            try:
                return ask()
            finally:
                if self._gate is not None:
                    self._asking.close()

    def rack(self, name: str) -> tuple[Rack, dict[str, str]]:
        """A rack of the inventory, and the serials planned in it, by id.

        Raises
        ------
        Failure
            It is not there (the nearest are named), or cannot be accepted.
        """
        return self.once(lambda: self._rack(name))

    def _rack(self, name: str) -> tuple[Rack, dict[str, str]]:
        self._asking.check_known("rack", name)
        rows = self._asking.query(_RACK, {"rack": name}).rows
        devices = [Device(k, i, p, int(n), u, s, h, r) for k, i, p, n, u, s, h, r in rows]
        try:
            return Rack.of(Inventory(devices), name), {d.id: d.serial for d in devices}
        except ValueError as error:
            raise Failure(str(error), BAD_INPUT) from None

    def span(
        self, rack: Rack, phase: str, begin_ms: int, end_ms: int, marks: Mapping[str, float]
    ) -> Span:
        """Samples on a grid of whole ticks; a tick that nobody sent is absent."""
        step_ms = self._tick_ms * max(1, -(-(end_ms - begin_ms) // (self._tick_ms * TICKS_MAX)))
        asked_ms, begin_ms = begin_ms, -(-begin_ms // step_ms) * step_ms
        # Marks count from the first tick.
        marks = {what: at_s - (begin_ms - asked_ms) / 1000 for what, at_s in marks.items()}
        ticks = max(1, (end_ms - begin_ms) // step_ms)
        values = {
            k: {m: np.full((ticks, len(rack.ids(k))), np.nan) for m in wanted(k)} for k in KINDS
        }

        def ask() -> list[Happened]:
            for table in SAMPLE_TABLES:
                if table.kind in KINDS:
                    self._fill(table, rack, values[table.kind], begin_ms, end_ms, step_ms)
            events = self._asking.query(_EVENTS, {"rack": rack.id, "begin": begin_ms, "end": end_ms})  # fmt: skip
            return [Happened(k, s, None if c is None else int(c), t) for k, s, c, t in events.rows]

        return Span(phase, begin_ms, step_ms / 1000, values, self.once(ask), marks)

    def _fill(
        self, table: SampleTable, rack: Rack, out: dict[str, Any], begin_ms: int, end_ms: int, step_ms: int
    ) -> None:  # fmt: skip
        names = [m.name for m in table.metrics if m.name in out]
        if not names:
            return
        ids = rack.ids(table.kind)
        place = {device_key(rack.id, d): i for i, d in enumerate(ids)}
        columns = ", ".join(f"argMax({n}, t)" if table.sparse else n for n in names)
        sql = (_SLOW if table.sparse else _SAMPLES).format(
            table=table.name, columns=columns, step_ms=step_ms
        )
        given = {"devices": list(place), "begin": begin_ms, "end": end_ms}
        ticks = len(out[names[0]])
        for device, t_ms, *row in self._asking.query(sql, given).rows:
            tick = min(int(t_ms - begin_ms) // step_ms, ticks - 1)
            for name, value in zip(names, row, strict=True):
                if value is not None:
                    out[name][tick, place[int(device)]] = float(value)


def found_serials(path: Path | None) -> dict[str, str] | None:
    """Serials as devices say them, by id, of an inventory file; None without one.

    Raises
    ------
    Failure
        It cannot be read.
    """
    if path is None:
        return None
    try:
        return {d.id: d.serial for d in load(path)}
    except InventoryError as error:
        raise Failure(f"--found {error}", BAD_INPUT) from None
