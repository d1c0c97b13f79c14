"""What detectors had learnt, for a replay that begins in the middle of things.

The history keeps the newest baselines only. Where these are from after the beginning, averages and fitted lines are
taken all the same, dated back to the beginning, because without them detectors of slow wear would judge nothing; what
tells of moments, such as since when, is left out. So a replay may know a little of what came later: both settings alike.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from coldplate.sinks.baselines import read_baselines
from coldplate.sinks.client import Client
from coldplate.streams.recall import OLD_MS
from coldplate.streams.regression import NAMES as LINE
from coldplate.wire.baseline import Baselines, Learnt, packed


@dataclass(frozen=True, slots=True)
class Known:
    """Baselines at the beginning.

    Parameters
    ----------
    records
        For `Keeping.expect`.
    later
        How many of the racks were written down after the beginning.
    """

    records: tuple[Baselines, ...] = ()
    later: int = 0

    @property
    def racks(self) -> int:
        """How many racks something is known of."""
        return len({record.rack for record in self.records})


def known_at(client: Client, cluster: str, begin_ms: int, racks: Iterable[str]) -> Known:
    """Baselines of racks (none named: of all) as of a time.

    Raises
    ------
    HistoryDown, HistoryRefused
    """
    wanted = set(racks)
    found = [
        record
        for record in read_baselines(client.execute, cluster, begin_ms - OLD_MS)
        if not wanted or record.rack in wanted
    ]
    later = [record for record in found if record.t_ms >= begin_ms]
    kept = tuple(_dated_back(r, begin_ms) if r.t_ms >= begin_ms else r for r in found)
    return Known(kept, len({record.rack for record in later}))


def _dated_back(record: Baselines, begin_ms: int) -> Baselines:
    blocks = tuple(
        replace(block, learnt=tuple(_timeless(block.learnt, begin_ms))) for block in record.blocks
    )
    return replace(record, t_ms=begin_ms, blocks=blocks)


def _timeless(learnt: Iterable[Learnt], begin_ms: int) -> Iterator[Learnt]:
    for entry in learnt:
        age_s = entry.array("age_s")
        if entry.name in LINE:
            yield replace(entry, learnt_ms=b"")
        elif np.isfinite(age_s).any():
            yield replace(entry, learnt_ms=packed(np.full(len(age_s), float(begin_ms))))
