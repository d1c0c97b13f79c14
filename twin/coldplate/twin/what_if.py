"""Rehearsals: how long after a loss of water the first GPU throttles, and the first switches itself off.

Each case is a hall of its own, at rest under its load when the loss comes. Beside the model's answer stands the closed
form's (closed_form.py), computed from what the hall's own CDUs read at that moment, and their ratio.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

import numpy as np
from msgspec.structs import replace

from coldplate.twin.closed_form import W_PER_K_LPM, facility_loss_s, flow_loss_s
from coldplate.twin.fault import Fault
from coldplate.twin.model import STEP_MS, Hall
from coldplate.twin.scenario import Scenario
from coldplate.wire.metric import Kind, metric

SETTLE_S = 60.0
LONGEST_S = 900.0
SHUTDOWN_C = 95.0
"""Margin -8: the device switches itself off."""

SUPPLY_C, LOAD_W = (25.0, 30.0, 40.0), (700.0, 500.0)
ASKED_C, ASKED_W = 30.0, 700.0
"""The case whose answer stands first."""


@dataclass(frozen=True, slots=True)
class Case:
    """One hall and its answer; None for what does not come within 15 minutes.

    Parameters
    ----------
    supply_c, load_w
        Coolant supply, and power of each GPU.
    start_c
        Hottest GPU when the loss comes.
    first_throttle_s, first_shutdown_s
        Seconds after the loss.
    closed_form_s, ratio
        The closed form's time to throttling, and the model's divided by it.
    """

    supply_c: float
    load_w: float
    start_c: float
    first_throttle_s: float | None
    first_shutdown_s: float | None
    closed_form_s: float | None
    ratio: float | None


def _no_facility_water(_scenario: Scenario) -> tuple[Fault, ...]:
    """All of it, at once."""
    return (Fault("facility-water-loss", "hall", SETTLE_S, severity=1.0, ramp_s=0.0),)


def _no_flow(scenario: Scenario) -> tuple[Fault, ...]:
    """Both pumps of every CDU stop and coast."""
    cdus = scenario.inventory().of_kind("cdu")
    return tuple(Fault("pump-stop", c.id, SETTLE_S, spare_ratio=0.0) for c in cdus)


KINDS: dict[str, Callable[[Scenario], tuple[Fault, ...]]] = {
    "facility-water-loss": _no_facility_water,
    "flow-loss": _no_flow,
}


def rehearse(
    kind: str, gpus: int, supply_c: Sequence[float] = SUPPLY_C, load_w: Sequence[float] = LOAD_W,
    tell: Callable[[str, float], None] = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """The answer at 700 W and 30 degC, and all cases.

    Parameters
    ----------
    kind
        One of `KINDS`.
    gpus
        In the hall; whole racks are taken.
    supply_c, load_w
        The cases: each with each, and the one that is asked for.
    tell
        Told before each case runs: which, and which share is done.
    """
    wanted = [(ASKED_C, ASKED_W)]
    wanted += [(s, w) for w in load_w for s in supply_c if (s, w) != wanted[0]]
    cases: list[Case] = []
    for supply, load in wanted:
        done = len(cases) / len(wanted)
        tell(f"{kind}: {supply:g} degC supply, {load:g} W a GPU", done)
        cases.append(_case(kind, gpus, supply, load))
    first = asdict(cases[0])
    cases.sort(key=lambda c: (-c.load_w, c.supply_c))
    return {
        "kind": kind, "gpus": gpus,
        **{k: first[k] for k in ("first_throttle_s", "first_shutdown_s", "closed_form_s", "ratio")},
        "supply_c": ASKED_C, "load_w": ASKED_W, "cases": [asdict(c) for c in cases],
    }  # fmt: skip


def _case(kind: str, gpus: int, supply_c: float, load_w: float) -> Case:
    scenario = Scenario(supply_c=supply_c, load="steady")
    rack_gpus = scenario.nodes * scenario.gpus
    hall = Hall(_with(scenario, kind, ceil(gpus / rack_gpus)))
    # Exactly the load that is asked for, whatever the spread of manufacture and what the job would draw.
    idle_w, asked = hall.gpus.idle_w, hall.work.asked.load
    hall.gpus.full_w[:] = idle_w + (load_w - idle_w) / asked
    hall.step(SETTLE_S)
    start_c = float(hall.gpus.die_c.max())
    closed_s = _closed_form_s(kind, hall)
    throttle_s = shutdown_s = None
    while shutdown_s is None and hall.now_s < SETTLE_S + LONGEST_S:
        hall.step(STEP_MS / 1000)
        since_s = round(hall.now_s - SETTLE_S, 2)
        if throttle_s is None and hall.gpus.too_hot.any():
            throttle_s = since_s
        if (hall.gpus.die_c >= SHUTDOWN_C).any():
            shutdown_s = since_s
    ratio = throttle_s / closed_s if throttle_s and closed_s else None
    return Case(
        supply_c, load_w, round(start_c, 1), throttle_s, shutdown_s,
        closed_s and round(closed_s, 2), ratio and round(ratio, 3),
    )  # fmt: skip


def _with(scenario: Scenario, kind: str, racks: int) -> Scenario:
    scenario = replace(scenario, racks=racks)
    return replace(scenario, faults=KINDS[kind](scenario))


def _closed_form_s(kind: str, hall: Hall) -> float | None:
    """Of what GPUs draw and CDUs read now."""
    power_w = float(hall.gpus.power_w.mean())
    cdu = hall.sample(Kind.CDU)
    flow, supply, back = (
        float(np.mean(cdu[metric(Kind.CDU, n).number])) for n in ("flow_lpm", "supply_c", "return_c")
    )  # fmt: skip
    gpus = hall.scenario.nodes * hall.scenario.gpus
    if kind == "flow-loss":
        return flow_loss_s(power_w, supply, flow / gpus, longest_s=LONGEST_S)
    rack_w = W_PER_K_LPM * flow * (back - supply)
    return facility_loss_s(power_w, supply, flow / gpus, rack_w, gpus)


def in_words(answer: dict[str, Any]) -> str:
    """The answer for a person."""
    lost = {"facility-water-loss": "facility water", "flow-loss": "coolant flow"}[answer["kind"]]

    def after(seconds: float | None) -> str:
        return f"after {seconds:.0f} s" if seconds is not None else "not within 15 minutes"

    return (
        f"Without {lost}, at {answer['load_w']:g} W a GPU and {answer['supply_c']:g} degC supply, the first GPU throttles "
        f"{after(answer['first_throttle_s'])}, the first switches itself off {after(answer['first_shutdown_s'])}."
    )
