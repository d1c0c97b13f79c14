"""The loop: whole ticks, nothing lost at the end, late collectors."""

import threading
from collections.abc import Mapping
from pathlib import Path

from coldplate.agents.collector import Happening, Samples
from coldplate.agents.collectors.recorded import RecordedCollector
from coldplate.agents.framer import Framer
from coldplate.agents.loop import Loop
from coldplate.wire.codec import decode
from coldplate.wire.event import Event
from coldplate.wire.frame import decode_frame
from coldplate.wire.topic import Topics

RECORDING = Path(__file__).parents[1] / "recordings" / "h200"


class Memory:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes, bytes, bool]] = []

    def publish(
        self, topic: str, key: bytes, value: bytes, *, urgent: bool = False,
        first_ms: int | None = None,
    ) -> None:  # fmt: skip
        self.records.append((topic, key, value, urgent))

    def flush(self, timeout_s: float) -> int:
        return 0

    def counts(self) -> Mapping[str, int]:
        return {}

    def close(self, timeout_s: float) -> None:
        """Nothing."""


class Wall:
    """A wall clock that a stop event's `wait` moves on, and tests too."""

    def __init__(self, start_s: float) -> None:
        self.now_s, self.set_s = start_s, 0.0

    def boottime(self) -> float:
        """What nobody sets."""
        return self.now_s - self.set_s

    def __call__(self) -> float:
        return self.now_s

    def wait(self, timeout_s: float) -> bool:
        self.now_s += timeout_s
        return False


class Slow(RecordedCollector):
    """Takes 2.5 s for its third sample, and has an XID with it."""

    wall: Wall
    calls = 0

    def sample(self, tick_ms: int) -> Samples:
        self.calls += 1
        if self.calls == 3:
            self.wall.now_s += 2.5
        return super().sample(tick_ms)

    def happenings(self) -> list[Happening]:
        if self.calls != 3:
            return []
        return [Happening("xid", "n/gpu-0", 5, 31, "x" * 2000), Happening("xid", "stranger", 5, 31)]


class SetBack(Wall):
    """Is set back by so many seconds while its fifth tick is waited for."""

    def __init__(self, start_s: float, back_s: float) -> None:
        super().__init__(start_s)
        self.back_s, self.waits = back_s, 0

    def wait(self, timeout_s: float) -> bool:
        self.waits += 1
        super().wait(timeout_s)
        if self.waits == 5:
            self.now_s -= self.back_s
            self.set_s -= self.back_s
        return False


def run(collector: RecordedCollector, wall: Wall, for_s: float) -> tuple[Loop, Memory]:
    memory = Memory()
    stop = threading.Event()
    stop.wait = wall.wait  # type: ignore[method-assign,assignment]
    loop = Loop(
        collector,
        Framer("test", collector, 1),
        memory,
        Topics(),
        clock=wall,
        boottime=wall.boottime,
    )
    loop.run(stop, for_s)
    return loop, memory


def test_samples_are_on_whole_ticks_and_all_are_sent() -> None:
    """12 ticks begun in the middle of a second: 12 whole ones, the last short frame included."""
    wall = Wall(1_790_000_000.4)
    _, memory = run(RecordedCollector(RECORDING, "n", "r"), wall, 12)
    heads = [decode_frame(v).head for _, _, v, _ in memory.records]
    assert list(range(1_790_000_001, 1_790_000_013)) == [
        t for h in heads for t in range(h.tick, h.tick + h.ticks)
    ]
    assert {b"r"} == {key for _, key, _, _ in memory.records}


def test_a_late_collector_loses_ticks_that_are_counted() -> None:
    """2.5 s in one sample: two ticks missed, said, and a new frame begins after the gap."""
    wall = Wall(1_790_000_000.0)
    collector = Slow(RECORDING, "n", "r")
    collector.wall = wall
    loop, memory = run(collector, wall, 10)
    assert 2 == loop.counts["missed_ticks"]
    frames = [decode_frame(v).head for t, _, v, _ in memory.records if t == "coldplate.frames"]
    ticks = [t - 1_790_000_001 for h in frames for t in range(h.tick, h.tick + h.ticks)]
    assert [0, 1, 2, 5, 6, 7, 8, 9] == ticks


def test_a_clock_that_is_set_back_by_an_hour_starts_the_ticks_over() -> None:
    """At once, at the new time, said as an event; as many ticks as were asked for, none with a time to come."""
    wall = SetBack(1_790_000_000.0, 3600.0)
    loop, memory = run(RecordedCollector(RECORDING, "n", "r"), wall, 10)
    heads = [decode_frame(v).head for t, _, v, _ in memory.records if t == "coldplate.frames"]
    ticks = [t - 1_790_000_000 for h in heads for t in range(h.tick, h.tick + h.ticks)]
    assert [1, 2, 3, 4, *range(-3594, -3588)] == ticks
    events = [decode(Event, v) for t, _, v, _ in memory.records if t == "coldplate.events"]
    assert [("clock_step", "n", 1_789_996_406_000, {"step_s": -3599.0})] == [
        (e.kind, e.subject, e.t_ms, e.data) for e in events
    ]
    assert (1, 10) == (loop.counts["clock_steps"], loop.counts["ticks"])


def test_a_clock_that_is_set_forward_by_an_hour_misses_no_tick() -> None:
    """The ticks that it jumps over never were."""
    wall = SetBack(1_790_000_000.0, -3600.0)
    loop, memory = run(RecordedCollector(RECORDING, "n", "r"), wall, 3610)
    heads = [decode_frame(v).head for _, _, v, _ in memory.records]
    ticks = [t - 1_790_000_000 for h in heads for t in range(h.tick, h.tick + h.ticks)]
    assert [1, 2, 3, 4, 5, 3606] == ticks[:6]
    assert 0 == loop.counts["missed_ticks"]


def test_a_loop_beside_a_watched_clock_tells_no_step_itself() -> None:
    """One step, one event."""
    wall, memory, stop = SetBack(1_790_000_000.0, 3600.0), Memory(), threading.Event()
    stop.wait = wall.wait  # type: ignore[method-assign,assignment]
    collector = RecordedCollector(RECORDING, "n", "r")
    framer = Framer("test", collector, 1)
    clocks = {"clock": wall, "boottime": wall.boottime}
    loop = Loop(collector, framer, memory, Topics(), tells_steps=False, **clocks)
    loop.run(stop, 10)
    assert (1, 0) == (loop.counts["clock_steps"], loop.counts["events"])


def test_a_clock_that_is_set_back_by_less_than_a_tick_is_waited_for() -> None:
    """No tick comes twice or is missing."""
    wall = SetBack(1_790_000_000.0, 0.9)
    loop, memory = run(RecordedCollector(RECORDING, "n", "r"), wall, 10)
    heads = [decode_frame(v).head for _, _, v, _ in memory.records]
    ticks = [t - 1_790_000_000 for h in heads for t in range(h.tick, h.tick + h.ticks)]
    assert list(range(1, 11)) == ticks
    assert 0 == loop.counts["clock_steps"]


def test_an_event_goes_at_once_with_an_identity_and_bounded_text() -> None:
    """Before the tick's frames; of a device that no source owns it is dropped and counted."""
    wall = Wall(1_790_000_000.0)
    collector = Slow(RECORDING, "n", "r")
    collector.wall = wall
    loop, memory = run(collector, wall, 10)
    events = [decode(Event, v) for t, _, v, _ in memory.records if t == "coldplate.events"]
    assert [("xid", "n/gpu-0", "r", 31, 1000)] == [
        (e.kind, e.subject, e.rack, e.code, len(e.text)) for e in events
    ]
    assert "n/1/0" == events[0].id
    assert 1 == loop.counts["dropped_events"]


def test_the_recording_replays_what_nvml_said() -> None:
    """Idle at the start; full load later shows the cap bit, 61 degC, a margin of 26 K; swings are found."""
    collector = RecordedCollector(RECORDING, "n", "r")
    rows = [collector.sample(t * 1000)[next(iter(collector.devices))][:, 0] for t in range(300)]
    power, gpu_c, margin, swing = ([float(r[i]) for r in rows] for i in (0, 7, 9, 5))
    assert 70 < power[10] < 90
    assert 39 == gpu_c[10]
    assert 61 <= max(gpu_c) <= 62
    assert {87.0} == {m + g for m, g in zip(margin, gpu_c, strict=True)}
    assert any(0.6 < hz < 0.8 for hz in swing)
    energy = [float(r[18]) for r in rows]
    assert energy == sorted(energy)


def test_what_cannot_wait_is_published_between_ticks_from_any_thread() -> None:
    """Sixteen threads tell of 50 each: every event once, numbered without a gap."""
    memory = Memory()
    collector = RecordedCollector(RECORDING, "n", "r")
    loop = Loop(collector, Framer("test", collector, 1), memory, Topics())

    def tell() -> None:
        for code in range(50):
            loop.tell(Happening("xid", "n/gpu-0", 5, code))

    threads = [threading.Thread(target=tell) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = [decode(Event, v) for _, _, v, urgent in memory.records if urgent]
    assert list(range(800)) == [e.seq for e in events]
    assert 800 == loop.counts["events"]
