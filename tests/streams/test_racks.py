"""What is compared within a rack: the watermark, the neighbours, and slow metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from frames import record_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from coldplate.streams.detector import Memory, Scores, Tick
from coldplate.streams.engine import Engine
from coldplate.streams.fleet import Fleet
from coldplate.streams.racks import BEHIND_MS, IN_RACK, Racks
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
HALL = generate(2, 2, 2)


@dataclass
class Heard:
    """A joined detector that only writes down what it was shown."""

    needs: tuple[str, ...] = ("ecc_corrected_total",)
    kind: Kind = Kind.GPU
    joined: bool = True
    every_s: int = 1
    name: str = "heard"
    fault: str = "unknown"
    metric: str = "gpu_c"
    severity: Severity = Severity.INFO
    on: float = 1.0
    off: float = 0.5
    at_once: float = 1.0
    hold_s: float = 0.0
    clear_s: float = 0.0
    remembers: Mapping[str, float] = field(default_factory=dict)
    seen: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    raises: bool = False

    def threshold(self, baseline: float) -> float:
        return baseline

    def score(self, memory: Memory, tick: Tick) -> Scores:
        if self.raises:
            raise ZeroDivisionError("a fault of its own")
        gpu_c, supply_c = tick.value("gpu_c"), tick.near(Kind.CDU, "supply_c")
        node_w, ecc = tick.near(Kind.NODE, "node_power_w"), tick.latest("ecc_corrected_total")
        for i, (row, t_ms) in enumerate(zip(tick.rows.tolist(), tick.t_ms.tolist(), strict=True)):
            key = (row, t_ms // 1000 - T0)
            assert key not in self.seen, "a tick is judged once"
            self.seen[key] = (gpu_c[i], supply_c[i], node_w[i], ecc[i])
        nothing = np.full(len(tick.rows), np.nan)
        return Scores(nothing, nothing, nothing)


def node(t: int, ticks: int = 1, name: str = "rack-0000/node-0", **slow: object) -> Frame:
    """Two GPUs and their node; values tell their second."""
    seconds = np.arange(t, t + ticks, dtype=float)[:, None]
    gpus = (f"{name}/gpu-0", f"{name}/gpu-1")
    values = {
        Kind.GPU: (gpus, {"gpu_c": 20 + seconds % 60, **slow}),
        Kind.NODE: ((name,), {"node_power_w": 1000 + seconds}),
    }
    return decode_frame(record_bytes(name, "rack-0000", T0 + t, ticks, values))


def cdu(t: int, ticks: int = 1) -> Frame:
    seconds = np.arange(t, t + ticks, dtype=float)[:, None]
    values = {Kind.CDU: (("rack-0000/cdu",), {"supply_c": 20 + seconds % 60})}
    return decode_frame(record_bytes("rack-0000/cdu", "rack-0000", T0 + t, ticks, values))


def test_a_rack_is_judged_when_all_who_send_have_told() -> None:
    """The GPU's tick waits for the coolant's, and then both are of the same second."""
    heard = Heard()
    engine = Engine("test", HALL, [heard])
    engine.feed([node(0, 5), cdu(0, 1)], 0)
    engine.feed([cdu(1, 2)], 0)
    assert {0, 1, 2} == {t for _, t in heard.seen}
    engine.feed([cdu(3, 2)], 0)
    assert {0, 1, 2, 3, 4} == {t for _, t in heard.seen}
    assert all(supply == gpu for gpu, supply, *_ in heard.seen.values())
    assert {1003.0} == {heard.seen[row, 3][2] for row in (0, 1)}


def test_who_is_silent_is_not_waited_for() -> None:
    """Behind by more than the bound, it holds nobody up; its values are absent once they are old."""
    heard = Heard()
    engine = Engine("test", HALL, [heard])
    engine.feed([node(0), cdu(0)], 0)
    for t in range(1, 30):
        engine.feed([node(t)], 0)
    assert {t for _, t in heard.seen} == set(range(30))
    assert 20.0 == heard.seen[0, 9][1]
    assert np.isnan(heard.seen[0, 20][1])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_the_answer_does_not_depend_on_frames_or_their_order(data: st.DataObject) -> None:
    """Sources may send ticks one by one, by five, and up to seven seconds apart."""
    length, feeds = 40, []
    for make in (node, cdu):
        t = comes = 0
        while t < length:
            ticks = min(data.draw(st.sampled_from([1, 2, 5])), length - t)
            # A source's own frames keep their order.
            comes = max(comes, t + ticks + data.draw(st.integers(0, 2)))
            feeds.append((comes, t, make(t, ticks)))
            t += ticks
    heard = Heard()
    engine = Engine("test", HALL, [heard])
    for _, _, frame in sorted(feeds, key=lambda f: f[:2]):
        engine.feed([frame], 0)
    # Who was never heard is not waited for: its first seconds may be over when it comes.
    first = min(t for _, t in heard.seen)
    assert first <= 8
    assert {(row, t) for row in (0, 1) for t in range(first, length)} == set(heard.seen)
    assert all(v[1] == v[0] for (_, t), v in heard.seen.items() if t > 8)


def test_a_batch_of_more_than_the_ring_is_judged_whole() -> None:
    """A worker that lags gets everything of a rack at once."""
    heard = Heard()
    engine = Engine("test", HALL, [heard])
    frames = [make(t, 5) for t in range(0, 200, 5) for make in (node, cdu)]
    engine.feed(frames, 0)
    assert {t for _, t in heard.seen} == set(range(200))


def test_slow_metrics_are_the_newest_that_are_not_too_old() -> None:
    """Between two tellings the last holds; after two and a half minutes it is not known."""
    heard = Heard()
    engine = Engine("test", HALL, [heard])
    slow = np.full((5, 2), np.nan)
    slow[2] = [7.0, 9.0]
    engine.feed([node(0, 5, ecc_corrected_total=slow), cdu(0, 5)], 0)
    for t in range(5, 200, 5):
        engine.feed([node(t, 5), cdu(t, 5)], 0)
    assert np.isnan(heard.seen[0, 1][3])
    assert (7.0, 9.0) == (heard.seen[0, 2][3], heard.seen[1, 100][3])
    assert np.isnan(heard.seen[0, 180][3])


def test_a_detector_that_raises_is_named_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Counted tick by tick, logged once."""
    bad, good = Heard(name="bad", raises=True), Heard()
    engine = Engine("test", HALL, [bad, good])
    for t in range(5):
        engine.feed([node(t), cdu(t)], 0)
    assert {"bad": 5} == engine.failed
    assert 10 == len(good.seen)
    assert 1 == len(caplog.records)


def test_a_watermark_is_the_oldest_of_those_who_send() -> None:
    """Of each rack by itself; a rack that was never heard has none."""
    racks = Racks(Fleet(HALL))
    newest = {kind: np.full(len(racks.of_row[kind]), -1, np.int64) for kind in IN_RACK}
    newest[Kind.GPU][:4] = [50_000, 50_000, 49_000, 50_000 - BEHIND_MS - 1]
    newest[Kind.CDU][0] = 51_000
    assert [49_000, -1] == racks.watermarks(newest)[0].tolist()
