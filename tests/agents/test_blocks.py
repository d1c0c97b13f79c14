"""Blocks: what is laid out for many sources at once is what each would have alone, and nothing stale."""

import numpy as np
import pytest
from numpy.typing import NDArray

from coldplate.agents.blocks import Held, Made
from coldplate.wire.layout import Layout
from coldplate.wire.metric import CATALOGUE, Kind, Metric

GPU = CATALOGUE[Kind.GPU]
TICKS, WIDTH = 5, 3


def ticks(count: int, devices: int, seed: int = 4) -> NDArray[np.float64]:
    """Whole numbers, a third of the metrics absent in each tick, some values absent in others."""
    rng = np.random.default_rng(seed)
    out = rng.integers(0, 100, (count, len(GPU), devices)).astype(float)
    out[rng.random(out.shape) < 0.05] = np.nan
    out[rng.random(out.shape[:2]) < 0.33] = np.nan
    return out


def values(
    made: Made, kind: Kind = Kind.GPU, devices: int = WIDTH, count: int = TICKS
) -> dict[str, object]:
    """By metric, shape (ticks, devices): what a reader sees."""
    block, body, there = made
    layout = Layout.parse(kind, block.layout)
    present = np.ones((len(layout.numbers), count, devices), np.bool_)
    if block.mask:
        bits = np.unpackbits(np.frombuffer(block.mask, np.uint8), count=present.size)
        present = bits.view(np.bool_).reshape(present.shape)
    assert there == present.sum()
    out: dict[str, object] = {}
    for run in layout.runs:
        shape = (len(run.numbers), count, devices)
        raw = np.ndarray(shape, run.dtype, body, run.cell_offset * count * devices)
        for i, number in enumerate(run.numbers):
            cells = np.where(present[run.first + i], raw[i] * CATALOGUE[kind][number].scale, np.nan)
            if not np.isnan(cells).all():
                out[CATALOGUE[kind][number].name] = cells
    return out


def expected(given: NDArray[np.float64], columns: slice) -> dict[str, NDArray[np.float64]]:
    """The same of the ticks that were written."""
    return {
        m.name: _on_wire(m, given[:, m.number, columns])
        for m in GPU
        if not np.isnan(given[:, m.number, columns]).all()
    }


def _on_wire(entry: Metric, cells: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.rint(cells / entry.scale) * entry.scale
    limit = 255 if entry.dtype == "u1" else 65_535 if entry.dtype == "u2" else np.inf
    return np.where(np.rint(cells / entry.scale) <= limit, out, np.nan)


@pytest.mark.parametrize("sources", [1, 4], ids=["one", "many"])
def test_each_source_has_the_values_of_its_devices(sources: int) -> None:
    """In the order of the places asked for, with metrics that only some ticks or sources have."""
    given = ticks(TICKS, WIDTH * sources)
    # The last source alone lacks a metric, and one has nothing at all.
    given[:, 0, -WIDTH:] = np.nan
    held = Held(Kind.GPU, TICKS, WIDTH * sources)
    for place, tick in enumerate(given):
        held.write(place, tick)
    places = [3, 4, 0, 1, 2]
    ids = [tuple(f"n{s}/{i}" for i in range(WIDTH)) for s in range(sources)]
    made = held.blocks(places, ids, [WIDTH * s for s in range(sources)])
    for s in range(sources):
        assert ids[s] == made[s][0].devices
        told = values(made[s])
        wanted = expected(given[places], slice(WIDTH * s, WIDTH * (s + 1)))
        wanted = {n: v for n, v in wanted.items() if not np.isnan(v).all()}
        assert wanted.keys() == told.keys()
        for name, cells in wanted.items():
            np.testing.assert_allclose(told[name], cells, rtol=1e-6)


def test_what_a_place_held_before_is_gone() -> None:
    """A slow metric of five ticks ago is not sent again, whoever has it now."""
    held = Held(Kind.GPU, 2, 2)
    for i, tick in enumerate(given := ticks(12, 2)):
        held.write(i % 2, tick)
        if i:
            (made,) = held.blocks([(i - 1) % 2, i % 2], [("a", "b")], [0])
            wanted = expected(given[i - 1 : i + 1], slice(0, 2))
            wanted = {n: v for n, v in wanted.items() if not np.isnan(v).all()}
            assert wanted.keys() == values(made, devices=2, count=2).keys()


def test_devices_without_any_value_are_named_all_the_same() -> None:
    """One metric, absent: a reader knows that they are there and silent; also beside others that speak."""
    held = Held(Kind.GPU, 1, 4)
    held.write(0, np.full((len(GPU), 4), np.nan))
    (made,) = held.blocks([0], [("a", "b")], [0])
    assert (("a", "b"), 0, {}) == (made[0].devices, made[2], values(made, devices=2, count=1))
    tick = np.full((len(GPU), 4), np.nan)
    tick[7, 2:] = 55.0
    held.write(0, tick)
    silent, speaks = held.blocks([0], [("a", "b"), ("c", "d")], [0, 2])
    assert (0, {}) == (silent[2], values(silent, devices=2, count=1))
    assert (2, ["gpu_c"]) == (speaks[2], [*values(speaks, devices=2, count=1)])
