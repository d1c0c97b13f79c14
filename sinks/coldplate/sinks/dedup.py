"""Which frames are in the history already, by (source, boot, seq).

An agent sends a frame again when the acknowledgement got lost, and it may send its spool after newer
frames. What is known of a source is a short list of ranges of seq: a source without gaps is one range,
however long it runs, and with every second frame missing the newest 4,096 numbers stay exact.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import cast

from coldplate.wire.frame import Identity

WINDOW = 4096
RANGES_MAX = WINDOW // 2
BOOTS_MAX = 4
"""Starts of an agent that are remembered: frames of an older one can only be in an old spool."""

Known = tuple[str, int, int, int]
"""(source, boot, first seq, last seq), all between them stored."""


class Ranges:
    """A set of whole numbers as sorted ranges; forgets the lowest ones beyond `RANGES_MAX` ranges."""

    __slots__ = ("_ranges",)

    def __init__(self) -> None:
        self._ranges: list[list[int]] = []

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._ranges, number, key=lambda r: r[0])
        return at > 0 and number <= self._ranges[at - 1][1]

    def __len__(self) -> int:
        return len(self._ranges)

    def add(self, first: int, last: int) -> None:
        """Take in all numbers of first to last."""
        ranges = self._ranges
        if ranges and ranges[-1][0] <= first <= ranges[-1][1] + 1:
            ranges[-1][1] = max(ranges[-1][1], last)
            return
        if not ranges or first > ranges[-1][1]:
            ranges.append([first, last])
        else:
            insort(ranges, [first, last])
            self._merge()
        if len(ranges) > RANGES_MAX:
            del ranges[: len(ranges) - RANGES_MAX]

    def _merge(self) -> None:
        merged = [self._ranges[0]]
        for entry in self._ranges[1:]:
            if entry[0] <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], entry[1])
            else:
                merged.append(entry)
        self._ranges = merged


class Dedup:
    """Stored frames of all sources; memory is bounded by source."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[int, Ranges]] = {}

    def __contains__(self, identity: object) -> bool:
        source, boot, seq = cast(Identity, identity)
        boots = self._sources.get(source)
        return boots is not None and boot in boots and seq in boots[boot]

    def __len__(self) -> int:
        return len(self._sources)

    def load(self, known: Iterable[Known]) -> None:
        """Take in what the history says; adds to what is known."""
        for source, boot, first, last in known:
            self._ranges(source, boot).add(first, last)

    def keep(self, identities: Iterable[Identity]) -> None:
        """Take in frames that are stored now. Never earlier: an abandoned batch stores nothing."""
        for source, boot, seq in identities:
            self._ranges(source, boot).add(seq, seq)

    def _ranges(self, source: str, boot: int) -> Ranges:
        boots = self._sources.setdefault(source, {})
        if boot not in boots:
            boots[boot] = Ranges()
            if len(boots) > BOOTS_MAX:
                # Insertion order: the one first heard of.
                del boots[next(iter(boots))]
        return boots[boot]
