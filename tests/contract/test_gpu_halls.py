"""What holds for whole GPUs whose values follow from the ticks alone: models, recordings, and recordings of models."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contract.collectors import HALLS, Case
from contract.rigs import SLOW_TICKS, T0, Rig

from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import load
from coldplate.wire.metric import CATALOGUE, Kind, fast, metric


@pytest.fixture(params=HALLS, ids=lambda c: c.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def rig(case: Case, tmp_path: Path) -> Iterator[Rig]:
    with case.open(tmp_path) as opened:
        yield opened


def test_slow_metrics_come_together_every_so_many_ticks(rig: Rig) -> None:
    """With the first sample, then after `slow_ticks`; fast ones never wait for them."""
    slow = [m.number for m in CATALOGUE[Kind.GPU] if m.rate == "slow"]
    power = metric(Kind.GPU, "power_w").number
    for tick, taken in enumerate(rig.samples(13)):
        assert (tick % SLOW_TICKS == 0) == bool(np.isfinite(taken[Kind.GPU][slow]).any())
        assert np.isfinite(taken[Kind.GPU][power]).all()


def test_the_same_calls_give_the_same_values(case: Case, tmp_path: Path) -> None:
    """Two of them side by side, asked in turn."""
    with case.open(tmp_path) as one, case.open(tmp_path) as two:
        for _ in range(13):
            first, second = one.sample(), two.sample()
            for kind, values in first.items():
                np.testing.assert_array_equal(values, second[kind])
            assert one.collector.happenings() == two.collector.happenings()


def test_values_after_a_gap_are_those_of_then(rig: Rig) -> None:
    """A loop that was late asks for a later tick: energy has gone on in between."""
    energy = metric(Kind.GPU, "energy_j").number
    first, later = (rig.sample(step)[Kind.GPU][energy] for step in (1, 10))
    # From idle to peak, over ten seconds.
    assert ((10 * 50 < later - first) & (later - first < 10 * 1000)).all()


def test_energy_is_power_times_time(rig: Rig) -> None:
    """Over three minutes, to a few percent of the mean power."""
    rows = [metric(Kind.GPU, n).number for n in ("energy_j", "power_w")]
    taken = np.stack([s[Kind.GPU][rows] for s in rig.samples(180)])
    used_j = taken[-1, 0] - taken[0, 0]
    np.testing.assert_allclose(taken[1:, 1].mean(axis=0) * 179, used_j, rtol=0.03)


def test_fast_metrics_of_the_recording_are_those_of_the_catalogue(tmp_path: Path) -> None:
    """What a real H200 tells every tick is in the fast set."""
    with HALLS[0].open(tmp_path) as rig:
        told = rig.samples(2)[1][Kind.GPU][:, 0]
    names = {m.name for m in CATALOGUE[Kind.GPU] if np.isfinite(told[m.number])}
    assert names <= {m.name for m in fast(Kind.GPU)}


def test_the_demos_xid_is_told_at_its_second() -> None:
    """Once, on one of the hall's GPUs."""
    rig = Rig(TwinCollector(Hall(load("demo"))))
    told = []
    for _ in range(14):
        rig.sample(5)
        told += rig.collector.happenings()
    assert ["xid"] == [h.kind for h in told]
    assert told[0].subject in rig.collector.devices[Kind.GPU]
    # The first of its samples began the demo.
    assert (T0 + 4 + 60) * 1000 == told[0].t_ms
