"""What certificates know, for a worker that asks history for what detectors had learnt.

Of a rack whose detectors have learnt something that counts; a device, or a detector of it, that has nothing yet gets the
certificate's. A device that was changed since is another one, of which a certificate knows nothing.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from coldplate.console.commission.learnt import DETECTORS, KEYS, begins_with
from coldplate.wire.baseline import VALUES_MAX, Baselines, Block, Learnt, packed
from coldplate.wire.ports import History, HistoryUnavailable

log = logging.getLogger(__name__)

RACKS_AT_ONCE = 50

_RACKS = "SELECT DISTINCT rack FROM certificates WHERE verdict != 'held' ORDER BY rack"
_NEWEST = """
SELECT rack, toUnixTimestamp64Milli(t), JSONExtractRaw(certificate, 'certificate') FROM certificates
WHERE rack IN %(racks)s AND back = 1
"""
_CHANGED = """
SELECT slot, max(toUnixTimestamp64Milli(since)) FROM inventory_changes FINAL WHERE rack IN %(racks)s GROUP BY slot
"""

Key = tuple[str, str]
"""Detector and device."""


class Certified:
    """A `History` that adds what certificates know to what detectors had learnt.

    Parameters
    ----------
    history
        The one that is asked.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """See `History`."""
        return self._history.query(sql, parameters)

    def baselines(self, cluster: str, since_ms: int) -> Iterator[Baselines]:
        """See `History`: what was learnt first, as it is; then what certificates add to it.

        Raises
        ------
        HistoryUnavailable
            For what was learnt; without certificates detection learns what they would have told.
        """
        own: dict[str, tuple[int, set[Key]]] = {}
        for record in self._history.baselines(cluster, since_ms):
            _, known = own.setdefault(record.rack, (record.t_ms, set()))
            known |= _told(record)
            yield record
        try:
            yield from self._of_certificates(cluster, own)
        except HistoryUnavailable as error:
            log.warning("certificates cannot be asked for baselines (%s)", error)

    def _of_certificates(self, cluster: str, own: Mapping[str, tuple[int, set[Key]]]) -> Iterator[Baselines]:  # fmt: skip
        racks = [str(rack) for (rack,) in self.query(_RACKS)[1]]
        for start in range(0, len(racks), RACKS_AT_ONCE):
            some = {"racks": tuple(racks[start : start + RACKS_AT_ONCE])}
            changed_ms = {str(slot): int(ms) for slot, ms in self.query(_CHANGED, some)[1]}
            for rack, t_ms, text in self.query(_NEWEST, some)[1]:
                told = {key: value for key, value in json.loads(text).items() if key in KEYS}
                if "cdu" not in told or (found := begins_with(told, cluster, int(t_ms))) is None:
                    continue
                of_own_ms, known = own.get(str(rack), (int(t_ms), set()))
                gone = {d for d, ms in changed_ms.items() if ms > int(t_ms)}
                # Of a rack's records those of its newest tick are taken together.
                yield from _left(found, known, gone, of_own_ms)


def _told(record: Baselines) -> set[Key]:
    """Who has learnt something, of the detectors that a certificate could tell something."""
    return {
        (entry.detector, block.devices[at])
        for block in record.blocks
        for entry in block.learnt
        if entry.detector in DETECTORS
        for at in np.flatnonzero(np.isfinite(entry.array("value"))).tolist()
    }


def _left(found: Baselines, known: set[Key], gone: set[str], t_ms: int) -> Iterator[Baselines]:
    """What is not known of a device by its detector, in as many records as it takes; nothing of a line in part."""
    blocks: list[Block] = []
    size = 0
    for block in found.blocks:
        learnt = []
        for entry in block.learnt:
            free = np.array([
                d not in gone and (entry.detector, d) not in known for d in block.devices
            ], np.bool_)  # fmt: skip
            value = np.where(free, entry.array("value"), np.nan)
            if np.isfinite(value).any():
                learnt.append(Learnt(entry.detector, entry.name, entry.unit, packed(value), entry.age_s, entry.learnt_ms, entry.samples))  # fmt: skip
        if not learnt:
            continue
        if blocks and size + len(block.devices) * len(learnt) > VALUES_MAX:
            yield Baselines(found.cluster, found.rack, t_ms, tuple(blocks))
            blocks, size = [], 0
        blocks.append(Block(block.kind, block.devices, tuple(learnt)))
        size += len(block.devices) * len(learnt)
    if blocks:
        yield Baselines(found.cluster, found.rack, t_ms, tuple(blocks))
