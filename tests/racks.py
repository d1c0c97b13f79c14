"""Racks of GPUs for tests of detectors: numbers a second in, changes out."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from frames import record_bytes

from coldplate.agents.framer import Framer
from coldplate.streams.detector import Detector
from coldplate.streams.engine import Engine
from coldplate.twin.collector import TwinCollector
from coldplate.twin.model import Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.frame import decode_frame
from coldplate.wire.incident import Anomaly
from coldplate.wire.inventory import generate
from coldplate.wire.metric import Kind

T0 = 1_800_000_000


def through(
    detectors: Sequence[Detector],
    kind: Kind,
    values: Mapping[str, np.ndarray],
    *,
    per_node: int = 8,
    supply_c: np.ndarray | None = None,
) -> list[Anomaly]:
    """Changes over a rack whose metrics are given as (seconds, devices), with a coolant unit if it has a supply."""
    seconds, devices = next(iter(values.values())).shape
    nodes = devices // per_node if kind is Kind.GPU else devices
    inventory = generate(1, nodes, per_node)
    names = [d.id for d in inventory.of_kind(kind.word)]
    engine, out = Engine("test", inventory, detectors=detectors), []
    for t in range(seconds):
        records = [record_bytes("n", "rack-0000", T0 + t, 1, {
            kind: (tuple(names), {m: v[t : t + 1] for m, v in values.items()})
        }, seq=t)]  # fmt: skip
        if supply_c is not None:
            told = {Kind.CDU: (("rack-0000/cdu",), {"supply_c": supply_c[t]})}
            records.append(record_bytes("c", "rack-0000", T0 + t, 1, told, seq=t))
        out += engine.feed([decode_frame(r) for r in records], 0)
    assert not engine.failed
    return out


def of_twin(detectors: Sequence[Detector], scenario: Scenario, seconds: int) -> list[Anomaly]:
    """Changes over a hall of the twin."""
    collector = TwinCollector(Hall(scenario))
    framer = Framer("test", collector, 1, ticks=5)
    engine, out = Engine("test", collector.hall.inventory, detectors=detectors), []
    for tick in range(T0, T0 + seconds):
        made = framer.add(tick, collector.sample(tick * 1000), collector.conditions())
        out += engine.feed([decode_frame(f.record) for f in made], 0)
    assert not engine.failed
    return out


def fired(changes: Iterable[Anomaly]) -> list[tuple[str, str]]:
    """Who fired on whom, in order of time."""
    return [(c.detector, c.subject) for c in changes if c.on]


def second(change: Anomaly) -> int:
    """When, from the start."""
    return change.t_ms // 1000 - T0
