"""When `/healthz` is red, and what it says then."""

import json
import time
from http import HTTPStatus

import pytest

from coldplate.agents.local.verdict import healthz, problems, readyz

BOTH = {("sm_clock_mhz", 0): 1980.0, ("sm_clock_mhz", 1): 1980.0}


def test_a_node_whose_gpus_answer_is_well(scene):
    """200, and the collectors by name."""
    scene.well("nvml", duration_s=0.004)
    scene.tick(1, BOTH)
    answer = healthz(scene.status, 5)
    assert HTTPStatus.OK == answer.status
    told = json.loads(answer.body)
    assert (True, [], 0.004) == (
        told["ok"], told["problems"], told["collectors"]["nvml"]["duration_s"],
    )  # fmt: skip


def test_a_gpu_that_is_not_seen_turns_it_red(scene):
    """After so many ticks, by name; a baseboard that still knows its temperature does not help."""
    scene.tick(1, BOTH)
    scene.tick(6, {("sm_clock_mhz", 0): 1980.0, ("hbm_c", 1): 50.0})
    assert [] == problems(scene.status, 5)
    scene.tick(7, {("sm_clock_mhz", 0): 1980.0})
    assert ["rack-0003/node-5/gpu-1 has not answered for 6 ticks"] == problems(scene.status, 5)
    assert HTTPStatus.SERVICE_UNAVAILABLE == healthz(scene.status, 5).status
    scene.tick(8, BOTH)
    assert [] == problems(scene.status, 5)


def test_fewer_gpus_than_there_ought_to_be_turn_it_red(scene):
    """A driver that is not loaded shows none, and that is not well."""
    scene.status.gpus_expected = 8
    scene.tick(1, BOTH)
    assert ["8 GPUs ought to be here, 2 are known"] == problems(scene.status, 5)


def test_a_loop_that_stands_turns_it_red_and_unready(scene):
    """After three ticks, and five seconds at least."""
    scene.tick(1, BOTH)
    assert HTTPStatus.OK == readyz(scene.status).status
    scene.status.ticked_s = time.monotonic() - 6
    assert ["the loop has not ticked for 6 s"] == problems(scene.status, 5)
    assert HTTPStatus.SERVICE_UNAVAILABLE == readyz(scene.status).status


def test_dropped_records_turn_it_red_for_a_while(scene):
    """From when they are noticed; those that are acknowledged do not."""
    scene.tick(1, BOTH)
    scene.counts = {"records_acknowledged": 9, "records_dropped_spool_full": 0}
    assert [] == problems(scene.status, 5)
    scene.counts = {"records_dropped_spool_full": 2}
    assert 1 == len(problems(scene.status, 5))


def test_before_the_first_tick_it_is_well_but_not_ready(scene):
    """Nothing is wrong yet, and nothing is known yet."""
    assert [] == problems(scene.status, 5)
    assert HTTPStatus.SERVICE_UNAVAILABLE == readyz(scene.status).status


@pytest.mark.parametrize("make", [lambda s: healthz(s, 5), readyz])
def test_the_answer_is_json_that_names_the_node(scene, make):
    """One object, for a program."""
    answer = make(scene.status)
    assert ("application/json", "rack-0003/node-5") == (
        answer.content_type, json.loads(answer.body)["node"],
    )  # fmt: skip
