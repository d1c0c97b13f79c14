"""Two agents of a plant with a real Kafka: one leads, the other takes over, and no tick is there twice."""

import time

import pytest
from e2e.plants import TAKEN_OVER_S, plant_of

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:read_text:DeprecationWarning"),
]


@pytest.fixture
def plant(tmp_path, kafka_bootstrap):
    with plant_of(tmp_path, kafka_bootstrap, f"plant-{tmp_path.name}") as made:
        yield made


def test_the_other_takes_over_from_one_that_is_killed(plant):
    """Ticks go on within 10 s, and each is there once."""
    first, second = plant.pair()
    first.process.kill()
    killed = int(time.time())
    plant.until(lambda: second.state == "leading", TAKEN_OVER_S, "the second to lead")
    plant.until(lambda: plant.last_tick() > killed + 15, 30, "the second's frames")
    assert {} == plant.twice()
    assert [] == [g for gap in plant.missing().values() for g in gap if g > killed + TAKEN_OVER_S]
    assert TAKEN_OVER_S >= max(len(gap) for gap in plant.missing().values())


def test_one_that_starts_again_goes_on_at_once(plant):
    """It need not wait for the lease of its own earlier process."""
    first = plant.start("a")
    plant.until(plant.last_tick, 20, "frames")
    first.process.kill()
    first.process.wait()
    again = plant.start("a")
    plant.until(lambda: again.state == "leading", 6, "it to lead again")
    began = plant.last_tick()
    plant.until(lambda: plant.last_tick() > began + 10, 30, "frames")
    assert {} == plant.twice()
