"""What stays is not looked through again."""

import gc

import pytest

from coldplate.wire.lasting import NEW_OBJECTS, keep_for_good


@pytest.fixture
def kept():
    """As a process is that has begun to work."""
    before = gc.get_threshold()
    keep_for_good()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_no_garbage_any_more(kept):
    """And what comes later still is."""
    assert gc.get_freeze_count() > 0
    later = [[]]
    assert any(o is later for o in gc.get_objects())


def test_a_batch_is_not_looked_through_again_and_again(kept):
    """Objects that stay while it is worked on, fewer than are waited for."""
    before = gc.get_stats()[0]["collections"]
    batch = [[i] for i in range(NEW_OBJECTS // 2)]
    assert before == gc.get_stats()[0]["collections"]
    assert NEW_OBJECTS // 2 == len(batch)


def test_cycles_are_found_in_the_end(kept):
    """Python's own collector still does it."""
    before = collected()
    for _ in range(3 * NEW_OBJECTS):
        cycle = []
        cycle.append(cycle)
    assert collected() >= before + NEW_OBJECTS


def collected():
    return sum(generation["collected"] for generation in gc.get_stats())
