"""Batches, tokens and deduplication: pure logic."""

import random

import pytest

from coldplate.sinks.batch import Batch, Record, Span, valid_spans
from coldplate.sinks.dedup import BOOTS_MAX, RANGES_MAX, WINDOW, Dedup, Ranges
from coldplate.sinks.pending import Pending

PLACE = ("t", 0)


def record(offset):
    return Record(*PLACE, offset, 0, b"")


def fill(pending, offsets, now_s=0.0, rows=10):
    for offset in offsets:
        pending.add(record(offset), rows, now_s)


def test_a_batch_is_due_by_age_or_by_rows():
    """The oldest record's wait counts, or enough rows; before that there is no batch."""
    pending = Pending(PLACE)
    fill(pending, range(3), now_s=1.0)
    assert not pending.due(1.9, 1.0, 100)
    assert pending.due(2.0, 1.0, 100)
    assert pending.due(1.0, 1.0, 30)
    batch = pending.take(20)
    assert (batch.first, batch.last, batch.redo) == (0, 1, False)
    assert len(pending) == 1
    assert pending.rows == 10


def test_written_ranges_are_cut_again_exactly():
    """What an earlier run wrote down is cut at its ends, whatever comes how fast, gaps or not."""
    pending = Pending(PLACE, [Span(10, 14), Span(15, 20)])
    fill(pending, (8, 9))
    assert pending.due(9.0, 1.0, 100)
    assert pending.take(100).records == (record(8), record(9))
    fill(pending, (10, 12))
    assert not pending.due(9.0, 1.0, 1)
    fill(pending, (16, 17))
    cut = pending.take(1)
    assert (cut.first, cut.last, cut.redo) == (10, 14, True)
    assert [r.offset for r in cut.records] == [10, 12]
    pending.passed(20)
    assert not pending.due(9.0, 1.0, 100)
    pending.passed(21)
    assert pending.due(9.0, 1.0, 100)
    cut = pending.take(1)
    assert (cut.first, cut.last, [r.offset for r in cut.records]) == (15, 20, [16, 17])
    assert not pending.redoing


def test_a_range_whose_records_are_gone_is_passed():
    """When the log begins after a written range, the range is an empty batch and reading goes on."""
    pending = Pending(PLACE, [Span(10, 14)])
    fill(pending, (30,))
    assert pending.due(0.0, 1.0, 100)
    assert pending.take(100) == Batch(*PLACE, 10, 14, (), redo=True)
    assert pending.take(100).first == 30


def test_tokens_are_of_the_log_the_range_and_the_table():
    """Equal for equal offsets, different as soon as anything differs."""
    batch = Batch("coldplate.frames", 3, 10, 20, ())
    assert batch.token("k", "id", "frames") == "k/id/3/10-20/frames"
    others = {
        batch.token("k2", "id", "frames"), batch.token("k", "id2", "frames"),
        batch.token("k", "id", "events"), Batch("t", 3, 10, 21, ()).token("k", "id", "frames"),
        Batch("t", 4, 10, 20, ()).token("k", "id", "frames"),
    }  # fmt: skip
    assert len(others | {batch.token("k", "id", "frames")}) == 6


def test_a_late_range_of_a_former_owner_is_not_redone():
    """Of overlapping ranges that of the later generation is valid; equal ones are one."""
    written = [(Span(0, 9), 3), (Span(5, 12), 2), (Span(13, 20), 2), (Span(13, 20), 4)]
    assert valid_spans(written) == [Span(0, 9), Span(13, 20)]


@pytest.mark.parametrize("seed", range(10))
def test_frames_are_known_exactly_within_the_window(seed):
    """Any order within 4,096 numbers, any gaps: a number is known if and only if it was kept."""
    draw = random.Random(seed)
    numbers = [n for n in range(3 * WINDOW) if draw.random() < draw.choice((0.5, 0.99))]
    if seed % 2:
        numbers = list(range(0, 6 * WINDOW, 2))
    numbers.sort(key=lambda n: n + draw.uniform(0, WINDOW / 4))
    dedup, kept = Dedup(), set()
    for at, number in enumerate(numbers):
        dedup.keep([("agent", 1, number)])
        kept.add(number)
        if at % 2000 == 1999:
            top = max(kept)
            for probe in range(max(0, top - WINDOW + 1), top + 3):
                assert (("agent", 1, probe) in dedup) == (probe in kept)


def test_memory_is_bounded_by_source():
    """Ranges and starts of a source are limited, and what is dropped is the oldest."""
    ranges = Ranges()
    for n in range(0, 10 * WINDOW, 2):
        ranges.add(n, n)
    assert len(ranges) == RANGES_MAX
    dedup = Dedup()
    for boot in range(BOOTS_MAX + 2):
        dedup.keep([("agent", boot, 0)])
    known = [boot for boot in range(BOOTS_MAX + 2) if ("agent", boot, 0) in dedup]
    assert known == list(range(2, BOOTS_MAX + 2))


def test_ranges_merge_whatever_the_order():
    """Overlapping, touching and contained ranges become one."""
    ranges = Ranges()
    for first, last in ((10, 12), (20, 30), (0, 3), (4, 9), (25, 26), (13, 19)):
        ranges.add(first, last)
    assert len(ranges) == 1
    assert 0 in ranges
    assert 30 in ranges
    assert 31 not in ranges
