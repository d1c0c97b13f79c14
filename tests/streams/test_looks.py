"""Detectors that look every some seconds: when they are asked, what they see, and how a hold counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from frames import record_bytes

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.engine import Engine
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Severity
from coldplate.wire.metric import Kind

T0 = 1_790_000_010


@dataclass
class Looks:
    """Fires at 10 l/min as a mean, after ten seconds; writes down what it saw."""

    every_s: int = 5
    joined: bool = False
    needs: tuple[str, ...] = ()
    kind: Kind = Kind.CDU
    name: str = "looks"
    fault: str = "unknown"
    metric: str = "flow_lpm"
    severity: Severity = Severity.INFO
    on: float = 10.0
    off: float = 5.0
    at_once: float = 1e6
    hold_s: float = 10.0
    clear_s: float = 0.0
    remembers: Mapping[str, float] = field(default_factory=dict)
    seen: dict[float, float] = field(default_factory=dict)
    past: dict[float, list[float]] = field(default_factory=dict)

    def threshold(self, baseline: float) -> float:
        return baseline

    def score(self, memory: Memory, tick: Tick) -> Scores:
        mean, t_s = tick.mean("flow_lpm"), tick.t_ms[0] / 1000 - T0
        self.seen[t_s] = float(mean[0])
        self.past[t_s] = tick.past("flow_lpm")[:, 0].tolist()
        return Scores(mean, mean, mean)


def frame(first: float, values: list[float], tick_ms: int = 1000) -> Frame:
    made = record_bytes(
        "r/cdu", "r", int((T0 + first) * 1000) // tick_ms, len(values),
        {Kind.CDU: (("r/cdu",), {"flow_lpm": np.array(values)[:, None]})}, tick_ms=tick_ms,
    )  # fmt: skip
    return decode_frame(made)


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("ticks", [1, 4, 5, 20])
def test_it_is_asked_at_whole_multiples_for_the_ticks_before(joined: bool, ticks: int) -> None:
    """Whatever the size of frames."""
    looks, flow = Looks(joined=joined), np.arange(40.0).tolist()
    engine = Engine("test", detectors=[looks])
    for first in range(0, 40, ticks):
        engine.feed([frame(first, flow[first : first + ticks])], 0)
    assert {0.0: 0.0} | {float(t): t - 2.0 for t in range(5, 40, 5)} == looks.seen
    assert [1.0, 2.0, 3.0, 4.0, 5.0] == looks.past[5.0]


def test_what_is_absent_is_left_out_of_the_mean() -> None:
    """A tick without a value, and one that never came."""
    looks = Looks()
    engine = Engine("test", detectors=[looks])
    engine.feed([frame(1, [2.0, np.nan, 4.0]), frame(5, [6.0])], 0)
    assert 4.0 == looks.seen[5.0]
    np.testing.assert_array_equal([2.0, np.nan, 4.0, np.nan, 6.0], looks.past[5.0])


@pytest.mark.parametrize(
    ("tick_ms", "times", "counts"),
    [(2000, {0: 1, 6: 2, 10: 2}, 2), (500, {0: 8, 5: 8, 10: 8}, 8), (10_000, {0: 1, 10: 1}, 1)],
)
def test_ticks_of_another_length(tick_ms: int, times: dict[int, int], counts: int) -> None:
    """The first tick at or after each multiple is looked at; no more ticks than half a ring are."""
    looks = Looks()
    engine = Engine("test", detectors=[looks])
    for i in range(11_000 // tick_ms + 1):
        engine.feed([frame(i * tick_ms / 1000, [1.0], tick_ms)], 0)
    assert set(times) == {int(t) for t in looks.seen}
    assert counts == len(looks.past[10.0])


def test_what_comes_again_does_not_change_what_was_judged() -> None:
    """A frame of other values for ticks that are past: the next look goes back to the first ones."""
    looks = Looks()
    engine = Engine("test", detectors=[looks])
    engine.feed([frame(0, [1.0, 1.0, 1.0])], 0)
    engine.feed([frame(1, [50.0, 50.0, 2.0, 2.0, 2.0])], 0)
    assert [1.0, 1.0, 2.0, 2.0, 2.0] == looks.past[5.0]
    assert 2 == engine.counts["late_ticks"]


def test_a_hold_counts_over_looks_and_not_over_a_lost_one() -> None:
    """Ten seconds are three looks in a row."""
    engine = Engine("test", detectors=[Looks()])
    assert [] == engine.feed([frame(0, [20.0] * 6)], 0)
    # The look at second 10 is lost.
    assert [] == engine.feed([frame(11, [20.0] * 12)], 0)
    fired = engine.feed([frame(23, [20.0] * 5)], 0)
    assert [(T0 + 25) * 1000] == [a.t_ms for a in fired]
    assert (T0 + 15) * 1000 == fired[0].evidence.t_ms
