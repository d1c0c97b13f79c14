"""The node beside its GPUs: processors, memory, air, node power, and what the agent itself costs.

What is cheap is read at every tick. What turns out to cost more than `COSTLY_S` (a power meter that asks the
baseboard's controller, /proc/stat of a machine with hundreds of processors) is read every `slow_ticks`, each at a tick
of its own, and absent in between.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from coldplate.agents.collector import Conditions, Happening, Health, Origin, Samples, Source
from coldplate.agents.host import hwmon
from coldplate.agents.host.proc import AgentCpu, CpuUse, OfFile, available_bytes, resident_bytes
from coldplate.agents.host.rapl import PackagePower
from coldplate.wire.metric import CATALOGUE, Kind, metric

COSTLY_S = 50e-6
REOPEN_TICKS = 300
"""How often what is absent is looked for again: drivers are loaded late, and again."""


class Reader(Protocol):
    """Gives one metric of the node."""

    @property
    def metric(self) -> str:
        """Its name."""

    @property
    def source(self) -> str:
        """Where it comes from, for people."""

    @property
    def absent(self) -> str:
        """Why there is no value, as in `Origin.absent`."""

    def read(self, at_s: float) -> float:
        """The value at a monotonic time, or NaN."""

    def reopen(self) -> None:
        """Look again for what is absent."""

    def close(self) -> None:
        """Close its files."""


class HostCollector:
    """Reads /proc and /sys.

    Parameters
    ----------
    node, rack
        Under which names it is sent.
    air_inlet
        hwmon sensor of the air at the node's front, `DRIVER/LABEL`; "": none.
    node_power
        hwmon sensors whose sum is the node's power, `DRIVER/LABEL[,...]`; "": the ACPI power meter, where there is one.
    slow_ticks
        How often what is costly is read.
    root
        Where `proc` and `sys` are.
    clock
        Monotonic seconds, for rates and costs.

    Raises
    ------
    ValueError
        When a sensor is not written as `DRIVER/LABEL`.

    Notes
    -----
    25 us a tick on a virtual machine; sensors behind slow buses add their own time.
    """

    def __init__(
        self,
        node: str,
        rack: str,
        *,
        air_inlet: str = "",
        node_power: str = "",
        slow_ticks: int = 5,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._clock, self._slow_ticks = node, clock, slow_ticks
        air, power = hwmon.parts(air_inlet), hwmon.parts(node_power) or hwmon.POWER_METERS
        self._readers: tuple[Reader, ...] = (
            PackagePower(root),
            hwmon.Combined("cpu_c", lambda: hwmon.packages(root), 1e-3, max),
            OfFile("cpu_util_ratio", root / "proc/stat", CpuUse()),
            OfFile("mem_available_bytes", root / "proc/meminfo", available_bytes),
            hwmon.Combined(
                "air_inlet_c", lambda: hwmon.named(root, "temp", air), 1e-3, max,
                why_none="unsupported" if air else "disabled",
            ),
            hwmon.Combined("node_power_w", lambda: hwmon.named(root, "power", power), 1e-6, sum),
            AgentCpu(),
            OfFile("agent_rss_bytes", root / "proc/self/statm", resident_bytes),
        )  # fmt: skip
        self._rows = [metric(Kind.NODE, r.metric).number for r in self._readers]
        self._costs_s = [0.0] * len(self._readers)
        self._tick = self._told = 0
        self._duration_s: float | None = None
        self._last_ms: int | None = None
        self.devices: Mapping[Kind, tuple[str, ...]] = {Kind.NODE: (node,)}
        self.sources: Sequence[Source] = (Source(node, rack, {Kind.NODE: range(1)}),)

    def sample(self, tick_ms: int) -> Samples:
        """What the files say now; of a counter, since the last time."""
        out = np.full((len(CATALOGUE[Kind.NODE]), 1), np.nan)
        began_s = now_s = self._clock()
        for i, reader in enumerate(self._readers):
            if self._costs_s[i] > COSTLY_S and (self._tick + i) % self._slow_ticks:
                continue
            value = reader.read(now_s)
            before_s, now_s = now_s, self._clock()
            # Slowly up and slowly down: one preemption does not make a cheap file a costly one.
            self._costs_s[i] += (now_s - before_s - self._costs_s[i]) / 8
            if not math.isnan(value):
                out[self._rows[i], 0] = value
        self._tick += 1
        if self._tick % REOPEN_TICKS == 0:
            for reader in self._readers:
                reader.reopen()
        self._duration_s, self._last_ms = now_s - began_s, tick_ms
        return {Kind.NODE: out}

    def conditions(self) -> Conditions | None:
        """As they should be."""
        return None

    def happenings(self) -> list[Happening]:
        """None: these files tell values alone."""
        return []

    def health(self) -> Sequence[Health]:
        """Always well: what a machine does not have is no fault of it."""
        counts = {"asked": self._tick, "answered": self._tick}
        return (Health("host", True, "", self._duration_s, self._last_ms, counts),)

    def origins(self) -> Mapping[str, Mapping[str, Origin]]:
        """By metric: which files, at what cost, and why there is no value."""
        return {
            self._node: {
                r.metric: Origin(r.source, round(1e6 * cost_s, 1) if self._tick else None, r.absent)
                for r, cost_s in zip(self._readers, self._costs_s, strict=True)
            }
        }

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            reader.close()
