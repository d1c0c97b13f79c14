"""Framing: when a frame is due, and that every sample is in exactly one."""

from collections.abc import Mapping

import numpy as np
import pytest

from coldplate.agents.collector import Happening, Samples, Source
from coldplate.agents.framer import Framed, Framer
from coldplate.wire.frame import decode_frame
from coldplate.wire.metric import CATALOGUE, Kind, metric

TICK0 = 1_790_000_000


class Plant:
    """Two nodes of two GPUs and their CDU, with values that tests set by name."""

    def __init__(self) -> None:
        self.devices: Mapping[Kind, tuple[str, ...]] = {
            Kind.GPU: ("r/a/0", "r/a/1", "r/b/0", "r/b/1"), Kind.CDU: ("r/cdu",),
        }  # fmt: skip
        self.sources = (
            Source("r/a", "r", {Kind.GPU: range(2)}),
            Source("r/b", "r", {Kind.GPU: range(2, 4)}),
            Source("r/cdu", "r", {Kind.CDU: range(1)}),
        )
        self.values: dict[Kind, dict[str, object]] = {
            Kind.GPU: {"gpu_c": 60.0, "margin_c": 27.0, "clock_event_reasons": 4.0},
            Kind.CDU: {"flow_lpm": 64.0, "pump1_rpm": 3000.0, "supply_kpa": 250.0, "return_kpa": 150.0, "leak": 0.0},
        }  # fmt: skip

    def sample(self, tick_ms: int) -> Samples:
        out = {}
        for kind, ids in self.devices.items():
            out[kind] = np.full((len(CATALOGUE[kind]), len(ids)), np.nan)
            for name, value in self.values[kind].items():
                out[kind][metric(kind, name).number] = value
        return out

    def conditions(self) -> None:
        """All are heard."""

    def happenings(self) -> list[Happening]:
        return []

    def close(self) -> None:
        """Nothing."""


def framer(plant: Plant, ticks: int = 5) -> Framer:
    return Framer("test", plant, 7, ticks=ticks)


def feed(made: Framer, plant: Plant, first: int, count: int) -> list[tuple[int, Framed]]:
    return [
        (t, f) for t in range(first, first + count) for f in made.add(TICK0 + t, plant.sample(t))
    ]


@pytest.mark.parametrize("ticks", [1, 2, 5, 60])
def test_every_tick_of_every_source_is_in_exactly_one_frame(ticks: int) -> None:
    """Whatever the frame's length, and with a gap in the middle."""
    plant = Plant()
    made = framer(plant, ticks)
    frames = [f for _, f in feed(made, plant, 0, 33) + feed(made, plant, 40, 29)] + made.flush()
    for source in ("r/a", "r/b", "r/cdu"):
        heads = [decode_frame(f.record).head for f in frames if f.identity[0] == source]
        seen = [t for h in heads for t in range(h.tick, h.tick + h.ticks)]
        assert [TICK0 + t for t in (*range(33), *range(40, 69))] == seen
        assert list(range(len(heads))) == [h.seq for h in heads]


def test_values_and_absence_arrive_as_sampled() -> None:
    """Metrics never sampled are not in the layout; one absent on some device is masked there."""
    plant = Plant()
    plant.values[Kind.GPU]["hbm_c"] = np.array([50.0, np.nan, 51.0, 52.0])
    frames = [f for _, f in feed(framer(plant), plant, 0, 10)]
    part = decode_frame(next(f.record for f in frames if f.identity[0] == "r/a")).parts[0]
    names = [m.name for m in part.layout.known if m]
    assert {"gpu_c", "margin_c", "clock_event_reasons", "hbm_c"} == set(names)
    present = part.present()
    assert present is not None
    assert not present[names.index("hbm_c"), :, 1].any()
    assert present[names.index("hbm_c"), :, 0].all()


def test_a_falling_flow_is_sent_at_once_and_then_every_two_ticks() -> None:
    """The tick that shows it ends a frame; a minute after it is over frames are long again."""
    plant = Plant()
    made = framer(plant)
    feed(made, plant, 0, 20)
    plant.values[Kind.CDU]["flow_lpm"] = 50.0
    hurried = [(t, f) for t, f in feed(made, plant, 20, 9) if f.identity[0] == "r/cdu"]
    assert 20 == hurried[0][0]
    assert all(f.urgent for _, f in hurried)
    assert {2} == {f.ticks for _, f in hurried[1:]}
    plant.values[Kind.CDU]["flow_lpm"] = 64.0
    calm = [f for t, f in feed(made, plant, 29, 120) if f.identity[0] == "r/cdu" and t > 29 + 70]
    assert {5} == {f.ticks for f in calm}


@pytest.mark.parametrize(("name", "value"), [("margin_c", 9.0), ("clock_event_reasons", 0x84)])
def test_a_gpu_in_danger_hurries_its_own_node_only(name: str, value: float) -> None:
    """A thin margin or a brake bit; the other node's frames wait as ever."""
    plant = Plant()
    made = framer(plant)
    feed(made, plant, 0, 20)
    plant.values[Kind.GPU][name] = np.array(
        [plant.values[Kind.GPU][name], value, *[plant.values[Kind.GPU][name]] * 2]
    )
    frames = [f for _, f in feed(made, plant, 20, 1)]
    assert "r/a" in {f.identity[0] for f in frames if f.urgent}
    assert "r/b" not in {f.identity[0] for f in frames if f.urgent}


def test_a_frame_of_nothing_still_names_its_devices() -> None:
    """A node whose GPUs answer nothing is heard, with every value absent."""
    plant = Plant()
    plant.values[Kind.GPU] = {}
    frame = decode_frame(
        next(f.record for _, f in feed(framer(plant), plant, 0, 5) if f.identity[0] == "r/a")
    )
    present = frame.parts[0].present()
    assert present is not None
    assert not present.any()
