"""Several collectors as one: what one cannot tell, the others still do."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
from waiting import await_that

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.agents.errors import DevicesChanged
from coldplate.agents.gather import Gathering
from coldplate.wire.metric import CATALOGUE, Kind, metric

NODE = "rack-0000/node-0"
POWER, TEMPERATURE = (metric(Kind.GPU, n).number for n in ("power_w", "gpu_c"))


class Says:
    """A collector that gives fixed values of GPUs; it may hang, raise, or tell of something."""

    def __init__(
        self, gpus: Sequence[int], values: Mapping[int, float], *, node: str = NODE
    ) -> None:
        self.devices = {Kind.GPU: tuple(f"{node}/gpu-{g}" for g in gpus)}
        self.sources = [Source(node, node.partition("/")[0], {Kind.GPU: range(len(gpus))})]
        self._values = values
        self.error: Exception | None = None
        self.told: list[Happening] = []
        self.go = threading.Event()
        self.go.set()
        self.closed = 0

    def sample(self, tick_ms: int) -> Samples:
        self.go.wait(10.0)
        if self.error is not None:
            raise self.error
        out = np.full((len(CATALOGUE[Kind.GPU]), len(self.devices[Kind.GPU])), np.nan)
        for number, value in self._values.items():
            out[number] = value
        return {Kind.GPU: out}

    def conditions(self) -> Conditions | None:
        return None

    def happenings(self) -> list[Happening]:
        out, self.told = self.told, []
        return out

    def health(self) -> Sequence[Health]:
        return (Health("inner", ok=True),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        return {d: {"power_w": Origin("says")} for d in self.devices[Kind.GPU]}

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def two() -> Iterator[tuple[Says, Says, Gathering]]:
    """One tells power of GPUs 0 and 1, the other power and temperature of GPUs 1 and 2."""
    first, second = Says([0, 1], {POWER: 500.0}), Says([1, 2], {POWER: 1.0, TEMPERATURE: 60.0})
    both = Gathering({"first": first, "second": second}, deadline_s=5.0)
    yield first, second, both
    first.go.set()
    second.go.set()
    both.close()


def told(samples: Samples) -> dict[str, list[float]]:
    return {
        "power_w": samples[Kind.GPU][POWER].tolist(),
        "gpu_c": samples[Kind.GPU][TEMPERATURE].tolist(),
    }


def test_devices_of_a_source_stand_side_by_side(two: tuple[Says, Says, Gathering]) -> None:
    """One source with the devices of both, each once."""
    _, _, both = two
    assert (f"{NODE}/gpu-0", f"{NODE}/gpu-1", f"{NODE}/gpu-2") == both.devices[Kind.GPU]
    assert (Source(NODE, "rack-0000", {Kind.GPU: range(3)}),) == both.sources


def test_the_first_that_tells_is_believed(two: tuple[Says, Says, Gathering]) -> None:
    """The second fills what the first leaves open, and nothing else."""
    _, _, both = two
    values = told(both.sample(1000))
    assert [500.0, 500.0, 1.0] == values["power_w"]
    np.testing.assert_array_equal([np.nan, 60.0, 60.0], values["gpu_c"])


def test_who_raises_is_absent_and_the_rest_goes_out(two: tuple[Says, Says, Gathering]) -> None:
    """The other's values are there, and the health names who failed."""
    first, _, both = two
    first.error = RuntimeError("no bus")
    np.testing.assert_array_equal([np.nan, 1.0, 1.0], told(both.sample(1000))["power_w"])
    health = {h.name: h for h in both.health()}
    assert "RuntimeError: no bus" == health["first"].text
    assert health["second"].ok
    assert {"first", "second", "inner"} == set(health)


def test_who_hangs_costs_one_deadline(two: tuple[Says, Says, Gathering]) -> None:
    """The first tick waits for it, later ones do not; what it tells late of events is not lost."""
    first, second, _ = two
    both = Gathering({"first": first, "second": second}, deadline_s=0.05)
    second.go.clear()
    np.testing.assert_array_equal([500.0, 500.0, np.nan], told(both.sample(1000))["power_w"])
    began_s = time.monotonic()
    for t in range(2, 100):
        both.sample(1000 * t)
    assert time.monotonic() - began_s < 98 * 0.05
    second.told = [Happening("xid", f"{NODE}/gpu-1", 1000, 79)]
    second.go.set()
    late: list[Happening] = []
    await_that(lambda: late.extend(both.happenings()) or late, 5.0, "the event of it")
    assert [79] == [h.code for h in late]
    both.close()


def test_changed_devices_are_told_to_who_samples(two: tuple[Says, Says, Gathering]) -> None:
    """It is not a failure of the collector: the agent makes it anew."""
    first, _, both = two
    first.error = DevicesChanged("GPU-7 is new")
    with pytest.raises(DevicesChanged, match="GPU-7 is new"):
        both.sample(1000)


def test_origins_are_of_who_is_believed(two: tuple[Says, Says, Gathering]) -> None:
    """Every device has one origin a metric."""
    _, _, both = two
    assert set(both.devices[Kind.GPU]) == set(both.origins())


def test_contradicting_sources_are_refused() -> None:
    """One device cannot be sent by two sources."""
    other = Says([0], {}, node="rack-0000/node-1")
    other.devices = {Kind.GPU: (f"{NODE}/gpu-0",)}
    with pytest.raises(ValueError, match=r"gpu-0 is sent by"):
        Gathering({"a": Says([0], {}), "b": other})


def test_closing_closes_each_member() -> None:
    """Twice is no harm."""
    one = Says([0], {})
    gathering = Gathering({"one": one})
    gathering.close()
    gathering.close()
    assert one.closed
