"""What the benchmark of the live hall feeds and counts."""

import numpy as np
import pytest

from coldplate.console.benching.web_feed import TICKS, Feed
from coldplate.console.benching.web_viewers import Viewer
from coldplate.dashboards.web.channels import MARGIN
from coldplate.dashboards.web.coding import Coder
from coldplate.dashboards.web.message import renumbered


def test_each_rack_has_its_frame_every_five_seconds():
    """Five ticks of each GPU, and none twice."""
    feed = Feed(7 * 64)
    seen = set()
    for tick in range(1_790_000_000, 1_790_000_000 + TICKS):
        columns = feed.second(tick)["gpu_samples"]
        rows = set(zip(columns["device"].tolist(), columns["t"].tolist(), strict=True))
        assert len(columns["device"]) == len(rows)
        assert not seen & rows
        assert {(tick - n) * 1000 for n in range(TICKS)} == {t for _, t in rows}
        seen |= rows
    assert 7 * 64 * TICKS == len(seen)


def test_a_bench_viewer_has_the_cells_that_were_told_and_finds_what_does_not_fit():
    """Deltas on snapshots; a number left out is wrong."""
    coder, viewer = Coder(MARGIN), Viewer("margin")
    cells = np.arange(1, 201, dtype=np.uint8)
    assert coder.delta(cells, 1000, "0" * 16) is None
    viewer.take(coder.snapshot())
    for number in (1, 2):
        cells = cells.copy()
        cells[number] += 40
        viewer.take(renumbered(coder.delta(cells, 1000 * number, "0" * 16).message, number))
    assert cells.tolist() == viewer.cells.tolist()
    assert 0 == viewer.wrong
    viewer.take(renumbered(coder.delta(cells, 4000, "0" * 16).message, 4))
    assert 1 == viewer.wrong


@pytest.mark.parametrize("gpus", [1, 64, 65])
def test_a_feed_is_of_whole_racks(gpus):
    """As the inventory beside it is."""
    feed = Feed(gpus)
    rows = sum(len(feed.second(t)["gpu_samples"]["device"]) for t in range(TICKS))
    assert -(-gpus // 64) * 64 * TICKS == rows
