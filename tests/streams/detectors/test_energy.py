"""A node whose meters jump answers in another's place; late readings and driver reloads are no such thing."""

import numpy as np
from racks import fired, second, through

from coldplate.streams.detectors.energy import EnergyJump
from coldplate.wire.metric import Kind

NODE = [f"rack-0000/node-0/gpu-{g}" for g in range(8)]


def meters(seconds: int, gpus: int = 16) -> dict[str, np.ndarray]:
    """GPUs of two nodes under steps, each with a history of its own; meters and power agree within what an H200's do."""
    random = np.random.default_rng(2)
    power = 600.0 + 150.0 * np.sin(np.arange(seconds)[:, None] * 2.1 + random.random(gpus))
    grown = power + 10.0 * np.diff(random.standard_normal((seconds + 1, gpus)), axis=0)
    return {
        "power_w": power,
        "energy_j": 1e6 * (1.0 + random.random(gpus)) + np.cumsum(grown, axis=0),
    }


def test_a_node_that_is_exchanged_is_told_of_at_once():
    """All its GPUs jump in one tick; an exchange that is put right in two minutes is one episode."""
    values = meters(200)
    energy = values["energy_j"]
    energy[60:180, :8] = energy[60:180, 8:].copy()
    changes = through([EnergyJump()], Kind.GPU, values)
    assert [("energy-jump", gpu) for gpu in NODE] == sorted(fired(changes))
    assert {60} == {second(c) for c in changes}


def test_totals_that_are_nearly_alike_are_told_apart_in_seconds():
    """A hall that was switched on together: a few hundred joules are enough, if they stay."""
    values = meters(200)
    values["energy_j"][60:, :8] += np.linspace(-400.0, 400.0, 8)
    changes = through([EnergyJump()], Kind.GPU, values)
    assert 4 <= len(fired(changes))
    assert {65} == {second(c) for c in changes if c.on}


def test_late_readings_single_meters_and_reloads_are_no_exchange():
    """What comes late is made good, one meter is a meter, and 0 is a beginning."""
    values = meters(300)
    energy = values["energy_j"]
    energy[50] += 300.0
    energy[100:, 3] += 1e6
    energy[200:, :8] -= energy[200, :8]
    assert [] == through([EnergyJump()], Kind.GPU, values)


def test_meters_of_a_younger_driver_are_no_reload():
    """The other node's driver was loaded days later: its totals are a tenth, and are not what a reload begins with."""
    values = meters(200)
    energy = values["energy_j"]
    energy[60:180, :8] = 0.1 * energy[60, 8:] + energy[60:180, 8:] - energy[60, 8:]
    changes = through([EnergyJump()], Kind.GPU, values)
    assert [("energy-jump", gpu) for gpu in NODE] == sorted(fired(changes))
    assert {60} == {second(c) for c in changes}


def test_what_a_meter_was_off_by_before_hides_no_exchange():
    """Half of the node's readings were late at the look before, and a hundred joules short."""
    values = meters(200)
    energy = values["energy_j"]
    energy[60:, :8] += 1e8
    energy[55, ::2] -= 100.0
    energy[56:60, ::2] -= 100.0
    changes = through([EnergyJump()], Kind.GPU, values)
    assert [("energy-jump", gpu) for gpu in NODE] == sorted(fired(changes))
    assert {60} == {second(c) for c in changes}
