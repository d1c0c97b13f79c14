"""What the wire costs: a frame of a node's 8 GPUs and 5 ticks, from physical values to bytes and back.

Encoding starts at the float64 values that an agent's framer holds and ends at the record's bytes. Decoding
starts there and ends when the values stand in the worker's state arrays. A thousand nodes take turns, each
with its own values, bytes and rows, so that memory is as cold as with a fleet.
"""

import platform
from collections.abc import Callable, Sequence
from statistics import median
from time import thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldplate.console.benching.machine import describe
from coldplate.streams.fleet import Fleet
from coldplate.streams.ring import Ring
from coldplate.wire.frame import Head, block, decode_frame, encode_frame
from coldplate.wire.inventory import generate
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, Kind, Metric, fast

RACKS, TICKS = 125, 5
TICK0, BOOT, SEQ = 1_790_000_000, 1_790_000_000_000_000_000, 100_000
ABSENT_SHARE = 0.02

# What a real H200 shows in training steps (its recording is among the tests); other metrics count from 0.
_RANGES = {
    "power_w": (400.0, 705.0), "power_instant_w": (118.0, 948.0), "power_min_w": (78.0, 400.0),
    "power_max_w": (700.0, 948.0), "power_std_w": (0.0, 300.0), "swing_hz": (0.3, 2.0),
    "swing_w": (0.0, 400.0), "gpu_c": (39.0, 61.0), "hbm_c": (40.0, 62.0), "margin_c": (26.0, 48.0),
    "sm_clock_mhz": (1480.0, 1980.0), "mem_clock_mhz": (3201.0, 3201.0),
    "mem_used_bytes": (1e10, 1.4e11), "energy_j": (1e6, 1e10), "power_limit_w": (700.0, 700.0),
    "ecc_corrected_total": (0.0, 1e4), "pcie_tx_bytes_total": (0.0, 1e15),
    "pcie_rx_bytes_total": (0.0, 1e15), "nvlink_tx_bytes_total": (0.0, 1e17),
    "nvlink_rx_bytes_total": (0.0, 1e17),
}  # fmt: skip


def measure(repeats: int = 31) -> dict[str, Any]:
    """Processor microseconds a frame, median and least of `repeats` rounds over all nodes.

    The first level is the whole catalogue with every value present; `fast_only` has the metrics of
    every tick, `masked` the whole catalogue with some values absent.
    """
    whole, quick = CATALOGUE[Kind.GPU], fast(Kind.GPU)
    cases = [_Case(whole, 0.0), _Case(quick, 0.0), _Case(whole, ABSENT_SHARE)]
    for _ in range(repeats):
        # In turns, so that a slow moment of the machine falls on all of them.
        for case in cases:
            case.round()
    first, fast_only, masked = (case.result() for case in cases)
    return {
        **first, "fast_only": fast_only, "masked": masked, "repeats": repeats,
        "python": platform.python_version(), "numpy": np.__version__, "machine": describe(),
    }  # fmt: skip


class _Case:
    """A fleet that sends these metrics, a share of their values absent."""

    def __init__(self, metrics: Sequence[Metric], absent: float) -> None:
        inventory = generate(RACKS)
        self._fleet, self._layout = Fleet(inventory), Layout.of(metrics)
        # The state keeps what the frame brings, as a worker's does.
        self._ring = Ring(Kind.GPU, metrics, len(self._fleet.tables[Kind.GPU]))
        self._nodes = inventory.of_kind("node")
        self._gpus = [tuple(g.id for g in inventory.children[n.id]) for n in self._nodes]
        self._values = _values(self._layout, len(self._nodes), len(self._gpus[0]), absent)
        self._records = [self._encode(i) for i in range(len(self._nodes))]
        self._passed = 0
        self._us: list[tuple[float, float]] = []

    def round(self) -> None:
        """Every node's next frame, written and read."""
        count = len(self._nodes)
        self._us.append((_each_us(self._encode, count), _each_us(self._decode, count)))
        self._passed += TICKS

    def result(self) -> dict[str, Any]:
        """What the rounds took."""
        encode_us, decode_us = zip(*self._us, strict=True)
        return {
            "encode_us": round(median(encode_us), 2), "encode_us_min": round(min(encode_us), 2),
            "decode_us": round(median(decode_us), 2), "decode_us_min": round(min(decode_us), 2),
            "frame_bytes": max(map(len, self._records)), "metrics": len(self._layout.numbers),
        }  # fmt: skip

    def _encode(self, index: int) -> bytes:
        node = self._nodes[index]
        groups, present = self._layout.quantize(self._values[index])
        entry = block(self._layout, self._gpus[index], present)
        head = Head("demo", node.id, node.parent, BOOT, SEQ, TICK0, 1000, TICKS, (entry,))
        return encode_frame(head, groups)

    def _decode(self, index: int) -> None:
        frame = decode_frame(self._records[index])
        part = frame.parts[0]
        rows = self._fleet.rows(part.kind, part.devices, frame.head.rack)
        # The bytes say the same tick in each round; the ring is to move on.
        self._ring.write(part, rows, frame.head.tick + self._passed)


def _each_us(act: Callable[[int], object], count: int) -> float:
    # Processor time: nothing here waits, and what else the machine does is not the codec's cost.
    begin = thread_time_ns()
    for index in range(count):
        act(index)
    return (thread_time_ns() - begin) / 1000 / count


def _values(layout: Layout, nodes: int, gpus: int, absent: float) -> NDArray[np.float64]:
    """Physical values, shape (nodes, metrics, ticks, devices)."""
    rng = np.random.default_rng(20)
    known = [m for m in layout.known if m is not None]
    ranges = np.array([_RANGES.get(m.name, (0.0, 200 * m.scale)) for m in known])
    low, high = ranges.T[:, None, :, None, None]
    out = rng.uniform(low, high, (nodes, len(known), TICKS, gpus))
    out[rng.random(out.shape) < absent] = np.nan
    return out
