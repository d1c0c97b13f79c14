"""A hall of the twin that was accepted before a run begins: what its racks' certificates give detection.

The same devices with the same spread of manufacture and other noise; nothing is wrong with them yet. Instruments are the
hall's own: whatever each is off by it is off by in the run too, so that here none is.
"""

from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from coldplate.console.commission.certificate import Made, body
from coldplate.console.commission.learnt import begins_with
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.procedure import run_step
from coldplate.console.commission.rehearsal import Rehearsal
from coldplate.console.commission.verdict import verdict
from coldplate.console.output import plain
from coldplate.twin.scenario import Scenario
from coldplate.wire.baseline import Baselines

BEFORE_MS = 86_400_000
"""How long before the run the acceptance was over: a day."""

NOISE = 7
"""Draws the noise of the acceptance apart from the run's, beside the scenario's seed."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of it.

    Parameters
    ----------
    records
        What detection begins with.
    verdicts
        By rack.
    """

    records: tuple[Baselines, ...]
    verdicts: dict[str, str]

    def figures(self) -> dict[str, Any]:
        """For a program."""
        devices = sum(len(b.devices) for record in self.records for b in record.blocks)
        return {"racks": len(self.verdicts), "verdicts": self.verdicts, "devices": devices}


def accepted(scenario: Scenario, cluster: str, begin_ms: int) -> Accepted:
    """Bring the hall of a scenario up, without its faults, and keep what the certificates say.

    Parameters
    ----------
    begin_ms
        When the run begins, Unix milliseconds.
    """
    hall = Rehearsal(
        scenario.racks, scenario.seed, of=scenario, noise_seed=(scenario.seed, NOISE), off_ratio=0.0
    )  # fmt: skip
    hall.run()
    limits = replace(Limits(), node_flow_lpm=scenario.flow_lpm * scenario.gpus)
    bodies = [_body(hall, n, limits, begin_ms) for n in range(len(hall.racks))]
    found = [begins_with(told, cluster, begin_ms - BEFORE_MS) for told in bodies]
    return Accepted(tuple(r for r in found if r), {told["rack"]: told["verdict"] for told in bodies})  # fmt: skip


def _body(hall: Rehearsal, number: int, limits: Limits, begin_ms: int) -> dict[str, Any]:
    rack = hall.racks[number]
    serials = {i: f"S{n}" for n, i in enumerate((*rack.nodes, *rack.gpus))}
    evidence = hall.evidence(rack, serials, serials)
    outcomes = [run_step(step, evidence, limits) for step in STEPS]
    ended_ms = begin_ms - BEFORE_MS
    made = Made("evaluate", ended_ms, ended_ms)
    told: dict[str, Any] = plain(body(made, evidence, limits, outcomes, verdict(rack, outcomes)))
    return told
