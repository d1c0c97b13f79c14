"""Faults that nobody listed: told as a ticket, of whom, and not of the healthy."""

import numpy as np
import pytest
from racks import fired, of_twin, second, through

from coldplate.streams.detectors.residual import HELD, residuals
from coldplate.streams.detectors.surprise import READINGS, UnlikePeers
from coldplate.streams.engine import Engine
from coldplate.twin.fault import Fault
from coldplate.twin.scenario import Scenario
from coldplate.wire.incident import Severity
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

GPUS, ODD = 16, "rack-0000/node-0/gpu-5"
USUAL = {"power_w": 600.0, "gpu_c": 55.0, "hbm_c": 60.0, "sm_clock_mhz": 1700.0}


def rack(seconds, job=7.0):
    """GPUs that differ by a little, all under one load, which is unsteady."""
    random = np.random.default_rng(3)
    load = 1.0 - 0.3 * (np.arange(seconds)[:, None] % 200 > 150)
    out = {"job": np.full((seconds, GPUS), job)}
    for name, usual in USUAL.items():
        own = 1.0 + 0.02 * random.standard_normal(GPUS)
        noise = 0.1 * READINGS[name] * random.standard_normal((seconds, GPUS))
        out[name] = usual * (own * load) + noise
    return out


@pytest.mark.parametrize("name", READINGS)
def test_a_gpu_that_departs_from_its_peers_is_a_ticket(name):
    """By whichever reading; within three minutes of the step, of this GPU alone, and over when it is back."""
    values = rack(1100)
    values[name][500:800, 5] -= 9.0 * READINGS[name]
    on, off = through([UnlikePeers()], Kind.GPU, values)
    assert [("unlike-peers", ODD)] == fired([on])
    assert ("unknown", Severity.TICKET, False) == (on.kind, on.severity, off.on)
    assert 560 <= second(on) <= 680
    assert 800 < second(off) <= 1000


def test_a_load_that_all_share_is_no_departure():
    """Nor another job, after which each GPU has another place."""
    values = rack(1200)
    values["job"][600:] = 8.0
    values["power_w"][600:] *= np.linspace(0.6, 1.2, GPUS)
    assert [] == through([UnlikePeers()], Kind.GPU, values)


def test_what_lasts_becomes_usual():
    """A ticket is no standing order: a GPU that stays as it is belongs to the rack."""
    values = rack(1800)
    values["gpu_c"][500:, 5] += 9.0
    on, off = through([UnlikePeers(accept_s=600.0)], Kind.GPU, values)
    assert (True, False) == (on.on, off.on)


def test_who_has_no_peers_is_not_judged():
    """Half of the rack in a job each."""
    values = rack(700)
    values["job"][:] = np.arange(GPUS)
    values["gpu_c"][500:, 5] += 30.0
    assert [] == through([UnlikePeers()], Kind.GPU, values)


def test_a_gpu_costs_a_hundred_bytes():
    """Its episode and its rack's place aside."""
    assert 8 * len(UnlikePeers().remembers) <= 100
    with_it, without = (
        Engine("test", generate(10), detectors=d).nbytes for d in ([UnlikePeers()], [])
    )
    assert (with_it - without) / 640 <= 125


@pytest.mark.parametrize("metric", HELD)
def test_what_a_unit_holds_and_holds_no_more_is_a_ticket(metric):
    """A step by a tenth is told within a minute and a half, and only of that metric."""
    random = np.random.default_rng(5)
    usual = {"supply_c": 30.0, "flow_lpm": 70.0, "supply_kpa": 300.0, "return_kpa": 150.0,
             "filter_kpa_delta": 12.0, "reservoir_ratio": 0.8}  # fmt: skip
    values = {
        name: v * (1.0 + 0.002 * random.standard_normal((500, 1))) for name, v in usual.items()
    }
    values[metric][300:] *= 1.1
    changes = through(residuals(), Kind.CDU, values)
    assert [(f"residual-{metric.replace('_', '-')}", "rack-0000/cdu")] == fired(changes)
    assert 300 <= second(changes[0]) <= 390


def test_a_healthy_hall_of_the_twin_has_no_tickets():
    """Steps, a drained node, a job that restarts and a checkpoint."""
    faults = (
        Fault("healthy-drain", "rack-0000/node-1", 350.0, 450.0),
        Fault("healthy-job-restart", "hall", 460.0, 490.0),
        Fault("healthy-checkpoint", "rack-0001", 500.0, 520.0),
    )
    hall = Scenario(racks=2, load="steps", duration_s=600.0, faults=faults)
    assert [] == of_twin([*residuals(), UnlikePeers()], hall, 600)
