"""Power of the processor packages, from the energy counters of Intel's and AMD's RAPL.

References
----------
Linux, Documentation/power/powercap/powercap.rst. A counter wraps at `max_energy_range_uj` (262 kJ on current Xeons:
after 12 minutes at 350 W). Since CVE-2020-8694 (reading power leaks secrets) `energy_uj` is for root alone, unless the
administrator opens it.
"""

import math
import re
from pathlib import Path

from coldplate.agents.host.files import Kept, text
from coldplate.agents.host.rate import Rate

WATTS_MAX = 2000.0
"""Of one package. More is a counter that was reset, or two wraps."""

_ZONE = re.compile(r"intel-rapl:\d+$")


class PackagePower:
    """Sum over the packages; absent when one of them is.

    Parameters
    ----------
    root
        Where `sys` is.
    """

    metric = "cpu_power_w"

    def __init__(self, root: Path) -> None:
        zones = root / "sys/class/powercap"
        # Zones within a package (core, dram) have two colons; a psys zone is the platform's, not a package.
        self._packages = [
            (Kept(zone / "energy_uj"), Rate(_span_uj(zone)))
            for zone in sorted(zones.glob("intel-rapl:*"))
            if _ZONE.fullmatch(zone.name) and text(zone / "name").startswith("package")
        ]
        self.source = f"RAPL, {len(self._packages)} packages" if self._packages else "RAPL"

    @property
    def absent(self) -> str:
        """Why there is none."""
        if not self._packages:
            return "unsupported"
        return next((file.absent for file, _ in self._packages if file.absent), "")

    def read(self, at_s: float) -> float:
        """Watts since the last reading."""
        total = 0.0 if self._packages else math.nan
        for file, rate in self._packages:
            energy_uj = file.number()
            watts = math.nan if energy_uj is None else rate.of(energy_uj, at_s) / 1e6
            total += watts if watts <= WATTS_MAX else math.nan
        return total

    def reopen(self) -> None:
        """Try what could not be opened again."""
        for file, _ in self._packages:
            if file.absent:
                file.open()

    def close(self) -> None:
        """Close the files."""
        for file, _ in self._packages:
            file.close()


def _span_uj(zone: Path) -> float | None:
    told = text(zone / "max_energy_range_uj")
    return float(told) if told.isdigit() else None
