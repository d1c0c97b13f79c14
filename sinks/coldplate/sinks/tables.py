"""The sample tables: which metrics of the catalogue stand in which, and under which column names."""

from dataclasses import dataclass

from coldplate.wire.metric import CATALOGUE, Kind, Metric

RAW_DAYS = 30
"""Days for which raw samples are kept."""

_INTEGERS = {"f4": "i4", "f8": "i8"}


@dataclass(frozen=True, slots=True)
class SampleTable:
    """One table of samples: a row a device a tick.

    Parameters
    ----------
    name
        In ClickHouse.
    kind
        Of the devices.
    metrics
        Catalogue entries in it.
    sparse
        True when only those ticks have a row that bring one of its metrics.
    """

    name: str
    kind: Kind
    metrics: tuple[Metric, ...]
    sparse: bool = False

    @property
    def bits(self) -> int:
        """`present` when everything is there."""
        return sum(1 << m.number for m in self.metrics)


def raw_column(metric: Metric) -> str:
    """The physical column of a metric; its plain name is the alias with the value in its unit.

    `_raw` is as on the wire, `_steps` counts the history's own resolution.
    """
    return f"{metric.name}_raw" if is_as_on_wire(metric) else f"{metric.name}_steps"


def is_as_on_wire(metric: Metric) -> bool:
    """False for floats, which are kept as whole steps, and for what is kept more coarsely."""
    return metric.dtype[0] != "f" and metric.kept_scale == metric.scale


def kept_dtype(metric: Metric) -> str:
    """Of the physical column: always a whole number, for noise in a mantissa cannot be compressed."""
    return _INTEGERS.get(metric.dtype, metric.dtype)


def _tables() -> tuple[SampleTable, ...]:
    # Slow GPU metrics come every 10 to 60 ticks: beside the fast ones they would be mostly nothing.
    gpu = CATALOGUE[Kind.GPU]
    fast = tuple(m for m in gpu if m.rate == "fast")
    slow = tuple(m for m in gpu if m.rate == "slow")
    others = [k for k in Kind if k is not Kind.GPU]
    return (
        SampleTable("gpu_samples", Kind.GPU, fast),
        SampleTable("gpu_slow_samples", Kind.GPU, slow, sparse=True),
        *(SampleTable(f"{k.word}_samples", k, CATALOGUE[k]) for k in others),
    )


SAMPLE_TABLES = _tables()
