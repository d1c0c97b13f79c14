"""The newest samples of GPUs within a window, cell by cell: one question, whose answer comes as arrays.

Physical columns are asked for, which the driver takes over as they lie, and `LIMIT 1 BY` in the order of the table, which
costs the server a third of what `argMax` in groups does (1,000,000 rows of 100,000 GPUs).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from coldplate.console.web.cells import Ground
from coldplate.console.web.connections import Ask
from coldplate.dashboards.web.channels import F32
from coldplate.sinks.tables import raw_column
from coldplate.wire.metric import Kind, metric

I64 = NDArray[np.int64]

NAMES = ("power_w", "gpu_c", "margin_c", "clock_event_reasons", "job")
_METRICS = {name: metric(Kind.GPU, name) for name in NAMES}
_SQL = (
    "SELECT device, toUnixTimestamp64Milli(t) AS t_ms, present, "
    + ", ".join(f"{raw_column(m)} AS {m.name}" for m in _METRICS.values())
    + " FROM gpu_samples WHERE {window} ORDER BY device, t DESC LIMIT 1 BY device"
)

THROTTLED = 0xE0
"""Held down by temperature (software, hardware) or by the power brake, as in the view `throttling_now`."""


def window(begin_ms: int, end_ms: int) -> str:
    """Rows after one moment and until another."""
    moment = "fromUnixTimestamp64Milli(toInt64({}))"
    return f"t > {moment.format(begin_ms)} AND t <= {moment.format(end_ms)}"


@dataclass(frozen=True)
class Samples:
    """A value a cell of each metric, as the history keeps it.

    Parameters
    ----------
    t_ms
        Of the sample; 0 for none.
    present
        Bits of the metrics that are there.
    """

    t_ms: I64
    present: NDArray[np.uint64]
    power_w: NDArray[np.uint16]
    gpu_c: NDArray[np.int16]
    margin_c: NDArray[np.int16]
    clock_event_reasons: NDArray[np.uint32]
    job: NDArray[np.uint32]

    @staticmethod
    def none(cells: int) -> "Samples":
        """Nothing of so many."""
        return Samples(
            np.zeros(cells, np.int64), np.zeros(cells, np.uint64), np.zeros(cells, np.uint16), np.zeros(cells, np.int16),
            np.zeros(cells, np.int16), np.zeros(cells, np.uint32), np.zeros(cells, np.uint32),
        )  # fmt: skip

    def with_newer(self, ask: Ask, ground: Ground, where: str) -> "Samples":
        """These, with those of a window that are newer.

        Raises
        ------
        Away
        """
        found = ask.arrays(_SQL.format(window=where))
        if not len(found["device"]):
            return self
        cells = ground.gpus.find(found["device"])
        t_ms = found["t_ms"]
        newer = (cells >= 0) & (t_ms > self.t_ms[cells])
        at = cells[newer]
        # New arrays: a picture that was given away holds the old ones.
        out = {f.name: getattr(self, f.name).copy() for f in fields(self)}
        for name, array in out.items():
            array[at] = found[name][newer]
        return replace(self, **out)

    def values(self, name: str, since_ms: int) -> F32:
        """Of a metric in its unit; NaN where absent, or older than that."""
        m = _METRICS[name]
        steps = getattr(self, name).astype(np.float32) * np.float32(m.kept_scale)
        return np.where(self.there(name, since_ms), steps, np.float32(np.nan))

    def there(self, name: str, since_ms: int) -> NDArray[np.bool_]:
        """Where a metric is."""
        bit = np.uint64(1 << _METRICS[name].number)
        told: NDArray[np.bool_] = ((self.present & bit) != 0) & (self.t_ms > since_ms)
        return told

    def jobs(self, since_ms: int) -> NDArray[np.uint32]:
        """Numbers of jobs; 0 for none."""
        return np.where(self.there("job", since_ms), self.job, np.uint32(0))

    def throttled(self, since_ms: int) -> int:
        """GPUs that are held down."""
        held = (self.clock_event_reasons & np.uint32(THROTTLED)) != 0
        return int(np.count_nonzero(held & self.there("clock_event_reasons", since_ms)))

    @cached_property
    def newest_ms(self) -> int:
        """Of all; 0 for none."""
        return int(self.t_ms.max(initial=0))


def values_of(samples: Samples, since_ms: int) -> Mapping[str, F32]:
    """The channels that come straight from samples."""
    return {
        "margin": samples.values("margin_c", since_ms), "temperature": samples.values("gpu_c", since_ms),
        "power": samples.values("power_w", since_ms),
    }  # fmt: skip
