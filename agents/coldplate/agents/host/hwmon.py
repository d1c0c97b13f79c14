"""Sensors of the kernel's hwmon: found by the driver's name and the sensor's label, never by hwmon's number.

References
----------
Linux, Documentation/hwmon/sysfs-interface.rst: temperatures in thousandths of a degree, power in microwatts;
coretemp.rst (`Package id N`), k10temp.rst (`Tctl` is for fans and may stand above the die, `Tdie` is the die),
acpi_power_meter.rst (`power1_average`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from coldplate.agents.host.files import Kept, text


@dataclass(frozen=True, slots=True)
class Sensor:
    """One of them.

    Parameters
    ----------
    driver, label
        `coretemp`, `Package id 0`; without a label, the file's own name (`temp1`).
    path
        The file of its value.
    """

    driver: str
    label: str
    path: Path


PACKAGES = (
    ("coretemp", "Package id *"),
    ("k10temp", "Tdie"),
    ("k10temp", "Tctl"),
    ("zenpower", "Tdie"),
)
"""By driver: which label is the package; the first that a driver has counts."""

POWER_METERS = (("power_meter", "power1"),)
"""What measures the whole node: the ACPI power meter, which asks the baseboard's controller."""


def sensors(root: Path, quantity: str) -> Iterator[Sensor]:
    """All of a quantity (`temp`, `power`), in the order of their places."""
    for chip in sorted(
        (root / "sys/class/hwmon").glob("hwmon*"), key=lambda p: (len(p.name), p.name)
    ):
        driver = text(chip / "name")
        for ending in ("_input", "_average"):
            for path in sorted(chip.glob(f"{quantity}*{ending}")):
                name = path.name.removesuffix(ending)
                yield Sensor(driver, text(chip / f"{name}_label") or name, path)


def packages(root: Path) -> list[Sensor]:
    """The processors' own temperatures."""
    found = list(sensors(root, "temp"))
    out: dict[Path, Sensor] = {}
    for driver, label in PACKAGES:
        for s in found:
            if s.driver == driver and fnmatchcase(s.label, label):
                key = s.path if driver == "coretemp" else s.path.parent
                out.setdefault(key, s)
    return list(out.values())


def named(root: Path, quantity: str, wanted: Sequence[tuple[str, str]]) -> list[Sensor]:
    """Those of the drivers and labels; `*` and `?` stand for anything. One sensor has an `_input` or an `_average`."""
    out: dict[tuple[Path, str], Sensor] = {}
    for s in sensors(root, quantity):
        if any(fnmatchcase(s.driver, d) and fnmatchcase(s.label, n) for d, n in wanted):
            out.setdefault((s.path.parent, s.label), s)
    return list(out.values())


def parts(spec: str) -> list[tuple[str, str]]:
    """`DRIVER/LABEL` out of an option; several are parted by commas.

    Raises
    ------
    ValueError
        When there is no `/`.
    """
    out = []
    for one in filter(None, (s.strip() for s in spec.split(","))):
        driver, found, label = one.partition("/")
        if not found:
            raise ValueError(f"sensor {one!r}; give DRIVER/LABEL, as 'nct6798/SYSTIN'")
        out.append((driver, label))
    return out


class Combined:
    """One value out of several sensors; absent when one of them is.

    Parameters
    ----------
    metric
        What it gives.
    find
        Which sensors; asked again now and then while there are none, as drivers may be loaded late.
    factor
        From the file's unit to the metric's.
    combine
        `max`, `sum`.
    why_none
        The reason of absence when there are none.
    """

    def __init__(
        self,
        metric: str,
        find: Callable[[], list[Sensor]],
        factor: float,
        combine: Callable[[list[float]], float],
        *,
        why_none: str = "unsupported",
    ) -> None:
        self.metric = metric
        self._find, self._factor, self._combine = find, factor, combine
        self._why_none = why_none
        self._files: list[Kept] = []
        self.source = "hwmon"
        self._look()

    @property
    def absent(self) -> str:
        """Why there is none."""
        if not self._files:
            return self._why_none
        return next((f.absent for f in self._files if f.absent), "")

    def read(self, _: float) -> float:
        """The value of now."""
        values = [f.number() for f in self._files]
        told = [v for v in values if v is not None]
        if not told or len(told) < len(values):
            return math.nan
        return self._factor * self._combine([float(v) for v in told])

    def reopen(self) -> None:
        """Look for the sensors anew: after a driver was loaded again they have other numbers."""
        if self.absent and self.absent != "disabled":
            self.close()
            self._look()

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def _look(self) -> None:
        found = self._find()
        self._files = [Kept(s.path) for s in found]
        self.source = (
            "hwmon " + ", ".join(f"{s.driver}/{s.label}" for s in found) if found else "hwmon"
        )
