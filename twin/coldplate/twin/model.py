"""A hall: the physics of all its GPUs and loops in small steps, its faults when they are due, and its sensors.

Deterministic: the same scenario gives the same values, whatever the sizes of the steps asked for, because physics
moves in whole steps of 50 ms (a quarter of the fastest time constant) and the sensors' noise is drawn once a reading.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldplate.twin.burst import Burst
from coldplate.twin.cdu import Cdus
from coldplate.twin.counters import Counters
from coldplate.twin.effects import Effects
from coldplate.twin.facility import Facility
from coldplate.twin.faults.timeline import Timeline
from coldplate.twin.gpu import GpuArray
from coldplate.twin.places import Places
from coldplate.twin.scenario import Scenario, check
from coldplate.twin.sensors import Sensors
from coldplate.twin.work import Work
from coldplate.wire.metric import Kind

F64 = NDArray[np.float64]

STEP_MS = 50
SECOND_MS = 1000

HOST_W = 2525.0
"""CPUs, memory, NICs and NVSwitches of a node, on cold plates too: 65 kW in the water of a rack of 64 GPUs at 700 W."""

DESIGN_W = 1050.0
"""Of a rack, for each of its GPUs: what feeds and UPS are made for."""

FACILITY_BELOW_K = 6.0
"""The facility's water is aimed at this much below the racks' supply."""

SUPPLIES_RATIO, ONE_LOST_RATIO = 0.965, 0.94
"""Efficiency of a node's power supplies, and when one of them has failed and the others are loaded fully (estimates)."""


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
        self.work = Work(scenario.all_jobs(), self.places, gpus)
        asked = self.work.asked
        at_once = float(asked.load.mean()), float(asked.memory.mean())
        self.gpus = GpuArray(gpus, random, scenario.supply_c, scenario.flow_lpm, *at_once)
        self.facility = Facility(
            racks, random, base_c=scenario.supply_c - FACILITY_BELOW_K, outdoor_c=scenario.outdoor_c,
            start_day=scenario.start_day, rack_w=DESIGN_W * per_rack,
        )  # fmt: skip
        self.cdus = Cdus(
            racks, scenario.nodes, scenario.gpus, supply_c=scenario.supply_c,
            flow_lpm=scenario.flow_lpm, random=random,
        )  # fmt: skip
        self.effects = Effects(racks, len(self.devices[Kind.NODE]), gpus)
        self.faults = Timeline(scenario.all_faults())
        self.counters = Counters(self.node_of_gpu, scenario.seed)
        self.burst = Burst(gpus, self.gpus.power_w)
        self.now_ms = self._asked_ms = 0
        self._told_s = -1.0
        self._sensors = Sensors(self, random)
        self._powers()
        self.facility.settle(self.rack_w)
        self.cdus.settle(self.effects, self.facility, self._heat(self.gpus.power_w))

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

    def _by_rack(self, values: NDArray[np.float32]) -> F64:
        # GPUs of a rack lie side by side.
        out: F64 = values.reshape(self.scenario.racks, -1).sum(axis=1, dtype=np.float64)
        return out

    def _heat(self, gpus_w: NDArray[np.float32]) -> F64:
        """Into the water of each rack: of its GPUs' plates, and of its nodes' other parts as they draw it."""
        hosts_w: F64 = self.host_w.reshape(self.scenario.racks, -1).sum(axis=1)
        return self._by_rack(gpus_w) + hosts_w

    @property
    def swing_hz(self) -> F64:
        """Each GPU's strongest swing: the steps of its job, or one that is forced on the whole load."""
        if self.effects.swing_ratio > 0:
            return np.full(len(self.gpus.power_w), self.effects.swing_hz)
        return self.work.swing_hz[self.work.job_of_gpu]

    def _step(self) -> None:
        self._apply_faults()
        dt_s = STEP_MS / 1000
        effects = self.effects
        asked = self.work.step(self.now_s, dt_s, effects)
        if effects.node_off.any():
            off = effects.node_off[self.node_of_gpu]
            asked.load[off] = asked.memory[off] = 0.0
        if effects.swing_ratio > 0:
            turn = 2.0 * np.pi * effects.swing_hz * self.now_s
            # A kernel that would take more than the power limit gives swings with what it is given.
            np.minimum(asked.load, 1.0, out=asked.load)
            np.multiply(asked.load, 1.0 + effects.swing_ratio * np.sin(turn), out=asked.load)
        self.gpus.step(
            dt_s, asked.load, asked.memory, self.cdus.supply_c[self.rack_of_gpu].astype(np.float32),
            self.cdus.gpu_flow_lpm, effects,
        )  # fmt: skip
        if self.facility.dark.any():
            self.gpus.shut_down |= self.facility.dark[self.rack_of_gpu]
        self._powers()
        self.facility.step(dt_s, effects, self.rack_w)
        self.cdus.step(dt_s, effects, self.facility, self._heat(self.gpus.heat_w))
        self._watch_swings()
        self.now_ms += STEP_MS
        if self.now_ms % SECOND_MS == 0:
            self.burst.close_second(self.work.job_of_gpu)
            self.counters.second(effects, self.now_s, self.gpus.energy_j)

    def _powers(self) -> None:
        """Electric power of nodes and racks, at their supplies' and the rack's inputs."""
        nodes, effects = len(self.devices[Kind.NODE]), self.effects
        gpus = self.gpus.power_w.reshape(nodes, -1).sum(axis=1, dtype=np.float64)
        efficiency = np.where(effects.psu_lost, ONE_LOST_RATIO, SUPPLIES_RATIO)
        self.host_w = np.where(self.facility.dark[self.rack_of_node], 0.0, HOST_W)
        self.node_w = (gpus + self.host_w) / efficiency
        of_rack = self.node_w.reshape(self.scenario.racks, -1).sum(axis=1)
        self.rack_w = of_rack + self.cdus.pump_w.sum(axis=0)

    def _watch_swings(self) -> None:
        hz = self.work.swing_hz
        if self.effects.swing_ratio > 0:
            hz = np.full_like(hz, self.effects.swing_hz)
        turn = np.nan_to_num(hz) * (2.0 * np.pi * self.now_s)
        wave = np.where(np.isnan(hz), 0.0, np.exp(-1j * turn)).astype(np.complex64)
        self.burst.add(self.gpus.power_w, wave, self.work.job_of_gpu)

    def _apply_faults(self) -> None:
        if self.faults.moved(self.now_s):
            self.effects = Effects(
                self.scenario.racks, len(self.devices[Kind.NODE]), len(self.devices[Kind.GPU])
            )
            self.faults.apply(self.effects, self.now_s, self.places)
