"""Devices with parameters of their own: who is judged by which, among neighbours that are judged by others."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from frames import record_bytes
from racks import T0

from coldplate.agents.framer import Framer
from coldplate.streams.detectors import Margin, defaults
from coldplate.streams.detectors.plate_margin import PlateMargin
from coldplate.streams.engine import Engine
from coldplate.streams.parameters import Override
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import load as load_scenario
from coldplate.wire.frame import decode_frame
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

HALL = generate(2, 1, 8)
GPUS = [d.id for d in HALL.of_kind("gpu")]


def feed(engine, margins, seconds=range(10), gpu_c=None):
    """Changes when GPUs have these margins for so many seconds."""
    out = []
    for t in seconds:
        for rack in dict.fromkeys(g.partition("/")[0] for g in margins):
            names = tuple(g for g in margins if g.startswith(rack))
            values = {"margin_c": np.array([[margins[g] for g in names]])}
            if gpu_c is not None:
                values["gpu_c"] = 87.0 - values["margin_c"]
            made = record_bytes(rack, rack, T0 + t, 1, {Kind.GPU: (names, values)}, seq=t)
            out += engine.feed([decode_frame(made)], 0)
    assert not engine.failed
    return out


def fired(changes):
    return {(a.detector, a.subject) for a in changes if a.on}


def test_a_rack_is_judged_by_its_own_limit():
    """The same margins in two racks; the evidence shows the limit that was in force, under the detector's own name."""
    strict = Override("rack", "rack-0001", (Margin(wanted_c=12.0),))
    changes = feed(Engine("test", HALL, [Margin()], [strict]), dict.fromkeys(GPUS, 10.0))
    assert {("margin", g) for g in GPUS if g.startswith("rack-0001")} == fired(changes)
    assert {12.0} == {a.evidence.threshold for a in changes}


def test_the_strongest_override_decides_alone():
    """A GPU's before its rack's before its hall's, in whatever order the file gives them."""
    overrides = [
        Override("device", GPUS[0], (Margin(wanted_c=4.0),)),
        Override("hall", "hall", (Margin(wanted_c=12.0),)),
        Override("rack", "rack-0000", (Margin(wanted_c=20.0),)),
    ]
    expected = dict.fromkeys(GPUS[1:8], 20.0) | dict.fromkeys(GPUS[8:], 12.0)
    for order in (overrides, overrides[::-1]):
        changes = feed(Engine("test", HALL, [Margin()], order), dict.fromkeys(GPUS, 10.0))
        assert expected == {a.subject: a.evidence.threshold for a in changes}


def test_a_gpu_with_a_limit_of_its_own_still_has_its_peers():
    """Where the whole rack is warm nobody's plate is: seen by the instance that speaks for one GPU only."""
    own = Override("device", GPUS[0], (PlateMargin(near_c=20.0),))

    def judged(margins):
        engine = Engine("test", HALL, [PlateMargin()], [own])
        return fired(feed(engine, margins, gpu_c=True))

    assert set() == judged(dict.fromkeys(GPUS, 18.0))
    apart = dict.fromkeys(GPUS, 30.0) | {GPUS[0]: 18.0, GPUS[1]: 18.0, GPUS[9]: 18.0}
    assert {("plate-margin", GPUS[0])} == judged(apart)


def test_a_rack_that_comes_later_gets_its_own():
    """No inventory, or one that does not list it: its id is enough for a rack's and a device's override."""
    strict = Override("rack", "rack-0001", (Margin(wanted_c=12.0),))
    for inventory in (None, generate(1, 1, 8)):
        engine = Engine("test", inventory, [Margin()], [strict])
        assert [] == feed(engine, dict.fromkeys(GPUS[:8], 10.0))
        changes = feed(engine, dict.fromkeys(GPUS, 10.0), range(10, 20))
        assert {("margin", g) for g in GPUS[8:]} == fired(changes)


def test_who_takes_over_holds_what_was_held_once():
    """An episode that a worker before us left open ends once, by the instance that speaks for the device."""
    strict = Override("rack", "rack-0001", (Margin(wanted_c=12.0),))
    engine = Engine("test", HALL, [Margin()], [strict])
    engine.resume(GPUS[8], "margin")
    engine.resume(GPUS[0], "margin")
    changes = feed(engine, dict.fromkeys(GPUS, 30.0))
    assert [(GPUS[0], False), (GPUS[8], False)] == sorted((a.subject, a.on) for a in changes)


def test_a_file_without_overrides_asks_as_ever():
    """No instance, no mask: nothing to pay."""
    engine = Engine("test", HALL)
    judges = [j for state in engine._kinds.values() for j in state.judges]
    assert [d.name for d in defaults()] != []
    assert len(defaults()) == len(judges)
    assert {None} == {j.voice for j in judges}


@pytest.fixture(scope="module")
def pumps() -> list[list[bytes]]:
    """Batches of frames of the demo's hall, whose pump stops after 30 s."""
    collector = TwinCollector(Hall(load_scenario("demo")))
    framer, out = Framer("test", collector, 1, ticks=5), []
    for tick in range(T0, T0 + 40):
        made = framer.add(tick, collector.sample(tick * 1000), collector.conditions())
        out.append([f.record for f in made])
    return out


def run(engine, batches):
    out = []
    for batch in batches:
        out += engine.feed([decode_frame(record) for record in batch], 0)
    assert not engine.failed
    return sorted((a.t_ms, a.detector, a.subject, a.on, repr(a.evidence)) for a in out)


def test_the_same_parameters_under_another_name_change_nothing(pumps):
    """Every detector overridden for a rack and for one device of another, by itself: the same answers to the letter."""
    inventory = load_scenario("demo").inventory()
    in_rack = tuple(d for d in defaults() if d.kind is not Kind.HALL)
    of_gpu = tuple(d for d in defaults() if d.kind is Kind.GPU)
    overrides = [
        Override("rack", "rack-0003", in_rack),
        Override("device", "rack-0001/node-2/gpu-3", of_gpu),
    ]
    expected = run(Engine("test", inventory), pumps)
    assert any(detector == "pump1-stop" for _, detector, *_ in expected)
    assert expected == run(Engine("test", inventory, overrides=overrides), pumps)


def test_a_restart_in_the_middle_changes_nothing(pumps):
    """State with instances is kept and goes on as any other."""
    inventory = load_scenario("demo").inventory()
    (stop,) = [d for d in defaults() if d.name == "pump1-stop"]
    overrides = [Override("rack", "rack-0003", (replace(stop, at_once=0.9, hold_s=4.0),))]
    whole = run(Engine("test", inventory, [stop], overrides), pumps)
    engine = Engine("test", inventory, [stop], overrides)
    first = run(engine, pumps[:33])
    assert whole == sorted(first + run(pickle.loads(pickle.dumps(engine)), pumps[33:]))
    at = {
        given: next(t for t, d, *_ in found if d == "pump1-stop") - T0 * 1000
        for given, found in {
            "own": whole,
            "usual": run(Engine("test", inventory, [stop]), pumps),
        }.items()
    }
    assert 0 < at["own"] - at["usual"] <= 4000
