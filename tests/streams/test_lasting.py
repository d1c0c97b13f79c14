"""What stays is not looked through again."""

import gc

from coldplate.streams.lasting import keep_for_good


def test_what_is_there_is_no_garbage_any_more() -> None:
    """And what comes later still is."""
    try:
        keep_for_good()
        assert gc.get_freeze_count() > 0
        later = [[]]
        assert any(o is later for o in gc.get_objects())
    finally:
        gc.unfreeze()
