"""Which frames are taken: cluster and clock, judged against the broker's append time."""

import pytest

from coldplate.wire.admission import AHEAD_MS_MAX, OLD_MS_MAX, admit
from coldplate.wire.errors import Reason, WireError
from coldplate.wire.frame import Head

TICK0 = 1_790_000_000


def head(tick=TICK0, ticks=5, tick_ms=1000, cluster="site"):
    return Head(cluster, "r/n", "r", 1, 0, tick, tick_ms, ticks, ())


def verdict(frame, arrival_ms, cluster="site"):
    """The reason of the refusal, and its words; None when taken."""
    try:
        admit(frame, arrival_ms, cluster)
    except WireError as error:
        return error.reason, error.detail
    return None


@pytest.mark.parametrize(
    ("ticks", "tick_ms"), [(1, 1000), (5, 1000), (60, 1000), (20, 50), (1, 60_000)]
)
def test_a_tick_may_be_a_minute_ahead(ticks, tick_ms):
    """The last tick of the frame counts, and a millisecond more is refused."""
    frame = head(TICK0 * 1000 // tick_ms, ticks, tick_ms)
    last_ms = (frame.tick + ticks - 1) * tick_ms
    assert verdict(frame, last_ms - AHEAD_MS_MAX) is None
    reason, detail = verdict(frame, last_ms - AHEAD_MS_MAX - 1)
    assert Reason.TICK_AHEAD is reason
    assert "r/n: 60 s after arrival" in detail


@pytest.mark.parametrize(
    ("ticks", "tick_ms"), [(1, 1000), (5, 1000), (60, 1000), (20, 50), (1, 60_000)]
)
def test_a_tick_may_be_two_days_old(ticks, tick_ms):
    """The first tick of the frame counts, and a millisecond more is refused."""
    frame = head(TICK0 * 1000 // tick_ms, ticks, tick_ms)
    first_ms = frame.tick * tick_ms
    assert verdict(frame, first_ms + OLD_MS_MAX) is None
    reason, detail = verdict(frame, first_ms + OLD_MS_MAX + 1)
    assert Reason.TICK_OLD is reason
    assert "r/n: 48 h before arrival" in detail


def test_frames_of_another_cluster_are_not_ours():
    """Whatever their time."""
    reason, detail = verdict(head(cluster="other"), TICK0 * 1000)
    assert Reason.WRONG_CLUSTER is reason
    assert "'other'" in detail
    assert "'site'" in detail


def test_the_verdict_is_the_same_when_read_again():
    """It depends on the record alone, not on when somebody reads it."""
    frame = head()
    assert verdict(frame, 0) == verdict(frame, 0)
    assert verdict(frame, TICK0 * 1000) is verdict(frame, TICK0 * 1000) is None
