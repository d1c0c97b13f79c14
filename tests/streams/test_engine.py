"""Frames into state: every tick is judged once, in order, whatever came when."""

from functools import cache

import numpy as np
import pytest
from frames import record_bytes

from coldplate.streams.engine import Engine
from coldplate.wire.frame import Frame, decode_frame
from coldplate.wire.incident import Anomaly
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_790_000_000
CDU, GPU = "rack-0000/cdu", "rack-0000/node-0/gpu-0"


def frame(kind: Kind, device: str, tick: int, ticks: int = 1, tick_ms: int = 1000, **values: object) -> Frame:  # fmt: skip
    made = record_bytes(device, "rack-0000", tick, ticks, {kind: ((device,), values)}, tick_ms=tick_ms)  # fmt: skip
    return decode_frame(made)


def flow(t_s: int, ticks: int = 1) -> Frame:
    """64 l/min, and 40 from second 100 to 130."""
    seconds = np.arange(t_s, t_s + ticks)
    return frame(Kind.CDU, CDU, T0 + t_s, ticks, flow_lpm=np.where((seconds >= 100) & (seconds < 130), 40.0, 64.0)[:, None])  # fmt: skip


def changes(anomalies: list[Anomaly]) -> list[tuple[str, int, bool]]:
    return [(a.detector, a.t_ms // 1000 - T0, a.on) for a in anomalies]


EXPECTED = [("flow-loss", 103, True), ("flow-loss", 133, False)]


def of_flow_loss(anomalies: list[Anomaly]) -> list[tuple[str, int, bool]]:
    return [c for c in changes(anomalies) if c[0] == "flow-loss"]


@cache
def one_by_one() -> list[Anomaly]:
    """What all detectors say when each tick comes alone."""
    engine = Engine("test")
    return [a for t in range(200) for a in engine.feed([flow(t)], 0)]


@pytest.mark.parametrize("at_once", [1, 3, 40, 200])
@pytest.mark.parametrize("ticks", [1, 5, 20])
def test_a_worker_that_lags_sees_every_tick(ticks: int, at_once: int) -> None:
    """However many frames of one source come in one batch, the changes are those of one by one."""
    engine, out = Engine("test"), []
    frames = [flow(t, ticks) for t in range(0, 200, ticks)]
    for first in range(0, len(frames), at_once):
        out += engine.feed(frames[first : first + at_once], 0)
    assert one_by_one() == out
    assert EXPECTED == of_flow_loss(out)
    assert 200 == engine.counts["judged_ticks"]


def test_a_tick_already_passed_is_counted_and_changes_nothing() -> None:
    """Late within the ring, and later than the ring."""
    engine = Engine("test")
    for t in range(50):
        engine.feed([flow(t)], 0)
    low = frame(Kind.CDU, CDU, T0 + 45, 5, flow_lpm=1.0)
    lower = frame(Kind.CDU, CDU, T0 + 10, 5, flow_lpm=1.0)
    assert [] == engine.feed([low, lower], 0)
    assert 10 == engine.counts["late_ticks"]
    assert 50 == engine.counts["judged_ticks"]


def test_another_tick_length_does_not_blind_a_device() -> None:
    """An agent that is set from 1 s to 2 s starts over; its margin is still judged."""
    engine, out = Engine("test"), []
    for t in range(10):
        out += engine.feed([frame(Kind.GPU, GPU, T0 + t, margin_c=22.0)], 0)
    for t in range(10, 40, 2):
        made = frame(Kind.GPU, GPU, (T0 + t) // 2, tick_ms=2000, margin_c=2.0)
        out += engine.feed([made], 0)
    assert {("margin", True), ("plate-margin", True)} == {(a.detector, a.on) for a in out}


@pytest.mark.parametrize("known", [True, False])
def test_a_baseline_taken_over_is_used_from_the_first_tick(known: bool) -> None:
    """Also of a device that no inventory lists: its row comes with its first frame."""
    engine = Engine("test", generate(1) if known else None)
    engine.seed(CDU, "flow_lpm", 64.0)
    out = [a for t in range(100, 110) for a in engine.feed([flow(t)], 0)]
    assert EXPECTED[:1] == of_flow_loss(out)


def test_evidence_says_value_threshold_and_baseline() -> None:
    """In the metric's unit, with the tick that showed it first."""
    engine = Engine("test")
    (fired,) = [a for t in range(110) for a in engine.feed([flow(t)], 77)]
    said = fired.evidence
    assert (40.0, 54.4, 64.0) == (said.value, said.threshold, said.baseline)
    assert (T0 + 100) * 1000 == said.t_ms
    assert (CDU, "rack-0000", 77) == (said.subject, fired.rack, fired.arrived_ms)


def test_the_newest_values_are_given_with_their_time() -> None:
    """For forecasts; NaN and a negative time where a device has sent nothing."""
    engine = Engine("test", generate(1))
    engine.feed([frame(Kind.GPU, GPU, T0, 3, gpu_c=[[60.0], [61.0], [62.0]])], 0)
    assert 62.0 == engine.latest(Kind.GPU, "gpu_c", [0])[0]
    assert (T0 + 2) * 1000 == engine.newest_tick_ms(Kind.GPU, [0])[0]
    assert np.isnan(engine.latest(Kind.GPU, "gpu_c", [1])[0])
    assert 0 > engine.newest_tick_ms(Kind.GPU, [1])[0]
