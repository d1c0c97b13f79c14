"""Frames that wait: in as few waves as the longest rack needs, and everybody's in order."""

import numpy as np
from frames import record_bytes

from coldplate.streams.waiting import Waiting
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.metric import Kind


def frame(source: str, tick: int, rack: str) -> Frame:
    values = {Kind.NODE: ((source,), {"node_power_w": np.full((2, 1), 5_000.0)})}
    return decode_frame(record_bytes(source, rack, tick, 2, values))


def waves(frames: list[Frame]) -> list[list[tuple[str, int]]]:
    """Of each wave: devices and ticks, sorted."""
    waiting = Waiting()
    for one in frames:
        waiting.add(one, [slice(0, 1)])
    out = [
        sorted((part.devices[0], shape[4]) for shape, blocks in wave.items() for part, _ in blocks)
        for wave in waiting.take()
    ]
    assert [] == waiting.take()
    return out


def test_partitions_one_after_the_other_need_no_more_waves_than_one() -> None:
    """A batch that catches up: three frames of each source, rack by rack."""
    frames = [frame(f"{r}/n{n}", t, r) for r in "abc" for t in (0, 2, 4) for n in range(2)]
    expected = [sorted((f"{r}/n{n}", t) for r in "abc" for n in range(2)) for t in (0, 2, 4)]
    assert expected == waves(frames)


def test_a_rack_stays_in_the_order_in_which_it_came() -> None:
    """Who comes after a second frame of a neighbour is not written before that one."""
    frames = [frame("a/n0", 0, "a"), frame("a/n0", 2, "a"), frame("a/n1", 0, "a"), frame("b/n0", 0, "b")]  # fmt: skip
    assert [[("a/n0", 0), ("b/n0", 0)], [("a/n0", 2), ("a/n1", 0)]] == waves(frames)


def test_a_source_that_is_in_another_rack_now_stays_in_order() -> None:
    """Its next frame is not in a wave before its last one, though the other rack is not so far."""
    frames = [frame("n", 0, "a"), frame("n", 2, "a"), frame("n", 4, "b")]
    assert [[("n", 0)], [("n", 2)], [("n", 4)]] == waves(frames)


def test_one_that_skipped_to_a_later_wave_leaves_none_empty() -> None:
    """The other rack takes part from there on."""
    frames = [frame("n", 0, "a"), frame("n", 2, "a"), frame("n", 4, "b"), frame("m", 4, "b"), frame("n", 6, "b")]  # fmt: skip
    assert [[("n", 0)], [("n", 2)], [("m", 4), ("n", 4)], [("n", 6)]] == waves(frames)
