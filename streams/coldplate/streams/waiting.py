"""Frames that wait to be written, in waves: of each rack what may be written, and judged, at once.

A batch that catches up has several frames of a source, partition by partition, and so does one in which sources send short
frames. What is compared within a rack has to be judged before its ring is used again, so a rack's frames wait in the
order in which they came, and begin another wave whenever one comes of a source that the last wave has already. Racks have
nothing to do with each other: the same waves of all of them are written and judged together, as few calls as there are
waves in the longest, where a hundred racks a call would cost almost as much as a thousand.
"""

from collections.abc import Sequence

from coldplate.streams.fleet import Rows
from coldplate.wire.frame import Frame, Part
from coldplate.wire.layout import Layout

Shape = tuple[Layout, int, int, bool, int, int]
"""(layout, ticks, devices, masked, first tick, its length): what blocks that are written at once share."""

Wave = dict[Shape, list[tuple[Part, Rows]]]
"""Blocks with their rows, by their shape."""


class Waiting:
    """Frames in waves; a source's are in order, and so are a rack's."""

    def __init__(self) -> None:
        self._waves: list[Wave] = []
        self._of_source: dict[str, int] = {}
        self._of_rack: dict[str, int] = {}

    def add(self, frame: Frame, rows_of: Sequence[Rows]) -> None:
        """A frame waits; `rows_of` are the rows of each of its parts."""
        head = frame.head
        number = max(self._of_rack.get(head.rack, 0), self._of_source.get(head.source, -1) + 1)
        self._of_rack[head.rack] = self._of_source[head.source] = number
        if number == len(self._waves):
            self._waves.append({})
        wave = self._waves[number]
        for part, rows in zip(frame.parts, rows_of, strict=True):
            key = (
                part.layout, head.ticks, len(part.devices), bool(part.mask), head.tick, head.tick_ms,
            )  # fmt: skip
            if (alike := wave.get(key)) is None:
                alike = wave[key] = []
            alike.append((part, rows))

    def take(self) -> list[Wave]:
        """All that waits, the first wave first; nothing waits afterwards."""
        out, self._waves = self._waves, []
        self._of_source.clear()
        self._of_rack.clear()
        return out
