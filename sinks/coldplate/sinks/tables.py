"""The sample tables: which metrics of the catalogue stand in which, and under which column names."""

from dataclasses import dataclass

from coldplate.wire.metric import CATALOGUE, Kind, Metric

RAW_DAYS = 30
"""Days for which raw samples are kept."""


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
    """The physical column of a metric; its plain name is the alias with the value in its unit."""
    return f"{metric.name}_raw"


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
