"""What waits for its rollups: ranges, when they are due, and how they are cut."""

import numpy as np
import pytest

from coldplate.sinks import later
from coldplate.sinks.batch import LATER, ROLLUPS, Batch, Span
from coldplate.sinks.later import Later
from coldplate.sinks.tables import SAMPLE_TABLES, kept_dtype, raw_column

PLACE = ("frames", 3)
GPU = SAMPLE_TABLES[0]


def batch(first, last, **more):
    return Batch(*PLACE, first, last, (), kind=LATER, **more)


def samples(*devices):
    """Of the table of fast GPU metrics, with power alone."""
    n = len(devices)
    columns = {raw_column(m): np.zeros(n, kept_dtype(m)) for m in GPU.metrics}
    columns |= {name: np.ones(n, np.uint64) for name in ("boot", "seq", "present")}
    columns |= {
        "device": np.array(devices, np.uint64),
        "t": np.arange(n),
        "tick_ms": np.full(n, 1000),
    }
    columns["power_w_steps"] = np.array(devices, np.uint32) * 10
    return {GPU.name: columns}


def test_a_range_is_from_the_first_batch_to_the_last():
    """It is due when its first batch has waited so long; then it begins anew."""
    waiting = Later(PLACE)
    waiting.add(batch(1, 2), {}, 0.0)
    waiting.close()
    waiting.done()
    assert (None, False) == (waiting.first, waiting.due(100.0, 0.0))
    waiting.add(batch(5, 9), samples(1, 2), 10.0)
    waiting.add(batch(11, 14), samples(3), 12.0)
    assert [False, True] == [waiting.due(t, 3.0) for t in (12.9, 13.0)]
    found = waiting.close()
    assert (5, 14, ROLLUPS, PLACE) == (found.first, found.last, found.kind, found.place)
    assert (None, 0, 5, 3) == (waiting.first, waiting.rows, waiting.oldest, waiting.waiting_rows)
    # What comes meanwhile is of the next.
    waiting.add(batch(15, 15), samples(4), 14.0)
    made = [(table, d) for table, _, c in waiting.pieces() for d in c["device"]]
    assert [(t, d) for t in ("gpu_1h_stats", "gpu_1m_stats") for d in (1, 2, 3)] == sorted(made)
    assert 5 == waiting.oldest
    waiting.done()
    assert (15, 1, []) == (waiting.oldest, waiting.waiting_rows, list(waiting.pieces()))


def test_ranges_that_begin_together_end_apart():
    """The first of each partition is shorter, each by another part; all that follow are of full length."""
    ends = []
    for partition in range(8):
        waiting = Later(("frames", partition))
        waiting.add(batch(0, 9), {}, 100.0)
        ends.append(next(s for s in range(101) if waiting.due(100.0 + s, 100.0)))
        waiting.close()
        waiting.done()
        waiting.add(batch(10, 19), {}, 200.0)
        assert [False, True] == [waiting.due(t, 100.0) for t in (299.9, 300.0)]
    assert min(np.diff(sorted(ends))) >= 5


def test_a_range_of_an_earlier_run_is_made_again_as_it_was():
    """Not before its last batch is there, however long that takes, and nothing is added to it."""
    waiting = Later(PLACE, [Span(5, 14, ROLLUPS)])
    waiting.add(batch(5, 9, redo=True), {}, 0.0)
    assert not waiting.due(1000.0, 1.0)
    assert not waiting.whole
    waiting.add(batch(11, 14, redo=True), {}, 0.0)
    assert waiting.whole
    assert waiting.due(0.0, 1000.0)
    waiting.close()
    waiting.done()
    waiting.add(batch(15, 16), {}, 0.0)
    assert (False, False) == (waiting.whole, waiting.redone)


@pytest.mark.parametrize(("most", "pieces_of"), [(1, [3, 1, 4]), (2, [4, 4]), (3, [8]), (100, [8])])
def test_a_devices_rows_are_in_one_piece(monkeypatch, most, pieces_of):
    """Pieces by the minutes that they make; no sample is lost, and none is there twice."""
    monkeypatch.setattr(later, "PIECE_MINUTES", most)
    waiting = Later(PLACE)
    for n, devices in enumerate([(4, 1, 1), (2, 1, 4), (4, 4)]):
        waiting.add(batch(n, n), samples(*devices), 0.0)
    waiting.close()
    found = list(waiting.pieces())
    assert ["gpu_1m_stats", "gpu_1h_stats"] * (len(found) // 2) == [table for table, *_ in found]
    pieces = found[::2]
    assert list(range(len(pieces))) == [number for _, number, _ in pieces]
    assert [number for _, number, _ in pieces] == [number for _, number, _ in found[1::2]]
    made = [dict(zip(c["device"].tolist(), c["samples"].tolist(), strict=True)) for *_, c in pieces]
    assert {1: 3, 2: 1, 4: 4} == {device: n for found in made for device, n in found.items()}
    assert pieces_of == [sum(found.values()) for found in made]
    assert all((c["power_w_sum"] == 10 * c["device"] * c["samples"]).all() for *_, c in pieces)
