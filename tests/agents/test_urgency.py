"""Who sees harm coming: by source, at once, and not for noise."""

import numpy as np
import pytest

from coldplate.agents.collector import Samples, Source
from coldplate.agents.urgency import Urgency
from coldplate.wire.metric import CATALOGUE, Kind, metric

SOURCES = (
    Source("r/a", "r", {Kind.GPU: range(2), Kind.NODE: range(1)}),
    Source("r/b", "r", {Kind.GPU: range(2, 4), Kind.NODE: range(1, 2)}),
    Source("r/cdu", "r", {Kind.CDU: range(1)}),
)
CDU = {
    "flow_lpm": 64.0, "pump1_rpm": 3000.0, "pump2_rpm": 0.0, "supply_kpa": 250.0, "return_kpa": 150.0, "leak": 0.0,
}  # fmt: skip
NAN = float("nan")


def samples(gpu: dict[str, object] | None = None, cdu: dict[str, float] | None = None) -> Samples:
    given: dict[Kind, dict[str, object]] = {
        Kind.GPU: {"margin_c": 27.0, "clock_event_reasons": 4.0, **(gpu or {})},
        Kind.CDU: {**CDU, **(cdu or {})},
        Kind.NODE: {},
    }
    out = {}
    for kind, count in ((Kind.GPU, 4), (Kind.NODE, 2), (Kind.CDU, 1)):
        out[kind] = np.full((len(CATALOGUE[kind]), count), NAN)
        for name, value in given[kind].items():
            out[kind][metric(kind, name).number] = value
    return out


def urgent(*ticks: Samples, settled_s: int = 60) -> list[list[bool]]:
    """The answers for ticks of one second after a minute of health."""
    made = Urgency(SOURCES)
    for _ in range(settled_s):
        made.look(samples(), 1.0)
    return [made.look(tick, 1.0).tolist() for tick in ticks]


def test_health_is_not_urgent() -> None:
    """Nobody hurries, from the first tick on."""
    assert [[False] * 3] * 2 == urgent(samples(), samples(), settled_s=0)


@pytest.mark.parametrize("bits", [0x20, 0x40, 0x80, 0x84])
def test_a_slowdown_or_brake_bit_hurries_its_node(bits: int) -> None:
    """The node of that GPU and no other."""
    reasons = np.array([4.0, 4.0, bits, 4.0])
    assert [[False, True, False]] == urgent(samples({"clock_event_reasons": reasons}))


@pytest.mark.parametrize("bits", [0x1, 0x4, 0x8, 0x100])
def test_a_power_cap_is_everyday(bits: int) -> None:
    """Idle, the cap and a flash of 0x8 hurry nobody."""
    assert [[False] * 3] == urgent(samples({"clock_event_reasons": float(bits)}))


@pytest.mark.parametrize(("margin", "expected"), [(10.0, False), (9.9, True), (-3.0, True), (NAN, False)])  # fmt: skip
def test_a_margin_under_10_kelvin_hurries(margin: float, expected: bool) -> None:
    """One that is not known does not."""
    margins = np.array([27.0, margin, 27.0, 27.0])
    assert [[expected, False, False]] == urgent(samples({"margin_c": margins}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("flow_lpm", 57.0), ("pump1_rpm", 2300.0), ("supply_kpa", 230.0), ("return_kpa", 170.0), ("leak", 1.0)],
)  # fmt: skip
def test_a_fall_beyond_noise_hurries_the_cdu(name: str, value: float) -> None:
    """Flow by 11 %, speed by 23 %, pressure difference by 20 %, a wet rope: in the tick that shows it."""
    assert [[False, False, True]] == urgent(samples(cdu={name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("flow_lpm", 59.0), ("pump1_rpm", 2500.0), ("supply_kpa", 240.0), ("flow_lpm", 80.0), ("flow_lpm", NAN)],
)  # fmt: skip
def test_noise_a_rise_or_an_absent_sensor_do_not(name: str, value: float) -> None:
    """Nor does the standing spare's speed of 0."""
    assert [[False] * 3] == urgent(samples(cdu={name: value}))


def test_the_noise_of_the_sensors_hurries_nobody() -> None:
    """An hour of 2 % flow, 0.5 % speed and 1 % pressure noise."""
    random, made = np.random.default_rng(1), Urgency(SOURCES)
    for _ in range(3600):
        noise = 1.0 + random.standard_normal(3) * (0.02, 0.005, 0.01)
        tick = samples(cdu={
            "flow_lpm": 64.0 * noise[0], "pump1_rpm": 3000.0 * noise[1], "supply_kpa": 150.0 + 100.0 * noise[2],
        })  # fmt: skip
        assert not made.look(tick, 1.0).any()


def test_a_fall_stays_urgent_until_it_has_become_usual() -> None:
    """Half the flow hurries for more than a minute, then it is the new mean."""
    answers = [a[2] for a in urgent(*[samples(cdu={"flow_lpm": 32.0})] * 300)]
    assert all(answers[:90])
    assert not any(answers[240:])


def test_an_absent_value_does_not_lose_the_mean() -> None:
    """A meter that returns from a minute of silence with half its flow is seen."""
    absent = [samples(cdu={"flow_lpm": NAN})] * 60
    assert [False, False, True] == urgent(*absent, samples(cdu={"flow_lpm": 32.0}))[-1]


def test_a_process_without_gpus_or_cdus_is_served() -> None:
    """A node's own agent has no CDU; a plant agent no GPU."""
    node, plant = Urgency(SOURCES[:1]), Urgency([Source("r/cdu", "r", {Kind.CDU: range(1)})])
    gpu = {Kind.GPU: samples({"margin_c": 5.0})[Kind.GPU][:, :2]}
    assert [True] == node.look(gpu, 1.0).tolist()
    assert [True] == plant.look({Kind.CDU: samples(cdu={"leak": 1.0})[Kind.CDU]}, 1.0).tolist()
