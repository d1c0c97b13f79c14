"""What flows while parts are killed: frames of a small hall, made up, in disorder as real ones come; and what is due of them.

Each source sends a frame of five ticks every half second. Some frames are held back and come late, some come twice, some
are of hours ago, as from a node that was away; values are noise, some of them absent.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.agents.framer import Framed
from coldplate.wire.frame import Head, block, encode_frame
from coldplate.wire.layout import Layout
from coldplate.wire.metric import Kind, metric
from coldplate.wire.topic import rack_key

RACKS, NODES, GPUS = 4, 2, 8
TICK_MS, TICKS = 100, 5
FRAME_S = TICK_MS * TICKS / 1000
AWAY_TICKS = 6 * 3_600_000 // TICK_MS
ABSENT, LATE, AGAIN, AWAY = 0.1, 0.1, 0.05, 0.05
"""Shares of values that are absent, and of frames that are held back, sent twice, of hours ago."""

LATE_S_MAX = 20.0

FAST = ("power_w", "gpu_c", "margin_c", "energy_j")
SLOW = ("ecc_corrected_total", "power_limit_w")
OF_CDU = ("supply_c", "flow_lpm", "makeup_l_total")


@dataclass(frozen=True, slots=True)
class Made:
    """A frame, and how many rows each table must have of it."""

    framed: Framed
    rows: dict[str, int]


@dataclass(slots=True)
class _Source:
    id: str
    rack: str
    kind: Kind
    devices: tuple[str, ...]
    boot: int
    seq: int = 0


class MadeUp:
    """Frames as they are due.

    Parameters
    ----------
    cluster
        Cluster id.
    seed
        Of all that is drawn.
    begin_s
        Unix time of the first frame; sources' boots count from it, so that each has its own.
    """

    def __init__(self, cluster: str, seed: int, begin_s: float) -> None:
        self._cluster, self._rng = cluster, np.random.default_rng(seed)
        self._slot = int(begin_s / FRAME_S)
        self._sources = list(_sources(int(begin_s * 1e9)))
        self._held: list[tuple[float, int, bytes, bytes]] = []

    def due(self, now_s: float) -> Iterator[tuple[Made | None, bytes, bytes]]:
        """What is to be sent now, in order: key and record, and what it is when it is sent for the first time."""
        while (self._slot + 1) * FRAME_S <= now_s:
            self._slot += 1
            for source in self._sources:
                yield from self._frame(source)
        while self._held and self._held[0][0] <= now_s:
            *_, key, record = heapq.heappop(self._held)
            yield None, key, record

    def rest(self) -> Iterator[tuple[bytes, bytes]]:
        """What is still held back."""
        while self._held:
            *_, key, record = heapq.heappop(self._held)
            yield key, record

    def _frame(self, source: _Source) -> Iterator[tuple[Made | None, bytes, bytes]]:
        made = self._made(source)
        key, record = rack_key(source.rack), made.framed.record
        late, again = self._rng.random(2) < (LATE, AGAIN)
        for _ in range(int(late) + int(again)):
            due_s = self._slot * FRAME_S + float(self._rng.uniform(0.0, LATE_S_MAX))
            heapq.heappush(self._held, (due_s, len(self._held), key, record))
        # What is held back is written down now: it will be sent.
        yield made, key, b"" if late else record

    def _made(self, source: _Source) -> Made:
        away = AWAY_TICKS if self._rng.random() < AWAY else 0
        tick, devices = self._slot * TICKS - away, len(source.devices)
        names = OF_CDU if source.kind is Kind.CDU else (*FAST, *SLOW)
        layout = Layout.of(metric(source.kind, name) for name in names)
        raw, present = layout.quantize(self._values(layout, devices))
        head = Head(
            self._cluster, source.id, source.rack, source.boot, source.seq, tick, TICK_MS, TICKS,
            (block(layout, source.devices, present),),
        )  # fmt: skip
        source.seq += 1
        record = encode_frame(head, raw)
        rows = (
            {"cdu_samples": TICKS}
            if source.kind is Kind.CDU
            else {"gpu_samples": TICKS * devices, "gpu_slow_samples": devices}
        )
        framed = Framed(head.identity, source.rack, tick * TICK_MS, TICKS, 0, False, record)
        return Made(framed, rows)

    def _values(self, layout: Layout, devices: int) -> NDArray[np.float64]:
        """Noise; slow metrics in the first tick alone, where none is absent."""
        # A layout has an order of its own.
        names = [m.name for m in layout.known if m is not None]
        shape = (len(names), TICKS, devices)
        values = self._rng.uniform(20.0, 90.0, shape)
        values[self._rng.random(shape) < ABSENT] = np.nan
        slow = np.array([name in SLOW for name in names])
        values[slow, 1:] = np.nan
        values[slow, 0] = self._rng.integers(0, 700, (int(slow.sum()), devices))
        return values


def _sources(boot: int) -> Iterator[_Source]:
    for r in range(RACKS):
        rack = f"rack-{r:04}"
        yield _Source(f"{rack}/cdu", rack, Kind.CDU, (f"{rack}/cdu",), boot + 100 * r)
        for n in range(NODES):
            node = f"{rack}/node-{n}"
            gpus = tuple(f"{node}/gpu-{g}" for g in range(GPUS))
            yield _Source(node, rack, Kind.GPU, gpus, boot + 100 * r + 1 + n)
