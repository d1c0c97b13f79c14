"""What processes use, and what they run on."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("coldplate", "faust-streaming", "aiokafka", "kafka-python", "clickhouse-driver", "numpy")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds: of processes by name since their start, and of the whole machine since its own."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    machine_s: float = 0.0

    @staticmethod
    def now(pids: Mapping[str, int]) -> "Usage":
        """As the kernel counts it, user and system."""
        own = {name: psutil.Process(pid).cpu_times() for name, pid in pids.items()}
        whole = psutil.cpu_times()
        busy_s = whole.user + whole.nice + whole.system + whole.irq + whole.softirq
        return Usage({name: t.user + t.system for name, t in own.items()}, busy_s)

    def since(self, before: "Usage") -> "Usage":
        """What was used in between."""
        used = {name: round(s - before.cpu_s[name], 2) for name, s in self.cpu_s.items()}
        return Usage(used, self.machine_s - before.machine_s)


def rss_mb(pids: Mapping[str, int]) -> dict[str, int]:
    """Resident megabytes by name."""
    return {name: round(psutil.Process(pid).memory_info().rss / 1e6) for name, pid in pids.items()}


def describe() -> dict[str, Any]:
    """This machine."""
    memory_gb = round(psutil.virtual_memory().total / 1e9, 1)
    return {"cpu": _cpu_model(), "cores": os.cpu_count(), "memory_gb": memory_gb}


def versions() -> dict[str, str]:
    """Of this project and the packages that do the work."""
    return {name: version(name) for name in PACKAGES}


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return "unknown"
