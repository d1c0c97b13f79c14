"""Slow metrics: what was told by a tick, whatever came since."""

import numpy as np
import pytest
from frames import record_bytes

from coldplate.streams.slow import FRESH_S, Slow
from coldplate.wire.frame import Part, decode_frame
from coldplate.wire.metric import Kind, metric

T0 = 1_790_000_000
NAME = "ecc_corrected_total"


def part(told: dict[int, float], ticks: int) -> Part:
    """One GPU's counter at some of a frame's ticks."""
    values = np.array([[told.get(t, np.nan)] for t in range(ticks)])
    record = record_bytes("n", "r", T0, ticks, {Kind.GPU: (("n/gpu-0",), {NAME: values})})
    return decode_frame(record).parts[0]


def of(*frames: tuple[int, dict[int, float]]) -> Slow:
    """Frames of five ticks, each with its first second, in the order in which they came."""
    slow = Slow([metric(Kind.GPU, NAME)])
    slow.grow(1)
    for first_s, told in frames:
        slow.write(part(told, 5), slice(0, 1), (T0 + first_s) * 1000, 1000)
    return slow


def at(slow: Slow, second: int) -> float:
    return float(slow.value(NAME, slice(0, 1), np.array([(T0 + second) * 1000]))[0])


FRAMES = ((0, {0: 3.0}), (10, {0: 4.0}), (20, {0: 9.0}))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_each_look_sees_what_was_told_by_then(order: tuple[int, ...]) -> None:
    """Of three frames that came before anybody looked, in any order."""
    slow = of(*(FRAMES[i] for i in order))
    assert [3.0, 3.0, 4.0, 4.0, 9.0] == [at(slow, s) for s in (0, 9, 10, 19, 20)]


def test_nothing_is_known_before_the_first_and_long_after_the_last() -> None:
    """Three are kept: a fourth puts the oldest out."""
    slow = of(*FRAMES, (30, {2: 11.0}))
    assert np.isnan(at(slow, 9))
    assert [4.0, 11.0] == [at(slow, 10), at(slow, 32 + FRESH_S)]
    assert np.isnan(at(slow, 33 + FRESH_S))


def test_a_frame_that_comes_again_changes_nothing() -> None:
    """Also when it says something else: the first word of a tick counts."""
    slow = of(*FRAMES, (10, {0: 400.0}), FRAMES[2])
    assert [3.0, 4.0, 9.0] == [at(slow, s) for s in (0, 10, 20)]


def test_part_of_a_block_is_taken() -> None:
    """As the ring takes long frames, some ticks at a time."""
    slow = Slow([metric(Kind.GPU, NAME)])
    slow.grow(1)
    told = part({0: 1.0, 3: 2.0}, 5)
    slow.write(told, slice(0, 1), T0 * 1000, 1000, 0, 2)
    assert 1.0 == at(slow, 4)
    slow.write(told, slice(0, 1), T0 * 1000, 1000, 2, 3)
    assert 2.0 == at(slow, 4)
