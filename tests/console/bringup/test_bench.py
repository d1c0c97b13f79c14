"""What the benchmark of the board makes of what it was told."""

import pytest

from coldplate.console.benching.board import _result
from coldplate.console.benching.board_feed import changes_before, columns_of
from coldplate.console.bringup.states import standings
from coldplate.console.failure import Failure

NOW_MS = 1_795_000_000_000


def told(seen):
    return {
        "begin_ms": NOW_MS, "end_ms": NOW_MS + 60_000, "seen_ms": seen, "cpu_ratio": 0.02, "forecast_cpu_s": 3.0, "look_ms": 20.0,
        "looks": 60, "rss_mb": 80,
    }  # fmt: skip


def test_lateness_counts_from_the_writer_and_what_was_never_seen_is_said():
    """99 changes a half second late and one of 3 s; one is missed; those before and at the end are left out."""
    written = {f"r{n} {NOW_MS + n}": NOW_MS + n for n in range(101)}
    seen = {name: at + (3000 if at == NOW_MS else 500) for name, at in written.items()}
    del seen[f"r100 {NOW_MS + 100}"]
    written |= {"before": NOW_MS - 1, "end": NOW_MS + 59_000}
    found = _result(told(seen), written, 1563, 200, 60.0, 0.1)
    assert (100, 1, 0.5, 0.5, 3.0) == tuple(found[k] for k in ("changes", "missed", "update_p50_s", "update_p99_s", "update_max_s"))  # fmt: skip
    assert 0.02 + 3.0 / 300 == pytest.approx(found["cpu_ratio"])
    with pytest.raises(Failure, match="no change"):
        _result(told({}), {}, 1563, 200, 60.0, 0.1)


def test_the_bring_up_it_begins_with_is_half_done():
    """200 of 1,563 racks in test, half of the others accepted, all before now."""
    changes = changes_before(1563, 200, NOW_MS)
    assert max(c.t_ms for c in changes) < NOW_MS
    states = [s.state for s in standings([], changes)]
    assert (681, 200) == (states.count("accepted"), states.count("burning-in"))
    assert {len(changes)} == {len(column) for column in columns_of(changes).values()}
