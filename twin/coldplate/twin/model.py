"""A hall: the physics of all its GPUs and loops in small steps, its faults when they are due, and its sensors.

Deterministic: the same scenario gives the same values, whatever the sizes of the steps asked for, because physics
moves in whole steps of 50 ms (a quarter of the fastest time constant) and the sensors' noise is drawn once a reading.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.coolant import Loops
from coldplate.twin.effects import Effects
from coldplate.twin.faults.timeline import Timeline
from coldplate.twin.gpu import Gpus
from coldplate.twin.load import Load
from coldplate.twin.places import Places
from coldplate.twin.scenario import Scenario, check
from coldplate.twin.sensors import Sensors
from coldplate.wire.metric import Kind

STEP_MS = 50
MEAN_MS = 1000
"""NVML's power average is a moving mean over a second (recorded)."""

_KEPT = MEAN_MS // STEP_MS


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a device reports at once.

    Parameters
    ----------
    kind, subject, at_s, code, text
        As in an `Event` of the wire, `at_s` from the start of the run.
    """

    kind: str
    subject: str
    at_s: float
    code: int | None
    text: str


class Hall:
    """A hall of a scenario, at its start.

    Parameters
    ----------
    scenario
        What happens in it.

    Raises
    ------
    ScenarioError
        When it cannot be run.
    """

    def __init__(self, scenario: Scenario) -> None:
        check(scenario)
        self.scenario = scenario
        self.inventory = scenario.inventory()
        self.places = Places(self.inventory)
        self.devices = self.places.devices
        self._place()
        per_rack = scenario.nodes * scenario.gpus
        gpus, racks = len(self.devices[Kind.GPU]), scenario.racks
        random = np.random.default_rng(scenario.seed)
        self.load = Load(scenario.load)
        self.gpus = Gpus(
            gpus, random, scenario.supply_c, scenario.flow_lpm, self.load.ratio(0.0)
        )  # fmt: skip
        self.loops = Loops(
            racks, per_rack * scenario.flow_lpm, scenario.supply_c, self._by_rack(self.gpus.heat_w)
        )
        self.effects = Effects(racks, len(self.devices[Kind.NODE]), gpus)
        self.faults = Timeline(scenario.faults)
        self.now_ms = self._asked_ms = 0
        self.recent_w: deque[NDArray[np.float64]] = deque([self.gpus.power_w] * _KEPT, _KEPT)
        self._told_s = -1.0
        self._sensors = Sensors(self, random)

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return self.now_ms / 1000

    def step(self, dt_s: float) -> None:
        """Move on by so many seconds, in whole steps of 50 ms; what is left over counts for the next call."""
        self._asked_ms += round(dt_s * 1000)
        while self.now_ms + STEP_MS <= self._asked_ms:
            self._step()

    def sample(self, kind: Kind) -> NDArray[np.float64]:
        """What the sensors of a kind read now: shape (metrics of the catalogue, devices), NaN where absent."""
        return self._sensors.read(kind)

    def due_events(self) -> list[Event]:
        """Events whose time has come since the last call."""
        out = [
            Event(told.kind, fault.subject, at_s, told.code, told.text)
            for at_s, fault, told in self.faults.due(self._told_s, self.now_s)
        ]
        self._told_s = self.now_s
        return out

    def _place(self) -> None:
        racks = {d: i for i, d in enumerate(self.devices[Kind.RACK])}
        self.rack_of_gpu = np.array(
            [racks[self.inventory.rack_of(g)] for g in self.devices[Kind.GPU]], np.intp
        )
        nodes = {d: i for i, d in enumerate(self.devices[Kind.NODE])}
        self.node_of_gpu = np.array(
            [nodes[self.inventory.devices[g].parent] for g in self.devices[Kind.GPU]], np.intp
        )
        self.rack_of_node = np.array(
            [racks[self.inventory.devices[n].parent] for n in self.devices[Kind.NODE]], np.intp
        )

    def _by_rack(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.rack_of_gpu, values, self.scenario.racks).astype(np.float64)

    def _step(self) -> None:
        self._apply_faults()
        dt_s = STEP_MS / 1000
        share = self.loops.flow_lpm / (self.scenario.nodes * self.scenario.gpus)
        self.gpus.step(
            dt_s, self.load.ratio(self.now_s), self.loops.supply_c[self.rack_of_gpu],
            share[self.rack_of_gpu], self.effects.braked,
        )  # fmt: skip
        self.loops.step(
            dt_s, self.effects.pump_ratio_max, self.effects.opening_ratio,
            self._by_rack(self.gpus.heat_w),
        )  # fmt: skip
        self.recent_w.append(self.gpus.power_w)
        self.now_ms += STEP_MS

    def _apply_faults(self) -> None:
        if self.faults.moved(self.now_s):
            self.effects = Effects(
                self.scenario.racks, len(self.devices[Kind.NODE]), len(self.devices[Kind.GPU])
            )
            self.faults.apply(self.effects, self.now_s, self.places)
